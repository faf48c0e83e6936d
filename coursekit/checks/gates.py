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
    if not all(np.array_equal(before, after.detach().numpy()) for before, after in zip(arrays, tensors, strict=True)):
        raise UnusableAnswerError("Your code changes what it was given. Make a new state: the old one is still needed.")
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
_memory_squashed = _lstm(memory=lambda i, f, g, c: (f * c + i * g).tanh(), shown=lambda o, new, c: o * new)
_memory_squashed_twice = _lstm(memory=lambda i, f, g, c: (f * c + i * g).tanh())
_one_minus_f = _lstm(memory=lambda i, f, g, c: (1 - f) * c + i * g)
_shown_by_sigmoid = _lstm(shown=lambda o, new, c: o * new.sigmoid())
_added_not_multiplied = _lstm(memory=lambda i, f, g, c: f * c + i + g)
_f_i_o_g = _lstm((1, 0, 3, 2))
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


def _no_biases_lstm(x, h, c, w, u, b, d):
    return cells.lstm_cell(x, h, c, w, u, 0 * b, 0 * d)


def _shown_for_memory(x, h, c, w, u, b, d):
    i, f, g, o = sums_of(x, h, w, u, b, d).chunk(4, dim=-1)
    c = f.sigmoid() * h + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def _no_state_in_sums(x, h, c, w, u, b, d):
    return cells.lstm_cell(x, 0 * h, c, w, u, b, 0 * d)


def _o_by_tanh(x, h, c, w, u, b, d):
    i, f, g, o = sums_of(x, h, w, u, b, d).chunk(4, dim=-1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.tanh() * c.tanh(), c


def _old_memory_returned(x, h, c, *weights):
    return cells.lstm_cell(x, h, c, *weights)[0], c


def _old_h_returned(x, h, c, *weights):
    return h, cells.lstm_cell(x, h, c, *weights)[1]


def _side_by_side(x, h, c, w, u, b, d):
    i, f, g, o = sums_of(x, h, w, u, b, d).reshape(len(x), -1, 4).unbind(dim=-1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def _g_squashed_twice(x, h, c, w, u, b, d):
    i, f, g, o = sums_of(x, h, w, u, b, d).sigmoid().chunk(4, dim=-1)
    c = f * c + i * g.tanh()
    return o * c.tanh(), c


def _stacked(*args):
    return torch.stack(cells.lstm_cell(*args))


def _cut_across_the_batch(x, h, c, w, u, b, d):
    i, f, g, o = sums_of(x, h, w, u, b, d).chunk(4, dim=0)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


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
            _no_biases_lstm: "Both biases are missing. Add bias_ih and bias_hh to the sums.",
            _shown_for_memory: "f multiplies h here. What is kept is the memory: f * c.",
            _no_state_in_sums: "The old h is not used, nor its weights and bias. All four sums are made of x and of h.",
            _o_by_tanh: "o went through tanh. It is a gate, between 0 and 1: the sigmoid.",
            _old_memory_returned: "You return the memory from before this step. The next step needs the new one.",
            _old_h_returned: "You return the h from before this step. What is shown now is o tanh(c').",
            _side_by_side: "You cut the sums as if the four of each number stood side by side. First come all H of i, then all of f, g, o: `sums.chunk(4, dim=-1)`.",
            _g_squashed_twice: "All four went through the sigmoid first, and g then through tanh as well. g goes through tanh alone.",
            _stacked: "You return one tensor that holds both. Return two: `return h, c`.",
            _cut_across_the_batch: "You cut the batch into four, not the sums. Cut the last axis: `chunk(4, dim=-1)`.",
            _memory_squashed: "The memory itself went through tanh. c' stays as it is, f c + i g; tanh is taken only of what is shown.",
            _memory_squashed_twice: "The memory itself went through tanh. c' stays as it is, f c + i g; tanh is taken only of what is shown.",
            _one_minus_f: "You kept 1 - f. f says how much is *kept*: f * c.",
            _shown_by_sigmoid: "What is shown is o tanh(c'), with tanh and not the sigmoid around the memory.",
            _added_not_multiplied: "You added i and g. A gate multiplies: i * g.",
            _f_i_o_g: "The order of the four is i, f, g, o. Yours is f, i, o, g.",
            _detached_cell: "The values are right, but no gradient comes back: somewhere is a `detach()`. Nothing would be learned.",
        },
        variants=(_by_slices,),
    )
)

# -- GRU ------------------------------------------------------------------------------------------------


def _gru(order=(0, 1, 2), new=None, mixed=None, gate=torch.sigmoid):
    """A wrong GRU cell: parts in another order, or another rule for what is new or for how it is mixed in."""

    def wrong(x, h, w, u, b, d):
        xs, hs = ((a @ m.T + v).chunk(3, dim=-1) for a, m, v in ((x, w, b), (h, u, d)))
        (x_r, x_z, x_n), (h_r, h_z, h_n) = ([part[k] for k in order] for part in (xs, hs))
        r, z = gate(x_r + h_r), gate(x_z + h_z)
        n = new(r, x_n, h_n, z, h) if new else (x_n + r * h_n).tanh()
        return mixed(z, n, h, r) if mixed else (1 - z) * n + z * h

    return wrong


