"""The optimisers walk the very path that torch.optim walks; what cannot be trained is refused."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from coursekit.errors import CourseError, ShapeError
from coursekit.scratch import optim
from coursekit.scratch.autograd import Tensor
from coursekit.scratch.module import Module, StateError

STEPS = 60
SHAPES = [(3, 4), (4,), (1,), ()]
NUMBERS = st.floats(1e-6, 1e3) | st.floats(-1e3, -1e-6)
ARRAYS = hnp.arrays(np.float64, (5,), elements=NUMBERS)

WALKS = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {}),
    ("SGD", {"lr": 0.1, "weight_decay": 0.05}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.5, "weight_decay": 0.05}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.05}),
    ("RMSprop", {}),
    ("RMSprop", {"lr": 0.05, "alpha": 0.5}),
    ("RMSprop", {"lr": 0.05, "eps": 0.1, "weight_decay": 0.3}),
    ("Adagrad", {}),
    ("Adagrad", {"lr": 0.5, "initial_accumulator_value": 0.7}),
    ("Adagrad", {"lr": 0.5, "eps": 0.1, "weight_decay": 0.3}),
    ("Adam", {}),
    ("Adam", {"lr": 0.1, "betas": (0.5, 0.7)}),
    ("Adam", {"lr": 0.1, "betas": (0.0, 0.9), "eps": 0.1}),
    ("Adam", {"lr": 0.1, "weight_decay": 0.3}),
    ("AdamW", {}),
    ("AdamW", {"lr": 0.1, "betas": (0.5, 0.7), "weight_decay": 0.3, "eps": 1e-3}),
    ("AdamW", {"lr": 0.1, "weight_decay": 0.0}),
]


def weights(seed=0, dtype=np.float64):
    """Parameters of several shapes, ours and torch's with the same numbers."""
    rng = np.random.default_rng(seed)
    arrays = [np.asarray(rng.normal(size=shape), dtype) for shape in SHAPES]
    ours = [Tensor(a.copy(), requires_grad=True) for a in arrays]
    return ours, [torch.tensor(a, requires_grad=True) for a in arrays]


def gradients(rng, k):
    """Gradients of very different sizes, now and then exactly zero."""
    size = 10.0 ** rng.integers(-4, 4)
    return [np.asarray(rng.normal(size=s) * (0 if k % 17 == 3 else size)) for s in SHAPES]


@pytest.mark.parametrize(("kind", "options"), WALKS, ids=[f"{k}-{'-'.join(o) or 'defaults'}" for k, o in WALKS])
def test_every_step_is_torchs(kind, options):
    ours, theirs = weights()
    mine, judge = getattr(optim, kind)(ours, **options), getattr(torch.optim, kind)(theirs, **options)
    start, rng = ours[0].data.copy(), np.random.default_rng(1)
    for k in range(STEPS):
        for p, q, g in zip(ours, theirs, gradients(rng, k), strict=True):
            p.grad, q.grad = g.copy(), torch.tensor(g)
        if k % 5 == 2:
            ours[1].grad = theirs[1].grad = None  # it sits this step out
        if k == 30:
            mine.lr *= 0.3
            judge.param_groups[0]["lr"] *= 0.3
        mine.step()
        judge.step()
        for p, q in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(p.data, q.detach().numpy(), rtol=1e-12, atol=1e-12)
    assert np.abs(ours[0].data - start).min() > 1e-6


def test_every_optimiser_and_option_is_walked():
    kinds = {kind for kind, _ in WALKS}
    assert kinds == {name for name in optim.__all__ if name[0].isupper()} - {"Optimizer"}
    assert {option for kind, o in WALKS for option in o if kind == "SGD"} >= {"momentum", "nesterov", "weight_decay"}


