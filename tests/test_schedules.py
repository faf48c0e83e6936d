"""The schedules give torch's learning rates, step by step; where ours differ on purpose, the difference is pinned."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from coursekit.errors import CourseError
from coursekit.scratch import schedules
from coursekit.scratch.autograd import Tensor
from coursekit.scratch.module import StateError
from coursekit.scratch.optim import SGD, Adam

LR = torch.optim.lr_scheduler


def ours(lr=0.3):
    return SGD([Tensor([1.0], requires_grad=True)], lr)


def theirs(lr=0.3):
    return torch.optim.SGD([torch.ones(1, requires_grad=True)], lr)


def their_warmup(o, steps, then):
    """Torch's ramp reaches the full rate one step after its last: n - 1 steps of it are our n."""
    ramp = LR.LinearLR(o, start_factor=1 / steps, total_iters=steps - 1)
    return LR.SequentialLR(o, [ramp, then(o)], milestones=[steps])


PAIRS = {
    "step": (lambda o: schedules.StepLR(o, 7), lambda o: LR.StepLR(o, 7), 50),
    "step, gamma": (lambda o: schedules.StepLR(o, 3, gamma=0.7), lambda o: LR.StepLR(o, 3, gamma=0.7), 50),
    "cosine": (lambda o: schedules.CosineAnnealingLR(o, 50), lambda o: LR.CosineAnnealingLR(o, 50), 50),
    "cosine to a floor": (
        lambda o: schedules.CosineAnnealingLR(o, 40, eta_min=0.1),
        lambda o: LR.CosineAnnealingLR(o, 40, eta_min=0.1),
        40,
    ),
    "one cycle": (lambda o: schedules.OneCycleLR(o, 0.5, 60), lambda o: one_cycle(o, 0.5, 60), 59),
    "one cycle, early peak": (
        lambda o: schedules.OneCycleLR(o, 2.0, 80, pct_start=0.1, div_factor=5, final_div_factor=100),
        lambda o: one_cycle(o, 2.0, 80, pct_start=0.1, div_factor=5, final_div_factor=100),
        79,
    ),
    "one cycle, odd length": (
        lambda o: schedules.OneCycleLR(o, 1.0, 53, pct_start=0.45),
        lambda o: one_cycle(o, 1.0, 53, pct_start=0.45),
        52,
    ),
    "warm-up": (
        lambda o: schedules.LinearWarmup(o, 10),
        lambda o: their_warmup(o, 10, lambda o: LR.ConstantLR(o, factor=1.0)),
        50,
    ),
    "warm-up, cosine": (
        lambda o: schedules.LinearWarmup(o, 10, after=schedules.CosineAnnealingLR(o, 40)),
        lambda o: their_warmup(o, 10, lambda o: LR.CosineAnnealingLR(o, 40)),
        50,
    ),
    "warm-up, staircase": (
        lambda o: schedules.LinearWarmup(o, 5, after=schedules.StepLR(o, 9, 0.5)),
        lambda o: their_warmup(o, 5, lambda o: LR.StepLR(o, 9, 0.5)),
        50,
    ),
}


def one_cycle(optimizer, max_lr, total, **options):
    return LR.OneCycleLR(optimizer, max_lr, total_steps=total, cycle_momentum=False, **options)


@pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step:UserWarning")
@pytest.mark.filterwarnings("ignore:The epoch parameter in:UserWarning")
@pytest.mark.parametrize("name", PAIRS)
def test_every_rate_is_torchs(name):
    make, make_theirs, steps = PAIRS[name]
    optimizer, other = ours(), theirs()
    schedule, judge = make(optimizer), make_theirs(other)
    assert steps >= 40
    seen = []
    for _ in range(steps + 1):
        assert optimizer.lr == pytest.approx(other.param_groups[0]["lr"], rel=1e-12, abs=1e-15)
        seen.append(optimizer.lr)
        other.step()
        if len(seen) <= steps:
            schedule.step()
            judge.step()
    assert len(set(seen)) > 4


