"""Exercise of *Transfer learning*: the late layers learn faster than the early ones."""

import torch
from torch import nn

from coursekit.checks.core import Exercise, register
from coursekit.checks.trial import UnusableAnswerError
from coursekit.models.transfer import layer_rates

__all__ = ["layers"]


class _Named(nn.Module):
    """Children with names, a pooling among them, and layers within layers."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 3, 3, bias=False), nn.BatchNorm2d(3), nn.ReLU())
        self.blocks = nn.Sequential(nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU()), nn.Sequential(nn.Conv2d(4, 5, 1)))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flat = nn.Flatten()
        self.head = nn.Linear(5, 2)


def _chain():
    return nn.Sequential(nn.Linear(2, 5), nn.ReLU(), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3))


def _first_frozen():
    network = _Named()
    network.stem.requires_grad_(False)
    return network


def _partly_frozen():
    network = _Named()
    network.blocks[0].requires_grad_(False)
    return network


def _norms_frozen():
    """The middle is frozen, and so are single weights of the layers on either side."""
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 4), nn.Linear(4, 2))
    network[1].requires_grad_(False)
    network[0].weight.requires_grad_(False)
    return network


_BUILT = {
    "chain": _chain,
    "named": _Named,
    "first frozen": _first_frozen,
    "partly frozen": _partly_frozen,
    "norms frozen": _norms_frozen,
    "head": lambda: nn.Sequential(nn.Flatten(), nn.Linear(3, 2)),
}


def _cases(rng):
    for kind, lr, decay in (
        ("chain", 1.0, 0.1),
        ("named", 0.01, 0.3),
        ("first frozen", 0.001, 0.5),
        ("partly frozen", 0.1, 0.4),
        ("norms frozen", 0.1, 0.25),
        ("chain", 0.02, 1.0),  # all at the same rate
        ("head", 0.1, 0.5),  # one layer alone
    ):
        yield kind, lr * float(rng.uniform(0.5, 2)), decay


def _use(obj, kind, lr, decay):
    """The groups as an optimiser would see them: names of weights, and a rate."""
    with torch.random.fork_rng(devices=[]):
        network = _BUILT[kind]()
    asked = [p.requires_grad for p in network.parameters()]
    found = _expect_list(obj(network, lr, decay))
    names = {id(p): name for name, p in network.named_parameters()}
    groups = [_group(group, names) for group in found]
    if [p.requires_grad for p in network.parameters()] != asked:
        raise UnusableAnswerError(
            "You freeze weights, or thaw them. Leave them as they are: only their rates are asked."
        )
    if groups and not any(weights for weights, _ in groups):
        raise UnusableAnswerError(
            "All groups are empty. A generator, as `parameters()` is, can be gone through once: whoever looks into it "
            "first uses it up. Make a list of it first: `list(child.parameters())`."
        )
    groups = [group for group in groups if group[0]]  # an empty one does no harm
    return {
        "groups": "; ".join(", ".join(weights) for weights, _ in groups),
        "rates": [rate for _, rate in groups],
    }


def _expect_list(found):
    if found is None:
        raise UnusableAnswerError("Nothing comes back. End with `return`, behind the loop.")
    if hasattr(found, "__next__"):
        raise UnusableAnswerError("`yield` hands the groups out one by one. Collect them in a list, and return it.")
    if isinstance(found, dict):
        raise UnusableAnswerError("One dict comes back. An optimiser takes a list of them, one for each layer.")
    if not isinstance(found, list | tuple):
        raise UnusableAnswerError(f"Return a list of groups, not a {type(found).__name__}.")
    if all(isinstance(group, int | float) for group in found):
        raise UnusableAnswerError('These are the rates alone. Each group is a dict: `{"params": weights, "lr": rate}`.')
    return found


def _group(group, names):
    """The names of a group's weights, in the network's order, and its rate."""
    if not isinstance(group, dict) or not {"params", "lr"} <= group.keys():
        has = f"one with {', '.join(map(repr, group))}" if isinstance(group, dict) else f"a {type(group).__name__}"
        raise UnusableAnswerError(f'Each group is a dict with "params" and "lr", as an optimiser takes it; got {has}.')
    weights = group["params"]
    if callable(weights):
        raise UnusableAnswerError("A method stands where weights should be. With brackets: `child.parameters()`.")
    weights = [weights] if isinstance(weights, torch.Tensor) else list(weights)
    if any(isinstance(p, tuple | str) for p in weights):
        raise UnusableAnswerError("Names stand among the weights. `parameters()` gives the weights without them.")
    if any(isinstance(p, nn.Module) for p in weights):
        raise UnusableAnswerError("Layers stand where weights should be: `list(child.parameters())`.")
    if any(isinstance(p, list) for p in weights):
        raise UnusableAnswerError("Lists stand among the weights. A group holds the weights of one child, in one list.")
    if any(id(p) not in names for p in weights):
        raise UnusableAnswerError(
            "A weight is not the network's own. Hand the optimiser the weights, not copies of them."
        )
    order = list(names)
    try:
        return [names[key] for key in sorted(map(id, weights), key=order.index)], float(group["lr"])
    except (TypeError, ValueError) as error:
        raise UnusableAnswerError(f'"lr" is one number, got {group["lr"]!r}.') from error


# -- wrong answers -------------------------------------------------------------------------------------------------------


def _learning(part):
    return [p for p in part.parameters() if p.requires_grad]


def _with_weights(network):
    return [weights for weights in map(_learning, network.children()) if weights]


def _at(rate):
    """A wrong answer with the right groups; `rate` is given lr, decay, the place from the end, and how many there are."""

    def wrong(network, lr, decay):
        layers = _with_weights(network)
        n = len(layers)
        return [{"params": w, "lr": rate(lr, decay, n - 1 - k, n)} for k, w in enumerate(layers)]

    return wrong


_first_fastest = _at(lambda lr, decay, k, n: lr * decay ** (n - 1 - k))
_head_decayed = _at(lambda lr, decay, k, n: lr * decay ** (k + 1))
_divided = _at(lambda lr, decay, k, n: lr / decay**k)
_by_products = _at(lambda lr, decay, k, n: lr * decay * k)
_head_undecayed_products = _at(lambda lr, decay, k, n: lr * decay * k if k else lr)
_one_step_down = _at(lambda lr, decay, k, n: lr * decay if k else lr)
_straight_down = _at(lambda lr, decay, k, n: lr * (1 - decay * k))
_straight_between = _at(lambda lr, decay, k, n: lr - (lr - lr * decay) * k / max(n - 1, 1))
_divided_by_place = _at(lambda lr, decay, k, n: lr / (1 + decay * k))
_rest_kept = _at(lambda lr, decay, k, n: lr * (1 - decay) ** k)
_all_alike = _at(lambda lr, decay, k, n: lr)
_subtracted = _at(lambda lr, decay, k, n: lr - decay * k)
_overwritten = _at(lambda lr, decay, k, n: lr * decay ** sum(range(k, n)))
_powers_of_lr = _at(lambda lr, decay, k, n: (lr * decay) ** k)
_last_first = lambda network, lr, decay: layer_rates(network, lr, decay)[::-1]  # noqa: E731


def _rates_alone_reversed(network, lr, decay):
    groups = layer_rates(network, lr, decay)
    return [{"params": g["params"], "lr": h["lr"]} for g, h in zip(groups[::-1], groups, strict=True)]


def _all_children_count(network, lr, decay):
    children = list(network.children())
    n = len(children)
    found = [{"params": _learning(child), "lr": lr * decay ** (n - 1 - k)} for k, child in enumerate(children)]
    return [group for group in found if group["params"]]


def _frozen_count(network, lr, decay):
    layers = [child for child in network.children() if list(child.parameters())]
    found = [{"params": _learning(child), "lr": lr * decay**k} for k, child in enumerate(layers[::-1])]
    return [group for group in found[::-1] if group["params"]]


def _frozen_included(network, lr, decay):
    layers = [list(child.parameters()) for child in network.children()]
    layers = [weights for weights in layers if weights]
    return [{"params": w, "lr": lr * decay**k} for k, w in zip(range(len(layers))[::-1], layers, strict=True)]


def _all_and_frozen(network, lr, decay):
    children = list(network.children())
    return [{"params": list(c.parameters()), "lr": lr * decay**k} for k, c in enumerate(children[::-1])][::-1]


def _frozen_in_layers_that_learn(network, lr, decay):
    layers = [list(c.parameters()) for c in network.children() if any(p.requires_grad for p in c.parameters())]
    return [{"params": w, "lr": lr * decay**k} for k, w in zip(range(len(layers))[::-1], layers, strict=True)]


def _only_wholly_free(network, lr, decay):
    layers = [list(c.parameters()) for c in network.children() if all(p.requires_grad for p in c.parameters())]
    layers = [weights for weights in layers if weights]
    return [{"params": w, "lr": lr * decay**k} for k, w in zip(range(len(layers))[::-1], layers, strict=True)]


def _all_of_nothing(network, lr, decay):
    layers = [list(c.parameters()) for c in network.children() if all(p.requires_grad for p in c.parameters())]
    return [{"params": w, "lr": lr * decay**k} for k, w in zip(range(len(layers))[::-1], layers, strict=True)]


def _same_dict(network, lr, decay):
    return [layer_rates(network, lr, decay)[-1]] * len(_with_weights(network))


def _first_alone(network, lr, decay):
    return layer_rates(network, lr, decay)[:1]


def _every_weight_alike(network, lr, decay):
    return [{"params": [p], "lr": lr} for p in network.parameters()]


def _one_group(network, lr, decay):
    return [{"params": _learning(network), "lr": lr}]


def _everything_each_time(network, lr, decay):
    groups = layer_rates(network, lr, decay)
    return [{"params": _learning(network), "lr": group["lr"]} for group in groups]


def _weight_by_weight(network, lr, decay):
    weights = _learning(network)
    return [{"params": [p], "lr": lr * decay**k} for k, p in enumerate(weights[::-1])][::-1]


def _direct_weights(network, lr, decay):
    layers = [[p for p in c.parameters(recurse=False) if p.requires_grad] for c in network.children()]
    layers = [weights for weights in layers if weights]
    return [{"params": w, "lr": lr * decay**k} for k, w in zip(range(len(layers))[::-1], layers, strict=True)]


def _innermost(network, lr, decay):
    layers = [[p for p in m.parameters(recurse=False) if p.requires_grad] for m in network.modules()]
    layers = [weights for weights in layers if weights]
    return [{"params": w, "lr": lr * decay**k} for k, w in zip(range(len(layers))[::-1], layers, strict=True)]


def _all_modules(network, lr, decay):
    layers = [weights for weights in map(_learning, network.modules()) if weights]
    return [{"params": w, "lr": lr * decay**k} for k, w in zip(range(len(layers))[::-1], layers, strict=True)]


def _those_with_a_weight(network, lr, decay):
    children = [child for child in network.children() if hasattr(child, "weight")]
    return [{"params": list(c.parameters()), "lr": lr * decay**k} for k, c in enumerate(children[::-1])][::-1]


def _head_and_rest(network, lr, decay):
    *rest, head = _with_weights(network)
    body = [p for weights in rest for p in weights]
    return [{"params": body, "lr": lr * decay}, {"params": head, "lr": lr}] if body else [{"params": head, "lr": lr}]


def _head_forgotten(network, lr, decay):
    return layer_rates(network, lr, decay)[:-1]


def _nibbled(network, lr, decay):
    layers = [(p for p in c.parameters() if p.requires_grad) for c in network.children()]
    layers = [weights for weights in layers if any(True for _ in weights)]
    return [{"params": w, "lr": lr * decay**k} for k, w in zip(range(len(layers))[::-1], layers, strict=True)]


def _biases_forgotten(network, lr, decay):
    return [
        {"params": [p for p in group["params"] if p.ndim > 1], "lr": group["lr"]}
        for group in layer_rates(network, lr, decay)
    ]


def _from_behind(network, lr, decay):
    """Right: the rate shrinks on the way to the front; the weights as generators."""
    groups, rate = [], lr
    for child in reversed(list(network.children())):
        if any(p.requires_grad for p in child.parameters()):
            groups.insert(0, {"params": filter(lambda p: p.requires_grad, child.parameters()), "lr": rate})
            rate = rate * decay
    return groups


def _with_empty_groups(network, lr, decay):
    """Right: an empty group does no harm, if it does not count."""
    groups, rate = [], lr
    for child in list(network.children())[::-1]:
        weights = [p for p in child.parameters() if p.requires_grad]
        groups.append({"params": weights, "lr": rate})
        rate *= decay if weights else 1
    return groups[::-1]


_FROZEN_STAY = "Frozen weights are handed to the optimiser too. They have nothing to learn: take only those with `p.requires_grad`."
_DEEPER = "Weights that lie deeper are missing: a child may be a whole block. `child.parameters()` finds all of them."
_POWER = "From layer to layer the rate is *multiplied* by `decay`: `lr * decay ** k`, with k = 0 for the head."

layers = register(
    Exercise(
        id="rates.layers",
        notebook="transfer_learning",
        reference=layer_rates,
        cases=_cases,
        call=_use,
        difficulty=3,
        minutes=12,
        points=3,
        seconds=5.0,
        hints=[
            "First a list with the weights of each child, then throw out what is empty, and only then count: the last has "
            "place 0, the one before it 1.",
            "`weights = [p for p in child.parameters() if p.requires_grad]` for each child of `network.children()`. An "
            "empty list counts as False.",
            "With n lists left, list i gets `lr * decay ** (n - 1 - i)`: "
            '`groups.append({"params": weights, "lr": lr * decay ** (n - 1 - i)})`.',
        ],
        misconceptions={
            _first_fastest: "The first layer gets the highest rate. It is the other way round: the head gets `lr`, each layer "
            "before it `decay` times as much as the next.",
            _rates_alone_reversed: "The groups come last layer first, and their rates first layer first: the head learns slowest.",
            _last_first: "Right, but from last to first. Hand the groups back in the network's order.",
            _head_decayed: "The head gets `lr * decay`. It gets `lr` itself: begin to count at 0.",
            _divided: "You divide by `decay`, so early layers learn fastest. Multiply.",
            _by_products: _POWER,
            _head_undecayed_products: _POWER,
            _straight_down: _POWER,
            _straight_between: _POWER,
            _divided_by_place: _POWER,
            _one_step_down: "Every layer before the head gets the same rate. " + _POWER,
            _subtracted: _POWER,
            _overwritten: "`lr` is overwritten in the loop, so each layer begins from the last one's rate. Give the new rate a "
            "name of its own.",
            _rest_kept: "You multiply by 1 - decay. `decay` itself is what is left from one layer to the one before it.",
            _powers_of_lr: "`lr` is raised to the power too. Only `decay` is: `lr * decay ** k`.",
            _all_alike: "All layers get the same rate. " + _POWER,
            _all_children_count: "Children without weights to learn (ReLU, pooling, frozen ones) count in the power. Throw them "
            "out first, then count.",
            _all_and_frozen: "Children without weights to learn (ReLU, pooling, frozen ones) count in the power, and frozen "
            "weights are handed over. Take the weights with `p.requires_grad`, throw out empty lists, then count.",
            _frozen_count: "Frozen layers count in the power. Throw them out first, then count.",
            _only_wholly_free: "A child with one frozen weight is thrown out, although its others may learn. Throw out weights, "
            "not children; then lists that are empty.",
            _all_of_nothing: "`all` of nothing is True: children without any weight (ReLU, pooling) count in the power. Make "
            "lists of weights, and throw out those that are empty.",
            _frozen_included: _FROZEN_STAY,
            _frozen_in_layers_that_learn: _FROZEN_STAY,
            _same_dict: "Every group is the last one: one and the same dict stands in the list several times. Make a new dict "
            "for each layer.",
            _first_alone: "Only the first group comes back. `return` belongs behind the loop.",
            _every_weight_alike: "Each weight tensor is a group, all at the same rate. One group for each child, slower and "
            "slower to the front.",
            _one_group: "All weights are in one group. One group for each child that has weights to learn.",
            _everything_each_time: "Each group holds the weights of the whole network. Take those of its own child: "
            "`child.parameters()`.",
            _weight_by_weight: "Each weight tensor is a group, so a layer's weight and its bias get different rates. One group "
            "for each child.",
            _direct_weights: _DEEPER,
            _those_with_a_weight: _DEEPER,
            _all_modules: "`modules()` goes through the network itself and all that lies inside its children, so weights come "
            "several times. One group for each of `network.children()`.",
            _innermost: "The layers inside the children are groups of their own (`modules()`, or a loop within the loop). One "
            "group for each of `network.children()`, with all that lies in it.",
            _head_and_rest: "Two groups, the head and the rest. Each child that has weights to learn is a group.",
            _head_forgotten: "The head is in no group, and will not learn.",
            _nibbled: "The first weight of each child is missing: to look whether a generator has something in it takes it out. "
            "Make a list of it first.",
            _biases_forgotten: "Biases (all weights with one axis) are in no group, and will not learn.",
        },
        variants=(_from_behind, _with_empty_groups),
    )
)