@pytest.mark.parametrize("kind", ["SGD", "RMSprop", "Adagrad", "Adam", "AdamW"])
class TestEveryOptimiser:
    def make(self, kind, params, **options):
        return getattr(optim, kind)(params, **({"momentum": 0.9} if kind == "SGD" else {}), **options)

    def test_arrays_are_changed_in_place_and_keep_their_kind(self, kind):
        ours, _ = weights(dtype=np.float32)
        optimizer, held = self.make(kind, ours), [p.data for p in ours]
        optimizer.lr = np.float64(0.01)  # a double-precision rate must not make the weights double
        for p in ours:
            p.grad = np.ones_like(p.data)
        kept = [p.grad.copy() for p in ours]
        before = [p.data.copy() for p in ours]
        optimizer.step()
        assert all(p.data is array and p.data.dtype == np.float32 for p, array in zip(ours, held, strict=True))
        assert all((p.data != old).all() for p, old in zip(ours, before, strict=True))
        assert all((p.grad == g).all() for p, g in zip(ours, kept, strict=True)), "a gradient was changed"
        arrays = [value for memory in optimizer.memory for name, value in memory.items() if name != "t"]
        assert arrays
        assert all(a.dtype == np.float32 for a in arrays)

    def test_weight_decay_leaves_the_gradient_alone(self, kind):
        w = Tensor([2.0], requires_grad=True)
        w.grad = np.array([1.0], np.float32)
        self.make(kind, [w], weight_decay=0.5).step()
        assert w.grad == 1.0

    def test_without_gradients_nothing_moves(self, kind):
        ours, _ = weights()
        before = [p.data.copy() for p in ours]
        optimizer = self.make(kind, ours)
        ours[0].grad = np.ones_like(ours[0].data)
        optimizer.zero_grad()
        optimizer.step()
        assert all((p.data == old).all() for p, old in zip(ours, before, strict=True))
        assert all(p.grad is None for p in ours)

    def test_a_saved_state_goes_on_as_if_nothing_had_happened(self, kind):
        ours, _ = weights()
        optimizer, rng = self.make(kind, ours), np.random.default_rng(0)

        def walk(optimizer, params, rng):
            for k in range(5):
                for p, g in zip(params, gradients(rng, k), strict=True):
                    p.grad = g
                optimizer.step()

        walk(optimizer, ours, rng)
        optimizer.lr = 0.02
        copies = [Tensor(p.data.copy(), requires_grad=True) for p in ours]
        other = self.make(kind, copies)
        state = optimizer.state_dict()
        assert all(isinstance(value, np.ndarray) for value in state.values())
        other.load_state_dict(state)
        walk(optimizer, ours, np.random.default_rng(1))
        walk(other, copies, np.random.default_rng(1))
        assert other.lr == 0.02
        assert all((p.data == q.data).all() for p, q in zip(ours, copies, strict=True))
        assert all((state[n] == v).all() for n, v in state.items())
        assert any((other.state_dict()[n] != v).any() for n, v in state.items()), "the state shares memory"

    @pytest.mark.parametrize(
        ("options", "told"),
        [
            ({"lr": -0.1}, "lr: expected a number of at least 0, got -0.1. Try 0.001."),
            ({"lr": float("nan")}, "lr: expected a number of at least 0, got nan"),
            ({"lr": float("inf")}, "lr: expected a number of at least 0, got inf"),
            ({"weight_decay": -1}, "weight_decay: expected a number of at least 0, got -1"),
        ],
    )
    def test_numbers_out_of_range_are_refused(self, kind, options, told):
        with pytest.raises(CourseError, match=told):
            self.make(kind, [Tensor([1.0])], **options)


W = Tensor([1.0, 2.0], requires_grad=True)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: optim.SGD([], 0.1), "params: expected at least one Tensor, got none"),
        (lambda: optim.SGD(iter(()), 0.1), "params: expected at least one Tensor, got none"),
        (lambda: optim.Adam([W, Tensor([3.0]), W]), "expected every Tensor once, got the same one in places 0 and 2"),
        (lambda: optim.Adam([W, W.data]), "params: expected Tensors, got a ndarray in place 1"),
        (lambda: optim.Adam(W), "expected a list of Tensors, got a single Tensor. Pass model.parameters()"),
        (lambda: optim.Adam(Module()), "expected a list of Tensors, got a single Module. Pass model.parameters()"),
        (lambda: optim.Adam([W * 2]), "expected weights, got the result of 'mul' in place 0"),
        (lambda: optim.SGD([W], 0.1, momentum=1.0), "momentum: expected a number from 0 to below 1, got 1.0"),
        (lambda: optim.SGD([W], 0.1, momentum=-0.5), "momentum: expected a number from 0 to below 1, got -0.5"),
        (lambda: optim.SGD([W], 0.1, nesterov=True), "nesterov: expected momentum with it, got momentum=0"),
        (lambda: optim.RMSprop([W], alpha=1.0), "alpha: expected a number from 0 to below 1, got 1.0"),
        (lambda: optim.RMSprop([W], eps=-1.0), "eps: expected a number of at least 0, got -1.0"),
        (lambda: optim.Adagrad([W], initial_accumulator_value=-1), "initial_accumulator_value: expected a number of"),
        (lambda: optim.Adam([W], betas=(0.9, 1.0)), r"betas\[1\]: expected a number from 0 to below 1, got 1.0"),
        (lambda: optim.AdamW([W], betas=(-0.1, 0.9)), r"betas\[0\]: expected a number from 0 to below 1, got -0.1"),
        (lambda: optim.Adam([W], betas=0.9), "betas: expected two numbers, got 0.9"),
    ],
)
def test_what_cannot_be_trained_is_refused(make, told):
    with pytest.raises(CourseError, match=told):
        make()


