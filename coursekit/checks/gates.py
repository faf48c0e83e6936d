"""Exercises of *Recurrent networks*: the cells of LSTM and GRU, gate by gate."""

import numpy as np
import torch

from coursekit.checks.core import Exercise, register
from coursekit.checks.trial import UnusableAnswerError
from coursekit.models import cells

__all__ = ["cell_cases", "gru_cell", "lstm_cell", "use_cell"]


def cell_cases(sums, states=1):
    """Cases for a cell that makes so many sums for each number of the state."""

    def drawn(rng, N, D, H, scale=1.0, kind=np.float64):
        shapes = [(N, D), *[(N, H)] * states, (sums * H, D), (sums * H, H), (sums * H,), (sums * H,)]
        return tuple((scale * rng.normal(size=shape)).astype(kind) for shape in shapes)

    def cases(rng):
        yield drawn(rng, 3, 2, 4)
        yield drawn(rng, 1, 3, 2)  # a batch of one
        yield drawn(rng, 4, 3, 3)  # square weights: a transpose would go unnoticed elsewhere
        x, *rest = drawn(rng, 2, 3, 2)
        yield np.zeros_like(x), *[np.zeros_like(h) for h in rest[:states]], *rest[states:]  # the first step
        yield drawn(rng, 2, 2, 3, scale=150.0)  # gates wide open or shut
        yield drawn(rng, 5, 2, 3, kind=np.float32)

    return cases


def use_cell(obj, *arrays):
    """Call a cell with tensors; the result as arrays, and whether a gradient comes back through it."""
    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
    found = obj(*tensors)
    if found is None:
        raise UnusableAnswerError("Your function returns nothing: its last line should begin with `return`.")
    states = found if isinstance(found, tuple | list) else (found,)
    for state in states:
        if not isinstance(state, torch.Tensor):
            raise UnusableAnswerError(f"Return tensors, not a {type(state).__name__}: gradients must come back.")
    back = [state.requires_grad for state in states]
    return {"state": tuple(state.detach().numpy() for state in states), "whether gradients come back": back}


def sums_of(x, h, w, u, b, d):
    """All weighted sums of a cell."""
    return x @ w.T + b + h @ u.T + d


# -- LSTM -----------------------------------------------------------------------------------------------


def _lstm(order=(0, 1, 2, 3), memory=None, shown=None, squash=torch.tanh):
    """A wrong LSTM cell: gates in another order, or another rule for the memory or for what is shown."""

    def wrong(x, h, c, w, u, b, d):
        parts = sums_of(x, h, w, u, b, d).chunk(4, dim=-1)
        i, f, g, o = (parts[k] for k in order)
        i, f, g, o = i.sigmoid(), f.sigmoid(), squash(g), o.sigmoid()
        new = memory(i, f, g, c) if memory else f * c + i * g
        return (shown(o, new, c) if shown else o * new.tanh()), new

    return wrong


_i_f_o_g = _lstm((0, 1, 3, 2))
_f_i_g_o = _lstm((1, 0, 2, 3))
_gates_tied = _lstm(memory=lambda i, f, g, c: f * c + (1 - f) * g)
_nothing_forgotten = _lstm(memory=lambda i, f, g, c: c + i * g)
_all_taken_in = _lstm(memory=lambda i, f, g, c: f * c + g)
_shown_without_tanh = _lstm(shown=lambda o, new, c: o * new)
_old_memory_shown = _lstm(shown=lambda o, new, c: o * c.tanh())
_all_shown = _lstm(shown=lambda o, new, c: new.tanh())
_gate_of_what_there_is = _lstm(squash=torch.sigmoid)
_not_squashed = _lstm(squash=lambda g: g)
_tanh_after_the_product = _lstm(shown=lambda o, new, c: torch.tanh(o * new))


def _order_of_states(*args):
    return cells.lstm_cell(*args)[::-1]


def _only_h(*args):
    return cells.lstm_cell(*args)[0]


def _one_bias(x, h, c, w, u, b, d):
    return cells.lstm_cell(x, h, c, w, u, b, torch.zeros_like(d))


def _memory_weighted(x, h, c, w, u, b, d):
    return cells.lstm_cell(x, c, c, w, u, b, d)


def _tanh_for_gates(x, h, c, w, u, b, d):
    i, f, g, o = sums_of(x, h, w, u, b, d).tanh().chunk(4, dim=-1)
    c = f * c + i * g
    return o * c.tanh(), c


