"""Exercise of *Transfer learning*: a network gets a head for other classes, and stays itself besides."""

import copy

import torch
from torch import nn

from coursekit.checks.core import Exercise, register
from coursekit.checks.trial import UnusableAnswerError
from coursekit.models.transfer import replace_head as _reference

__all__ = ["replace_head"]


class _Named(nn.Module):
    """A network whose children are not all there is to it: something happens between them."""

    def __init__(self, width, classes, name, bias=True):
        super().__init__()
        self.first = nn.Linear(4, width + 2)
        self.norm = nn.BatchNorm1d(width + 2)
        self.second = nn.Linear(width + 2, width)
        self.add_module(name, nn.Linear(width, classes, bias=bias))

    def forward(self, x):
        h = torch.relu(self.norm(self.first(x)))
        h = torch.tanh(self.second(h)) - 0.1
        return list(self.children())[-1](h)


def _chain(width, classes):
    return nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, classes))


_BUILT = {
    "head": lambda width, classes: _Named(width, classes, "head"),
    "fc": lambda width, classes: _Named(width, classes, "fc"),
    "chain": _chain,
    "without bias": lambda width, classes: _Named(width, classes, "head", bias=False),
}


def _cases(rng):
    for kind, width, old, new in (
        ("head", 6, 10, 3),
        ("chain", 5, 7, 2),
        ("fc", 8, 4, 9),  # more classes than before
        ("without bias", 5, 6, 4),
        ("head", 6, 5, 5),  # as many as before
        ("chain", 7, 3, 1),
    ):
        yield kind, width, old, new, int(rng.integers(1000))


def _network(kind, width, classes, seed):
    """A network with weights, and running means, that depend on `seed` alone."""
    network, chance = _BUILT[kind](width, classes), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in network.state_dict().values():
            if value.is_floating_point():
                value.copy_(torch.rand(value.shape, generator=chance) + 0.1)
    return network.eval()