def test_after_its_end_a_schedule_stays_where_it_is():
    for make in (
        lambda o: schedules.CosineAnnealingLR(o, 10, eta_min=0.01),
        lambda o: schedules.OneCycleLR(o, 0.5, 10),
    ):
        schedule = make(ours())
        last = schedule.rate(10)
        assert [schedule.rate(t) for t in (11, 15, 20, 100)] == [last] * 4


@given(st.integers(1, 200), st.floats(1e-4, 10), st.floats(0, 1))
def test_cosine_falls_from_lr_to_the_floor_and_is_symmetric(total, lr, share):
    low = share * lr
    rates = np.array([schedules.cosine(t, total, lr, low) for t in range(total + 1)])
    assert rates[0] == pytest.approx(lr)
    assert rates[-1] == pytest.approx(low, abs=1e-12)
    assert (np.diff(rates) <= 1e-12).all()
    np.testing.assert_allclose(rates + rates[::-1], lr + low, rtol=1e-9)


@given(st.integers(2, 200), st.floats(1e-3, 10), st.floats(0, 0.95))
def test_one_cycle_goes_up_once_and_down_once(total, peak, pct_start):
    rates = np.array([schedules.one_cycle(t, total, peak, pct_start) for t in range(total)])
    top = rates.argmax()
    assert (np.diff(rates[: top + 1]) >= -1e-12).all()
    assert (np.diff(rates[top:]) <= 1e-12).all()
    assert rates.max() <= peak * (1 + 1e-12)
    assert rates[-1] == pytest.approx(peak / 25 / 1e4)


@given(st.integers(1, 50), st.floats(1e-3, 10))
def test_a_warm_up_rises_by_equal_steps(steps, lr):
    rates = [0.0, *(schedules.warmup(t, steps, lr) for t in range(steps + 5))]
    np.testing.assert_allclose(np.diff(rates)[:steps], lr / steps, rtol=1e-6)
    assert rates[-5:] == [lr] * 5


def test_a_pause_goes_unnoticed():
    def make(o):
        return schedules.LinearWarmup(o, 3, after=schedules.CosineAnnealingLR(o, 20))

    optimizer, other = Adam(ours().params, 0.1), Adam(ours().params, 0.1)
    through, resumed = make(optimizer), make(other)
    for _ in range(8):
        through.step()
    resumed.load_state_dict(through.state_dict())
    assert other.lr == optimizer.lr
    through.step()
    resumed.step()
    assert other.lr == optimizer.lr


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: schedules.StepLR(0.1, 3), "optimizer: expected an optimiser, got a float. Make one first"),
        (lambda: schedules.Schedule(None, lambda t: 1.0), "optimizer: expected an optimiser, got a NoneType"),
        (lambda: schedules.LinearWarmup(None, 3), "optimizer: expected an optimiser"),
        (lambda: schedules.CosineAnnealingLR(None, 3), "optimizer: expected an optimiser"),
        (lambda: schedules.OneCycleLR(None, 0.1, 3), "optimizer: expected an optimiser"),
        (lambda: schedules.StepLR(ours(), 0), "size: expected at least 1 step, got 0"),
        (lambda: schedules.CosineAnnealingLR(ours(), 0), "total: expected at least 1 step, got 0"),
        (lambda: schedules.LinearWarmup(ours(), 0), "steps: expected at least 1 step, got 0"),
        (lambda: schedules.OneCycleLR(ours(), 0.1, -1), "total: expected at least 1 step, got -1"),
        (lambda: schedules.OneCycleLR(ours(), 0.1, 9, pct_start=1.0), "pct_start: expected a share from 0 to below 1"),
        (
            lambda: schedules.LinearWarmup(ours(), 3, after=schedules.StepLR(ours(), 2)),
            "after: expected a schedule of the same optimiser, got one of another",
        ),
    ],
)
def test_what_makes_no_schedule_is_refused(make, told):
    with pytest.raises(CourseError, match=told):
        make()


def test_a_foreign_state_is_refused():
    schedule = schedules.StepLR(ours(), 3)
    with pytest.raises(StateError, match=r"state: expected 'steps' alone, got \['last_epoch'\]"):
        schedule.load_state_dict({"last_epoch": np.array(3)})