def _no_gates_squashed(x, h, c, w, u, b, d):
    i, f, g, o = sums_of(x, h, w, u, b, d).chunk(4, dim=-1)
    c = f * c + i * g.tanh()
    return o * c.tanh(), c


def _detached_cell(x, h, c, w, u, b, d):
    return cells.lstm_cell(x.detach(), h.detach(), c.detach(), *(p.detach() for p in (w, u, b, d)))


def _by_slices(x, h, c, w, u, b, d):
    H = h.shape[1]
    sums = torch.nn.functional.linear(x, w, b) + torch.nn.functional.linear(h, u, d)
    take, keep, show = (torch.sigmoid(sums[:, k * H : (k + 1) * H]) for k in (0, 1, 3))
    c = keep * c + take * torch.tanh(sums[:, 2 * H : 3 * H])
    return show * torch.tanh(c), c


lstm_cell = register(
    Exercise(
        id="gates.lstm_cell",
        notebook="rnn",
        reference=cells.lstm_cell,
        cases=cell_cases(4, states=2),
        call=use_cell,
        difficulty=3,
        minutes=12,
        points=3,
        hints=[
            "First all four sums at once, (N, 4 H); then cut them into four: `i, f, g, o = sums.chunk(4, dim=-1)`.",
            "i, f and o are gates and go through the sigmoid; g is what there is to take in, and goes through tanh. "
            "Then c' = f c + i g, and h' = o tanh(c').",
            "`c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)`, then `return torch.sigmoid(o) * torch.tanh(c), c`.",
        ],
        misconceptions={
            _i_f_o_g: "The last two are swapped: the order is i, f, g, o, and what goes through tanh is the third.",
            _f_i_g_o: "i and f have changed places. The order is i, f, g, o: i multiplies the new part, f the old memory.",
            _gates_tied: "You took in 1 - f. That is how a GRU does it; an LSTM has a gate of its own for it, i.",
            _nothing_forgotten: "The old memory comes in whole: multiply it by the gate f.",
            _all_taken_in: "The new part comes in whole: multiply it by the gate i.",
            _shown_without_tanh: "What is shown is o tanh(c'): the tanh around the memory is missing. Without it h is not bounded.",
            _old_memory_shown: "You show the memory from before this step. Use the new c.",
            _all_shown: "The gate o is missing: h' = o tanh(c').",
            _gate_of_what_there_is: "g is no gate: it goes through tanh, so that the memory can also be lowered.",
            _not_squashed: "g comes in as it is. It goes through tanh first.",
            _tanh_after_the_product: "You took tanh of the product o c'. The tanh belongs to c' alone.",
            _order_of_states: "You return (c, h). The order is h, c: first what is shown.",
            _only_h: "You return h alone. The next step needs the memory as well: `return h, c`.",
            _one_bias: "One of the two biases is missing. Both are added.",
            _memory_weighted: "The memory c went through the weights. The sums are made of x and of *h*; c only meets the gates.",
            _tanh_for_gates: "All four went through tanh. A gate must lie between 0 and 1: the sigmoid, for i, f and o.",
            _no_gates_squashed: "The gates i, f and o are used as they are. They go through the sigmoid first.",
            _detached_cell: "The values are right, but no gradient comes back: somewhere is a `detach()`. Nothing would be learned.",
        },
        variants=(_by_slices,),
    )
)

# -- GRU ------------------------------------------------------------------------------------------------


def _gru(order=(0, 1, 2), new=None, mixed=None):
    """A wrong GRU cell: parts in another order, or another rule for what is new or for how it is mixed in."""

    def wrong(x, h, w, u, b, d):
        xs, hs = ((a @ m.T + v).chunk(3, dim=-1) for a, m, v in ((x, w, b), (h, u, d)))
        (x_r, x_z, x_n), (h_r, h_z, h_n) = ([part[k] for k in order] for part in (xs, hs))
        r, z = (x_r + h_r).sigmoid(), (x_z + h_z).sigmoid()
        n = new(r, x_n, h_n, z) if new else (x_n + r * h_n).tanh()
        return mixed(z, n, h, r) if mixed else (1 - z) * n + z * h

    return wrong


