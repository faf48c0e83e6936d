"""Exercise of *Transfer learning*: layers stay as they are, though the network around them learns."""

import copy
import inspect

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from coursekit.checks.core import Exercise, register
from coursekit.checks.trial import UnusableAnswerError
from coursekit.models.transfer import freeze as _reference

__all__ = ["freeze"]

_BOTH = nn.BatchNorm1d | nn.BatchNorm2d | nn.Dropout


class _Scaled(nn.Module):
    """Layers, and a weight that belongs to none of them."""

    def __init__(self, d):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(d))
        self.layers = nn.Sequential(nn.Linear(d, 5), nn.BatchNorm1d(5), nn.ReLU())

    def forward(self, x):
        return self.layers(x * self.scale)


def _nested(d):
    within = nn.Sequential(nn.Linear(d, 6), nn.BatchNorm1d(6), nn.ReLU())
    return nn.Sequential(within, nn.Sequential(nn.Dropout(0.5), nn.Linear(6, 5, bias=False), nn.BatchNorm1d(5)))


_BUILT = {
    "nested": _nested,
    "flat": lambda d: nn.Sequential(nn.Linear(d, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Dropout(0.3)),
    "own weight": _Scaled,
    "layer": lambda d: nn.Linear(d, 5),
    "pictures": lambda d: nn.Sequential(
        nn.Conv2d(d, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.LazyLinear(5)
    ),
}


def _cases(rng):
    yield rng.normal(size=(8, 4)), "nested", int(rng.integers(1000))
    yield rng.normal(size=(6, 3)), "flat", int(rng.integers(1000))
    yield rng.normal(size=(7, 4)), "own weight", int(rng.integers(1000))
    yield rng.normal(size=(4, 2, 5, 6)), "pictures", int(rng.integers(1000))
    yield rng.normal(size=(1, 4)), "layer", int(rng.integers(1000))  # a batch of one
    yield np.zeros((5, 4)), "flat", int(rng.integers(1000))
    yield 100 * rng.normal(size=(6, 3)).astype(np.float32), "nested", int(rng.integers(1000))


def _use(obj, x, kind, seed):
    """Freeze the body of a network, let the network learn for a few steps, and see what has moved."""
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(seed)
        x = torch.tensor(x)
        body = _BUILT[kind](x.shape[1]).to(x.dtype)
        with torch.no_grad():
            body.eval()(x)
            for value in body.state_dict().values():
                if value.is_floating_point():
                    value.copy_(torch.rand(value.shape) + 0.2)
        network = nn.Sequential(body, nn.Linear(5, 3, dtype=x.dtype)).train()
        before = copy.deepcopy(network)
        found = _called(obj, body)
        if not torch.is_grad_enabled():
            raise UnusableAnswerError(
                "You switched gradients off for all of PyTorch: the new head cannot learn either. Switch them off for "
                "the weights of this module: `requires_grad_(False)`."
            )
        asking = [name for name, p in body.named_parameters() if p.requires_grad]
        awake = [name or "itself" for name, part in body.named_modules() if part.training and isinstance(part, _BOTH)]
        marked = any("requires_grad" in vars(part) for part in body.modules())
        _learn(network, x)
        moved = [name for name, value in body.state_dict().items() if not _equal(value, before[0].state_dict()[name])]
        weights = {name for name, _ in body.named_parameters()}
        return {
            "weights that still ask for gradients": _listed(asking),
            "weights that moved when the network learned": _listed([name for name in moved if name in weights]),
            "running statistics that moved": _listed([name for name in moved if name not in weights]),
            "layers still in training mode": _listed(awake),
            "mode of the module": "training" if awake and body.training else "evaluation",
            "whether it answers as in evaluation": _answers_alike(body, before[0], x),
            "whether the head learns": not _equal(network[1].weight, before[1].weight),
            "what was set": "an attribute" if asking and marked else "weights",
            "what comes back": _described(found, body),
        }


_EXPLAINED = {  # what Python says, and what a beginner has done
    "'generator' object has no attribute": "`parameters()` hands the weights out one by one, in a loop: "
    "`for p in module.parameters(): p.requires_grad = False`.",
    "object has no attribute 'weight'": "Not every module has a `weight`: it may be a block of layers. "
    "`module.parameters()` finds the weights of all of them.",
    "object is not iterable": "Only an nn.Sequential can be gone through like a list. `module.parameters()` finds all weights.",
    "object is not subscriptable": "Only an nn.Sequential has numbered layers. `module.parameters()` finds all weights.",
}


def _called(obj, body):
    try:
        found = obj(body)
    except (AttributeError, TypeError) as error:
        said = next((text for part, text in _EXPLAINED.items() if part in str(error)), None)
        error.args = (f"{error}. {said}",) if said else error.args
        raise
    if inspect.ismethod(found):
        raise UnusableAnswerError(f"A method comes back that was never called. With brackets: `.{found.__name__}()`.")
    return found


def _learn(network, x):
    """Three steps as an optimiser with weight decay takes them: whatever has a gradient moves, be it 0."""
    rows = torch.cat([x, 2 * x])  # batch norm needs two
    for _ in range(3):
        network.zero_grad()
        try:
            F.cross_entropy(network(rows), torch.arange(len(rows)) % 3).backward()
        except RuntimeError as error:
            raise UnusableAnswerError(f"The network around it cannot learn any more. PyTorch says: {error}.") from error
        with torch.no_grad():
            for p in network.parameters():
                if p.grad is not None:
                    p -= 0.05 * (p.grad + 0.1 * p)


def _equal(a, b):
    return a.shape == b.shape and bool(torch.equal(a, b))


def _listed(names):
    return ", ".join(names) or "none"


def _answers_alike(body, before, x):
    with torch.no_grad():
        return bool(torch.equal(body(x), copy.deepcopy(before).eval()(x)))


def _described(found, body):
    if found is body:
        return "the module"
    return "nothing" if found is None else "another module" if isinstance(found, nn.Module) else type(found).__name__


# -- wrong answers -------------------------------------------------------------------------------------------------------


def _nothing(module):
    return module


def _attribute(module):
    module.requires_grad = False
    return module


def _attribute_and_eval(module):
    module.requires_grad = False
    return module.eval()


def _attribute_of_each(module):
    for part in module.modules():
        part.requires_grad = False
    return module.eval()


def _gradients_alone(module):
    return module.requires_grad_(False)


def _mode_alone(module):
    return module.eval()


def _flag_of_the_mode(module):
    module.training = False
    return module.requires_grad_(False)


def _flags_of_the_children(module):
    module.training = False
    for child in module.children():
        child.training = False
    return module.requires_grad_(False)


def _no_momentum(module):
    for part in module.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            part.momentum = 0
    return module.requires_grad_(False)


def _not_tracked(module):
    for part in module.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            part.track_running_stats = False
    return module.requires_grad_(False)


def _wrapped(module):
    return torch.no_grad()(module)


def _wrapped_and_eval(module):
    return torch.no_grad()(module.eval())


def _eval_then_train(module):
    return _reference(module).train()


def _norms_alone_asleep(module):
    for part in module.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            part.eval()
    return module.requires_grad_(False)


def _dropout_alone_asleep(module):
    for part in module.modules():
        if isinstance(part, nn.Dropout):
            part.eval()
    return module.requires_grad_(False)


def _direct_children(module):
    for child in module.children():
        for p in child.parameters(recurse=False):
            p.requires_grad = False
    return module.eval()


def _children(module):
    for child in module.children():
        child.requires_grad_(False)
    return module.eval()


def _own_weights(module):
    for p in module.parameters(recurse=False):
        p.requires_grad = False
    return module.eval()


def _first_weight(module):
    next(module.parameters()).requires_grad = False
    return module.eval()


def _all_but_last(module):
    for p in list(module.parameters())[:-1]:
        p.requires_grad = False
    return module.eval()


def _no_biases(module):
    for part in module.modules():
        if isinstance(getattr(part, "weight", None), nn.Parameter):
            part.weight.requires_grad = False
    return module.eval()


def _no_biases_by_name(module):
    for name, p in module.named_parameters():
        if "weight" in name:
            p.requires_grad = False
    return module.eval()


def _dense_alone(module):
    for part in module.modules():
        if isinstance(part, nn.Linear | nn.Conv2d):
            part.requires_grad_(False)
    return module.eval()


def _returns_nothing(module):
    _reference(module)


def _copied(module):
    return _reference(copy.deepcopy(module))


def _gradients_on_hand(module):
    return list(_reference(module).parameters())


def _in_loops(module):
    """Right: weight by weight, layer by layer."""
    for p in module.parameters():
        p.requires_grad = False
    for part in module.modules():
        part.training = False
    return module


def _detached(module):
    """Right: a leaf that is detached asks for no gradient."""
    for p in module.parameters():
        p.detach_()
    module.train(False)
    return module


_ATTRIBUTE = (
    "`module.requires_grad = False` only gives the module an attribute of that name: Python allows it, and PyTorch never "
    "looks. Its weights have one each: `for p in module.parameters(): p.requires_grad = False`, or with an underscore "
    "and brackets, `module.requires_grad_(False)`."
)
_BIASES = "The biases still learn (batch norm has one too). Take all of `module.parameters()`."
_STATISTICS = (
    "The weights stay, but in training mode batch norm goes on counting: its running means move with every batch, and "
    "the frozen layers answer otherwise at the end. Evaluation mode too: `module.eval()`."
)
_FLAG = (
    "`module.training = False` sets the flag of one module: the batch norms deeper inside have their own, and go on "
    "counting. `module.eval()` sets it for all of them."
)
_MEANS_OF_THE_BATCH = (
    "The running means stay, but in training mode batch norm does not use them: it takes those of the batch, and dropout "
    "drops. `module.eval()` instead."
)
_WRAPPED = (
    "A function around the module comes back, but the network goes on calling the module itself, whose weights still ask "
    "for gradients. Switch them off in the module, and return it."
)

freeze = register(
    Exercise(
        id="freezing.freeze",
        notebook="transfer_learning",
        reference=_reference,
        cases=_cases,
        call=_use,
        difficulty=2,
        minutes=8,
        points=2,
        seconds=5.0,
        hints=[
            "Two things can move in a layer: weights, by their gradients; and batch norm's running means, in training "
            "mode, without any gradient.",
            "Each weight has a switch: `p.requires_grad = False` for every p of `module.parameters()`. The mode is set "
            "for all layers within by `module.eval()`.",
            "`module.requires_grad_(False)` is the loop in one call. `eval` and `requires_grad_` both hand the module "
            "back: `return module.eval().requires_grad_(False)`.",
        ],
        misconceptions={
            _nothing: "Nothing is frozen: all weights still ask for gradients. Setting gradients to None or to zero, or "
            "`torch.no_grad` around this function, does not last: the next `backward` makes new ones. Take the switch of "
            "each weight, `p.requires_grad = False`.",
            _attribute: _ATTRIBUTE,
            _attribute_and_eval: _ATTRIBUTE,
            _attribute_of_each: _ATTRIBUTE,
            _gradients_alone: _STATISTICS,
            _eval_then_train: _STATISTICS,
            _flag_of_the_mode: _FLAG,
            _flags_of_the_children: _FLAG,
            _no_momentum: _MEANS_OF_THE_BATCH,
            _not_tracked: _MEANS_OF_THE_BATCH,
            _wrapped: _WRAPPED,
            _wrapped_and_eval: _WRAPPED,
            _mode_alone: "Evaluation mode stops batch norm and dropout, but not the weights: they still get gradients, and the "
            "optimiser moves them (a gradient that is set to None comes back at the next `backward`). "
            "`module.requires_grad_(False)` too, with the underscore.",
            _norms_alone_asleep: "Dropout still drops: the frozen layers answer otherwise each time. `module.eval()` quiets all "
            "layers within, batch norm and dropout.",
            _dropout_alone_asleep: "Batch norm is still in training mode, and its running means move. `module.eval()` quiets "
            "all layers within.",
            _direct_children: "Only the weights of the direct children are frozen. Layers lie within layers: "
            "`module.parameters()` finds them all, however deep.",
            _children: "A weight of the module's own, that belongs to none of its children, still learns. "
            "`module.parameters()` finds all of them.",
            _own_weights: "`recurse=False` takes the module's own weights, without those of its layers. Leave it out.",
            _first_weight: "Only the first weight is frozen. Go through all of `module.parameters()`.",
            _all_but_last: "The last weight still learns. Go through all of `module.parameters()`: the new head is not in it.",
            _no_biases: _BIASES,
            _no_biases_by_name: _BIASES,
            _dense_alone: "Only dense layers and convolutions are frozen. Batch norm has weights as well: take all of "
            "`module.parameters()`.",
            _returns_nothing: "Right, but nothing comes back. End with `return module`.",
            _gradients_on_hand: "Right, but it hands back something else. End with `return module`.",
            _copied: "You freeze a copy: the network that holds the module still holds the one that learns. Change the module "
            "itself, in place.",
        },
        variants=(_in_loops, _detached),
    )
)