def test_parameters_by_name_are_taken_too():
    class Scale(Module):
        def __init__(self):
            self.factor = Tensor([2.0], requires_grad=True)

    model = Scale()
    assert optim.SGD(model.named_parameters(), 0.1).params == model.parameters()


@pytest.mark.parametrize(
    ("change", "error", "told"),
    [
        (lambda s: s.pop("0.m"), StateError, r"got missing \['0.m'\], unexpected \[\]"),
        (lambda s: s.update({"9.m": np.zeros(2)}), StateError, r"unexpected \['9.m'\]"),
        (lambda s: s.update({"0.s": np.zeros(3)}), ShapeError, r"expected shape \(2,\) for '0.s', got \(3,\)"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(change, error, told):
    optimizer = optim.Adam([W], lr=0.1)
    state = optimizer.state_dict() | {"lr": np.array(7.0)}
    change(state)
    with pytest.raises(error, match=told):
        optimizer.load_state_dict(state)
    assert optimizer.lr == 0.1


def test_an_optimiser_prints_its_settings():
    assert repr(optim.SGD([W], 0.1, 0.9, weight_decay=0.01)) == (
        "SGD(lr=0.1, momentum=0.9, nesterov=False, weight_decay=0.01)  # 2 numbers in 1 arrays"
    )


# ------------------------------------------------------------------------------------------ what the rules promise


@given(ARRAYS, st.floats(1e-4, 1.0))
def test_adams_first_step_has_the_same_size_for_every_weight(g, lr):
    w = np.zeros(5)
    optim.adam_update(w, g, np.zeros(5), np.zeros(5), 1, lr, eps=0.0)
    np.testing.assert_allclose(w, -lr * np.sign(g), rtol=1e-9)


@given(ARRAYS, st.floats(0.01, 100.0), st.sampled_from(["adagrad", "adam", "rmsprop"]))
@settings(max_examples=60)
def test_a_loss_in_other_units_does_not_change_an_adaptive_step(g, unit, rule):
    def walk(g):
        w, m, s = np.zeros(5), np.zeros(5), np.zeros(5)
        for t in range(1, 6):
            scaled = g * (1 + t % 3)
            if rule == "adam":
                optim.adam_update(w, scaled, m, s, t, 0.1, eps=0.0)
            else:
                getattr(optim, f"{rule}_update")(w, scaled, s, 0.1, eps=0.0)
        return w

    np.testing.assert_allclose(walk(unit * g), walk(g), rtol=1e-9)


@given(ARRAYS, st.floats(0.0, 0.95))
@settings(max_examples=30)
def test_momentums_velocity_tends_to_the_gradient_over_one_minus_mu(g, mu):
    w, v = np.zeros(5), np.zeros(5)
    for _ in range(600):
        optim.momentum_update(w, g, v, lr=0.0, momentum=mu)
    np.testing.assert_allclose(v, g / (1 - mu), rtol=1e-6, atol=1e-9)


@given(ARRAYS, st.floats(0.001, 0.1), st.floats(0.0, 1.0))
def test_adamw_shrinks_every_weight_by_the_same_share(w, lr, decay):
    after = w.copy()
    optim.adam_update(after, np.zeros(5), np.zeros(5), np.zeros(5), 1, lr, decay=decay)
    np.testing.assert_allclose(after, w * (1 - lr * decay), rtol=1e-12, atol=1e-300)


def test_rules_of_ones_own_are_applied_with_their_memory():
    def counting(w, g, total, t, lr, factor):
        total += g
        w -= lr * factor * t * total

    w = Tensor(np.zeros(2), requires_grad=True)
    optimizer = optim.Optimizer([w], counting, 0.5, memory=("total", "t"), factor=2.0)
    for _ in range(2):
        w.grad = np.array([1.0, 10.0])
        optimizer.step()
    np.testing.assert_allclose(w.data, -np.array([1.0, 10.0]) * (1 * 1 + 2 * 2))