_z_r_n = _gru((1, 0, 2))
_n_first = _gru((1, 2, 0))
_mixed_the_other_way = _gru(mixed=lambda z, n, h, r: z * n + (1 - z) * h)
_not_reset = _gru(new=lambda r, x_n, h_n, z: (x_n + h_n).tanh())
_reset_all = _gru(new=lambda r, x_n, h_n, z: (r * (x_n + h_n)).tanh())
_reset_outside = _gru(new=lambda r, x_n, h_n, z: r * (x_n + h_n).tanh())
_reset_by_z = _gru(new=lambda r, x_n, h_n, z: (x_n + z * h_n).tanh())
_new_by_sigmoid = _gru(new=lambda r, x_n, h_n, z: (x_n + r * h_n).sigmoid())
_new_not_squashed = _gru(new=lambda r, x_n, h_n, z: x_n + r * h_n)
_only_new = _gru(mixed=lambda z, n, h, r: (1 - z) * n)
_only_added = _gru(mixed=lambda z, n, h, r: n + z * h)
_mixed_by_r = _gru(mixed=lambda z, n, h, r: (1 - r) * n + r * h)
_all_of_both = _gru(mixed=lambda z, n, h, r: n + h)


def _reset_before_weights(x, h, w, u, b, d):
    H = h.shape[1]
    r, z = (sums_of(x, h, w, u, b, d)[:, : 2 * H]).sigmoid().chunk(2, dim=-1)
    n = (x @ w[2 * H :].T + b[2 * H :] + (r * h) @ u[2 * H :].T + d[2 * H :]).tanh()
    return (1 - z) * n + z * h


def _bias_outside_reset(x, h, w, u, b, d):
    H = h.shape[1]
    r, z = (sums_of(x, h, w, u, b, d)[:, : 2 * H]).sigmoid().chunk(2, dim=-1)
    n = (x @ w[2 * H :].T + b[2 * H :] + d[2 * H :] + r * (h @ u[2 * H :].T)).tanh()
    return (1 - z) * n + z * h


def _gru_one_bias(x, h, w, u, b, d):
    return cells.gru_cell(x, h, w, u, b, torch.zeros_like(d))


def _by_lerp(x, h, w, u, b, d):
    H = h.shape[1]
    a, s = torch.nn.functional.linear(x, w, b), torch.nn.functional.linear(h, u, d)
    r, z = torch.sigmoid(a[:, :H] + s[:, :H]), torch.sigmoid(a[:, H : 2 * H] + s[:, H : 2 * H])
    return torch.lerp(torch.tanh(a[:, 2 * H :] + r * s[:, 2 * H :]), h, z)


gru_cell = register(
    Exercise(
        id="gates.gru_cell",
        notebook="rnn",
        reference=cells.gru_cell,
        cases=cell_cases(3),
        call=use_cell,
        difficulty=3,
        minutes=12,
        points=3,
        hints=[
            "Here the sums of x and those of h are needed apart, since r multiplies only the part that comes from h. "
            "Cut each into three: r, z, n.",
            "r = sigmoid(x_r + h_r), z = sigmoid(x_z + h_z), n = tanh(x_n + r h_n). Then mix: z of the old, 1 - z of the new.",
            "`n = torch.tanh(x_n + r * h_n)`, then `return (1 - z) * n + z * h`.",
        ],
        misconceptions={
            _z_r_n: "r and z are swapped: the order is r, z, n.",
            _n_first: "The parts are in another order: it is r, z, n.",
            _mixed_the_other_way: "The mixture is turned round. Papers differ; here, as in PyTorch, z says how much of the *old* state is kept.",
            _not_reset: "r is not used: n = tanh(x_n + r h_n).",
            _reset_all: "r multiplies both parts. It belongs to the part from the state alone, h_n.",
            _reset_outside: "r multiplies the result of tanh. It belongs inside, to h_n alone.",
            _reset_by_z: "You used z inside n. There it is r; z comes in when old and new are mixed.",
            _new_by_sigmoid: "n is no gate: it goes through tanh.",
            _new_not_squashed: "n comes in as it is. It goes through tanh first, or the state could grow without bound.",
            _only_new: "The old state is lost: add z h.",
            _only_added: "The new part comes in whole. Its share is 1 - z, so that old and new make one.",
            _mixed_by_r: "You mixed with r. The gate for old against new is z.",
            _all_of_both: "Old and new are only added. Mix them: 1 - z of the new, z of the old.",
            _reset_before_weights: "You applied r to h, before its weights. That is the paper's version; here, as in PyTorch, r comes after them: r * h_n.",
            _bias_outside_reset: "The bias of the state's part stands outside of r. h_n is all of `h @ weight_hh.T + bias_hh`, and r multiplies it whole.",
            _gru_one_bias: "One of the two biases is missing. Both are added, bias_hh inside h_n.",
        },
        variants=(_by_lerp,),
    )
)