_z_r_n = _gru((1, 0, 2))
_n_first = _gru((1, 2, 0))
_mixed_the_other_way = _gru(mixed=lambda z, n, h, r: z * n + (1 - z) * h)
_not_reset = _gru(new=lambda r, x_n, h_n, z, h: (x_n + h_n).tanh())
_reset_all = _gru(new=lambda r, x_n, h_n, z, h: (r * (x_n + h_n)).tanh())
_reset_outside = _gru(new=lambda r, x_n, h_n, z, h: r * (x_n + h_n).tanh())
_reset_by_z = _gru(new=lambda r, x_n, h_n, z, h: (x_n + z * h_n).tanh())
_new_by_sigmoid = _gru(new=lambda r, x_n, h_n, z, h: (x_n + r * h_n).sigmoid())
_new_not_squashed = _gru(new=lambda r, x_n, h_n, z, h: x_n + r * h_n)
_only_new = _gru(mixed=lambda z, n, h, r: (1 - z) * n)
_only_added = _gru(mixed=lambda z, n, h, r: n + z * h)
_mixed_by_r = _gru(mixed=lambda z, n, h, r: (1 - r) * n + r * h)
_h_itself_reset = _gru(new=lambda r, x_n, h_n, z, h: (x_n + r * h).tanh())
_no_old_in_new = _gru(new=lambda r, x_n, h_n, z, h: x_n.tanh())
_one_minus_r = _gru(new=lambda r, x_n, h_n, z, h: (x_n + (1 - r) * h_n).tanh())
_input_reset = _gru(new=lambda r, x_n, h_n, z, h: (r * x_n + h_n).tanh())
_new_by_relu = _gru(new=lambda r, x_n, h_n, z, h: (x_n + r * h_n).relu())
_new_alone = _gru(mixed=lambda z, n, h, r: n)
_old_whole = _gru(mixed=lambda z, n, h, r: (1 - z) * n + h)
_old_alone = _gru(mixed=lambda z, n, h, r: z * h)
_z_for_both = _gru(mixed=lambda z, n, h, r: z * n + z * h)
_old_reset_too = _gru(mixed=lambda z, n, h, r: (1 - z) * n + z * r * h)
_mixture_squashed = _gru(mixed=lambda z, n, h, r: ((1 - z) * n + z * h).tanh())
_gates_by_tanh = _gru(gate=torch.tanh)
_gates_not_squashed = _gru(gate=lambda s: s)
_swapped_and_turned = _gru((1, 0, 2), mixed=lambda z, n, h, r: z * n + (1 - z) * h)
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


def _paper_and_turned(x, h, w, u, b, d):
    H = h.shape[1]
    r, z = (sums_of(x, h, w, u, b, d)[:, : 2 * H]).sigmoid().chunk(2, dim=-1)
    n = (x @ w[2 * H :].T + b[2 * H :] + (r * h) @ u[2 * H :].T + d[2 * H :]).tanh()
    return z * n + (1 - z) * h


def _gru_no_biases(x, h, w, u, b, d):
    return cells.gru_cell(x, h, w, u, 0 * b, 0 * d)


def _gru_no_state(x, h, w, u, b, d):
    return cells.gru_cell(x, 0 * h, w, u, b, d)


def _gru_detached(x, h, w, u, b, d):
    return cells.gru_cell(*(a.detach() for a in (x, h, w, u, b, d)))


def _gru_twice(*args):
    return cells.gru_cell(*args), cells.gru_cell(*args)


def _gru_side_by_side(x, h, w, u, b, d):
    xs, hs = ((a @ m.T + v).reshape(len(x), -1, 3) for a, m, v in ((x, w, b), (h, u, d)))
    (x_r, x_z, x_n), (h_r, h_z, h_n) = xs.unbind(dim=-1), hs.unbind(dim=-1)
    r, z = (x_r + h_r).sigmoid(), (x_z + h_z).sigmoid()
    return (1 - z) * (x_n + r * h_n).tanh() + z * h


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
            _h_itself_reset: "r multiplies h itself here. It multiplies h_n, the old state after its weights and bias.",
            _no_old_in_new: "The old state does not count in n: n = tanh(x_n + r h_n).",
            _one_minus_r: "You used 1 - r. r says how far the old state counts: r * h_n.",
            _input_reset: "r multiplies the input's part. It belongs to the state's part, h_n.",
            _new_by_relu: "n went through ReLU. Here it is tanh.",
            _new_alone: "You return n. Mix it with the old state: (1 - z) n + z h.",
            _old_whole: "The old state comes in whole. Its share is z: (1 - z) n + z h.",
            _old_alone: "The new part is missing: (1 - z) n + z h.",
            _z_for_both: "Old and new both have the share z. The new part's is 1 - z, so that they make one.",
            _old_reset_too: "The old state in the mixture is multiplied by r as well. r counts only inside n.",
            _mixture_squashed: "The mixture went through tanh once more. n has been through it, and the old state stays as it is.",
            _gates_by_tanh: "r and z went through tanh. A gate must lie between 0 and 1: the sigmoid.",
            _gates_not_squashed: "r and z are used as they are. They go through the sigmoid first.",
            _swapped_and_turned: "Two things: the order is r, z, n; and z says how much of the *old* state is kept.",
            _paper_and_turned: "Two things differ from PyTorch: r comes after the weights, r * h_n; and z is the share of the *old* state.",
            _gru_no_biases: "Both biases are missing. bias_ih belongs to the input's sums, bias_hh to the state's.",
            _gru_no_state: "The old state is not used: this network has no memory at all.",
            _gru_detached: "The values are right, but no gradient comes back: somewhere is a `detach()`. Nothing would be learned.",
            _gru_twice: "You return two things. A GRU has one state: return it alone.",
            _gru_side_by_side: "You cut the sums as if the three of each number stood side by side. First come all H of r, then all of z, then all of n: `chunk(3, dim=-1)`.",
            _gru_one_bias: "One of the two biases is missing. Both are added, bias_hh inside h_n.",
        },
        variants=(_by_lerp,),
    )
)