def _use(obj, kind, width, old, new, seed):
    """What the new network is, what its body makes of some rows, and what has become of the first one."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        given = _network(kind, width, old, seed)
        before = copy.deepcopy(given)
        x = torch.rand(3, 4)
        made = _expect_network(_called(obj, given, new), given)
        return {
            "children": ", ".join(name for name, _ in made.named_children()),
            "last child": _kind(list(made.children())[-1]),
            "shape of the scores": str(tuple(_answered(made, x).shape)),
            "shape of the head's weight": str(_shape(made, "weight")),
            "shape of the head's bias": str(_shape(made, "bias")),
            "whether the first network is as it was": str(given) == str(before) and _same(given, before),
            "weights in common with the first network": _names(made, _memory(given)),
            "whether the body is the first network's": _bodies_agree(made, before, x),
            "whether the head is new": not _taken_over(list(made.children())[-1], list(before.children())[-1]),
            "whether the head learns": all(p.requires_grad for p in list(made.children())[-1].parameters()),
        }


_NAME = (
    "The head is called otherwise in other networks (`head`, `fc`, in an nn.Sequential a number). Take the last pair of "
    "`named_children()`, and put the new layer there with `setattr(copied, name, ...)`."
)
_EXPLAINED = {  # what Python says, and what a beginner has done
    "Boolean value of Tensor": "`bias` is True or False: `bias=old.bias is not None`.",
    "'generator' object": "`named_children()` hands out one by one. `list(...)` around it makes a list, whose last is `[-1]`.",
    "'Linear' object": "The head is an nn.Linear: it has `in_features`, `out_features`, `weight` and `bias`.",
    "object has no attribute": _NAME,
    "object is not subscriptable": _NAME,
    "object does not support item assignment": _NAME,
}


def _called(obj, given, new):
    try:
        return obj(given, new)
    except NotImplementedError:  # nothing is written yet
        raise
    except (RuntimeError, AttributeError, TypeError) as error:
        if said := next((text for part, text in _EXPLAINED.items() if part in str(error)), None):
            error.args = (f"{error}. {said}",)
        raise


def _kind(layer):
    within = ", ".join(_kind(part) for part in layer.children())
    return type(layer).__name__ + (f"({within})" if within else "")


def _expect_network(made, given):
    if made is None:
        raise UnusableAnswerError("Nothing comes back. End with `return`, and the name of the new network.")
    if not isinstance(made, nn.Module):
        raise UnusableAnswerError(f"Return the new network, not a {type(made).__name__}.")
    if isinstance(made, nn.Linear):
        raise UnusableAnswerError("Only the new head comes back. Put it in the copy, and return the copy.")
    if not list(made.children()):
        raise UnusableAnswerError("The network that comes back has no layers.")
    was, now = ([name for name, _ in network.named_children()] for network in (given, made))
    if len(now) >= len(was) and now[: len(was) - 1] == was[:-1] and now != was:
        raise UnusableAnswerError(
            f"The head is the child {was[-1]!r}; your new layer is {now[-1]!r}. `copied.name = ...` makes a child that is "
            "called just that. The name that you were told by `named_children()` goes through `setattr(copied, name, ...)`."
        )
    return made


def _answered(made, x):
    try:
        with torch.no_grad():
            return made.eval()(x)
    except RuntimeError as error:
        raise UnusableAnswerError(
            "The new network does not run: a layer gets more or fewer numbers than it takes. The new head takes as many "
            f"as the old one, `in_features`, and everything before it stays. PyTorch says: {error}."
        ) from error


def _shape(made, name):
    value = getattr(list(made.children())[-1], name, None)
    return None if value is None else tuple(value.shape)


def _same(network, before):
    was = before.state_dict()
    now = network.state_dict()
    return was.keys() == now.keys() and all(torch.equal(was[name], value) for name, value in now.items())


def _memory(network):
    return {value.data_ptr() for value in network.state_dict().values()}


def _names(made, memory):
    return ", ".join(name for name, value in made.state_dict().items() if value.data_ptr() in memory) or "none"


def _bodies_agree(made, before, x):
    """Whether the last children are given the same numbers."""
    came = []
    for network in (made, before):
        hook = list(network.children())[-1].register_forward_pre_hook(lambda _, given: came.append(given[0]))
        _answered(network, x)
        hook.remove()
    return len(came) == 2 and came[0].shape == came[1].shape and torch.allclose(came[0], came[1])


def _taken_over(new, old):
    """Whether a row of the new head's weights is one of the old's."""
    if not isinstance(new, nn.Linear) or new.in_features != old.in_features:
        return False
    return bool((new.weight[:, None] == old.weight[None]).all(dim=-1).any())


# -- wrong answers -------------------------------------------------------------------------------------------------------


def _last(network):
    return list(network.named_children())[-1]


def _in_place(network, classes):
    name, old = _last(network)
    setattr(network, name, nn.Linear(old.in_features, classes, bias=old.bias is not None))
    return network


def _in_place_then_copied(network, classes):
    return copy.deepcopy(_in_place(network, classes))


def _in_the_wrong_one(network, classes):
    made = copy.deepcopy(network)
    _in_place(network, classes)
    return made


def _first_comes_back(network, classes):
    return network


def _in_place_with_a_bias(network, classes):
    name, old = _last(network)
    setattr(network, name, nn.Linear(old.in_features, classes))
    return network


def _shallow(network, classes):
    made = copy.copy(network)
    made._modules = dict(network._modules)
    return _in_place(made, classes)


def _number_only(network, classes):
    made = copy.deepcopy(network)
    _last(made)[1].out_features = classes
    return made


def _one_more(network, classes):
    return nn.Sequential(copy.deepcopy(network), nn.Linear(_last(network)[1].out_features, classes))


def _head_twice(network, classes):
    made = copy.deepcopy(network)
    name, old = _last(made)
    bias = old.bias is not None
    setattr(made, name, nn.Sequential(old, nn.Linear(old.out_features, classes, bias=bias)))
    return made


def _strung(network, classes):
    made = copy.deepcopy(network)
    old = _last(made)[1]
    new = nn.Linear(old.in_features, classes, bias=old.bias is not None)
    return nn.Sequential(*list(made.children())[:-1], new)


def _strung_and_shared(network, classes):
    old = _last(network)[1]
    new = nn.Linear(old.in_features, classes, bias=old.bias is not None)
    return nn.Sequential(*list(network.children())[:-1], new)


def _square(network, classes):
    made = copy.deepcopy(network)
    name, old = _last(made)
    setattr(made, name, nn.Linear(classes, old.in_features, bias=old.bias is not None))
    return made


def _from_old_classes(network, classes):
    made = copy.deepcopy(network)
    name, old = _last(made)
    setattr(made, name, nn.Linear(old.out_features, classes, bias=old.bias is not None))
    return made


def _old_rows_kept(network, classes):
    made = _reference(network, classes)
    old, new = _last(network)[1], _last(made)[1]
    n = min(len(old.weight), classes)
    with torch.no_grad():
        new.weight[:n] = old.weight[:n]
    return made


def _rows_cut(network, classes):
    made = copy.deepcopy(network)
    head = _last(made)[1]
    head.weight = nn.Parameter(head.weight[:classes].detach().clone())
    if head.bias is not None:
        head.bias = nn.Parameter(head.bias[:classes].detach().clone())
    head.out_features = len(head.weight)
    return made


def _everything_new(network, classes):
    made = _reference(network, classes)
    for layer in made.modules():
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()
    return made


def _always_a_bias(network, classes):
    made = copy.deepcopy(network)
    name, old = _last(made)
    setattr(made, name, nn.Linear(old.in_features, classes))
    return made


def _never_a_bias(network, classes):
    made = copy.deepcopy(network)
    name, old = _last(made)
    setattr(made, name, nn.Linear(old.in_features, classes, bias=False))
    return made


def _body_alone(network, classes):
    made = copy.deepcopy(network)
    setattr(made, _last(made)[0], nn.Identity())
    return made


def _frozen_too(network, classes):
    return _reference(network, classes).requires_grad_(False)


def _by_add_module(network, classes):
    """Right: another way to name a child."""
    new = copy.deepcopy(network)
    *_, (name, old) = new.named_children()
    new.add_module(name, nn.Linear(in_features=old.in_features, out_features=classes, bias=old.bias is not None))
    return new


def _by_new_weights(network, classes):
    """Right: the old layer of the copy, with other weights."""
    new = copy.deepcopy(network)
    head = list(new.children())[-1]
    head.weight = nn.Parameter(torch.randn(classes, head.in_features) / head.in_features**0.5)
    if head.bias is not None:
        head.bias = nn.Parameter(torch.zeros(classes))
    head.out_features = classes
    return new


_IN_PLACE = (
    "The network that was handed in gets the new head itself: whoever needs it with its old classes has lost it. Work "
    "on a copy, `copy.deepcopy(network)`; a second name is none, and `copy.copy` keeps the same list of layers."
)
_SHALLOW = (
    "The copy shares its layers with the first network: what one learns, the other forgets. `copy.deepcopy(network)` "
    "copies the weights too."
)
_STRUNG = (
    "You strung the children together in an nn.Sequential. What the network's own `forward` does between them is lost, "
    "and so are their names. Keep the copy, and replace its last child alone."
)
_ONE_MORE = (
    "The old head is still there, and the new layer sees nothing but its scores for the old classes. It should take the "
    "old one's place, and see what the old one saw."
)

replace_head = register(
    Exercise(
        id="transfer.replace_head",
        notebook="transfer_learning",
        reference=_reference,
        cases=_cases,
        call=_use,
        difficulty=2,
        minutes=10,
        points=2,
        seconds=5.0,
        hints=[
            "Three steps: a deep copy of the network; the name of its last child, and the child itself; a new dense layer "
            "under that name.",
            "`name, old = list(copied.named_children())[-1]`. The old layer tells how many numbers come in: "
            "`old.in_features`; and whether it has a bias: `old.bias is not None`.",
            "`setattr(copied, name, nn.Linear(old.in_features, classes, bias=old.bias is not None))`.",
        ],
        misconceptions={
            _in_place: _IN_PLACE,
            _in_place_with_a_bias: _IN_PLACE,
            _in_place_then_copied: _IN_PLACE,
            _in_the_wrong_one: "The new head went into the network that was handed in, and the copy has kept the old one. It "
            "is the copy that changes.",
            _first_comes_back: "You return the network that was handed in. Return the copy.",
            _shallow: _SHALLOW,
            _number_only: "The head still has the weights of the old classes (`out_features` is only a note). Put a new "
            "nn.Linear in its place.",
            _one_more: _ONE_MORE,
            _head_twice: _ONE_MORE,
            _strung: _STRUNG,
            _strung_and_shared: _STRUNG,
            _square: "The numbers are the wrong way round: nn.Linear takes first what comes in, then what goes out.",
            _from_old_classes: "The new head takes as many numbers as there were classes, `out_features`. It takes what the "
            "old one took, `in_features`.",
            _old_rows_kept: "Rows of the old head are kept: the first new class would begin as the first old one. All of the "
            "head is new.",
            _rows_cut: "You cut the old head short. Its rows are the old classes, which have nothing to do with the new ones: "
            "make a new nn.Linear.",
            _everything_new: "All layers got new weights. What the network has learned is in them: only the head is new.",
            _always_a_bias: "The new head has a bias although the old one had none: `bias=old.bias is not None`.",
            _never_a_bias: "The new head has no bias although the old one had one: `bias=old.bias is not None`.",
            _body_alone: "The head is taken away, but none put in its place.",
            _frozen_too: "The new head is frozen, so that nothing can learn.",
        },
        variants=(_by_add_module, _by_new_weights),
    )
)
