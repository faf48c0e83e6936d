"""Recurrent networks of Part B: the cells beside PyTorch's and the course's engine, and what trains and uses them."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from coursekit.errors import CourseError, ShapeError
from coursekit.models import recurrent as R
from coursekit.models.cells import gru_cell, lstm_cell, made_to_remember, rnn_cell, unroll
from coursekit.scratch import recurrent as scratch

CELLS = {"RNN": rnn_cell, "LSTM": lstm_cell, "GRU": gru_cell}
kinds = pytest.mark.parametrize("kind", CELLS)


def layer_of(kind, D=3, H=5):
    torch.manual_seed(0)
    return R.KINDS[kind](D, H, batch_first=True).double()


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def start(kind, N, H, seed=5):
    return tuple(normal(N, H, seed=seed + k) for k in range(2 if kind == "LSTM" else 1))


# -- cells ----------------------------------------------------------------------------------------------


@kinds
@pytest.mark.parametrize("sizes", [(1, 1, 1, 1), (4, 7, 3, 5), (2, 3, 6, 2)])
def test_unrolled_cells_equal_pytorchs_layers_and_so_do_their_gradients(kind, sizes):
    N, T, D, H = sizes
    layer, x, state = layer_of(kind, D, H), normal(N, T, D, seed=3).requires_grad_(), start(kind, N, H)
    states = unroll(CELLS[kind], x, state, list(layer.parameters()))
    ours = torch.stack([s[0] for s in states[1:]], dim=1)  # (N, T, H)
    given = tuple(s[None] for s in state)
    theirs, last = layer(x, given if kind == "LSTM" else given[0])
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)
    for mine, other in zip(states[-1], last if kind == "LSTM" else (last,), strict=True):
        torch.testing.assert_close(mine, other[0], rtol=1e-10, atol=1e-12)
    weight, params = normal(N, T, H, seed=9), [x, *layer.parameters()]
    for mine, other in zip(
        torch.autograd.grad((ours * weight).sum(), params),
        torch.autograd.grad((theirs * weight).sum(), params),
        strict=True,
    ):
        torch.testing.assert_close(mine, other, rtol=1e-9, atol=1e-12)


@kinds
def test_cells_equal_those_of_the_engine(kind):
    layer, x = layer_of(kind), normal(2, 4, 3)
    own = getattr(scratch, kind)(3, 5, rng=np.random.default_rng(0), dtype=np.float64)
    own.load_state_dict({name: p.detach().numpy() for name, p in layer.named_parameters()})
    zeros = tuple(torch.zeros_like(s) for s in start(kind, 2, 5))
    with torch.no_grad():
        ours = unroll(CELLS[kind], x, zeros, list(layer.parameters()))[-1][0]
    np.testing.assert_allclose(ours.numpy(), own(x.numpy())[0].data[:, -1], rtol=1e-10)


# -- a start that lasts ---------------------------------------------------------------------------------


def test_made_to_remember():
    plain = made_to_remember(nn.RNN(3, 6))
    W = plain.weight_hh_l0.detach()
    torch.testing.assert_close(W @ W.T, torch.eye(6), atol=1e-5, rtol=0)
    for kind in (nn.LSTM, nn.GRU):
        layer = kind(3, 6, num_layers=2)
        before = {name: p.detach().clone() for name, p in layer.named_parameters()}
        made_to_remember(layer, gate=2.0)
        for name, p in layer.named_parameters():
            changed = p.detach() != before[name]
            if name.startswith("bias_hh"):
                assert changed[6:12].all() and not changed[:6].any() and not changed[12:].any()
                assert (p[6:12] == 2).all()
            else:
                assert not changed.any()


@kinds
def test_a_state_lasts_longer_after_it(kind):
    def left(layer):
        with torch.no_grad():
            zeros = torch.zeros(1, 30, 3, dtype=torch.float64)
            states = [start(kind, 1, 5, seed=k) for k in (1, 20)]
            ends = [unroll(CELLS[kind], zeros, s, list(layer.parameters()))[-1][-1] for s in states]
            return (ends[0] - ends[1]).norm().item()

    assert left(made_to_remember(layer_of(kind))) > 100 * left(layer_of(kind))


# -- training -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("max_norm", [1e-3, 1.0, 1e6])
def test_clipping_is_pytorchs(max_norm):
    gradients = [normal(3, 4), normal(5, seed=1), normal(1, 1, 2, seed=2)]
    clipped, norm = R.clip_by_norm(gradients, max_norm)
    params = [nn.Parameter(torch.zeros_like(g)) for g in gradients]
    for p, g in zip(params, gradients, strict=True):
        p.grad = g.clone()
    assert norm.item() == pytest.approx(nn.utils.clip_grad_norm_(params, max_norm).item())
    for ours, p in zip(clipped, params, strict=True):
        torch.testing.assert_close(ours, p.grad, rtol=1e-5, atol=1e-12)  # PyTorch adds 1e-6 to the norm


def test_clipping_zeros_changes_nothing_and_makes_no_nan():
    clipped, norm = R.clip_by_norm([torch.zeros(3)], 1.0)
    assert norm == 0 and torch.equal(clipped[0], torch.zeros(3))


def test_teacher_forcing_counts_only_what_is_there():
    logits = normal(2, 3, 5)
    tokens = torch.tensor([[0, 4, 2, 1], [0, 3, -1, -1]])
    p = logits.log_softmax(-1)
    expected = -(p[0, 0, 4] + p[0, 1, 2] + p[0, 2, 1] + p[1, 0, 3]) / 4
    torch.testing.assert_close(R.teacher_forcing_loss(logits, tokens), expected)


def test_pieces_are_the_text_in_order_and_targets_are_one_on():
    ids, rows, length = np.arange(103), 3, 5
    found = list(R.pieces(ids, rows, length))
    inputs, targets = (torch.cat([piece[k] for piece in found], dim=1) for k in (0, 1))
    torch.testing.assert_close(targets, inputs + 1)
    assert inputs.shape == (3, 30)
    assert all(torch.equal(row, torch.arange(row[0], row[0] + 30)) for row in inputs)
    assert torch.equal(inputs.flatten(), torch.arange(90))
    with pytest.raises(CourseError, match="ids: expected at least 16 tokens for 3 rows of 5, got 15"):
        list(R.pieces(ids[:15], rows, length))
    assert len(list(R.pieces(ids[:16], rows, length))) == 1


@kinds
def test_pieces_with_the_state_carried_on_are_the_whole_text(kind):
    model = R.LanguageModel(kind, 11, width=4, hidden=6)
    ids = np.random.default_rng(0).integers(11, size=61)
    with torch.no_grad():
        whole, _ = model(torch.tensor(ids[:60])[None])
        state, parts = None, []
        for x, _ in R.pieces(ids, 1, 12):
            logits, state = model(x, R.detached(state))
            parts.append(logits)
    torch.testing.assert_close(torch.cat(parts, dim=1), whole)


@kinds
def test_detached_states_let_no_gradient_through(kind):
    model = R.LanguageModel(kind, 7, width=4, hidden=6)
    _, state = model(torch.zeros(2, 3, dtype=torch.long))
    cut = R.detached(state)
    assert all(not s.requires_grad for s in (cut if isinstance(cut, tuple) else (cut,)))
    assert R.detached(None) is None


# -- language models ------------------------------------------------------------------------------------


@kinds
def test_no_score_depends_on_a_later_token(kind):
    model = R.LanguageModel(kind, 9, width=4, hidden=8)
    tokens = torch.randint(9, (2, 10), generator=torch.Generator().manual_seed(0))
    other = tokens.clone()
    other[:, 6:] = (other[:, 6:] + 1) % 9
    with torch.no_grad():
        a, b = model(tokens)[0], model(other)[0]
    assert torch.equal(a[:, :6], b[:, :6])
    assert not torch.allclose(a[:, 6:], b[:, 6:])


def test_refuses():
    with pytest.raises(CourseError, match="kind: expected a known name, got 'LTSM'. Did you mean 'LSTM'"):
        R.LanguageModel("LTSM", 5)
    model = R.LanguageModel("RNN", 5, width=2, hidden=3)
    for tokens in (torch.zeros(4, dtype=torch.long), torch.zeros(2, 0, dtype=torch.long)):
        with pytest.raises(ShapeError, match=r"One row is ids\[None\]"):
            model(tokens)
    for bad in (5, -1):
        with pytest.raises(CourseError, match="tokens: expected numbers from 0 to 4"):
            model(torch.tensor([[0, bad]]))
    with pytest.raises(CourseError, match="temperature"):
        R.write(model, 0, 1, temperature=0, rng=np.random.default_rng(0))


@kinds
def test_learns_a_rule_and_writes_by_it(kind):
    """0 1 2 3 0 1 2 3 ...: after a few steps the model knows it, and writes it."""
    torch.manual_seed(0)
    model = R.LanguageModel(kind, 4, width=8, hidden=16)
    optimizer = torch.optim.Adam(model.parameters(), 2e-2)
    tokens = (torch.arange(13)[None] + torch.arange(4)[:, None]) % 4
    for _ in range(80):
        optimizer.zero_grad()
        R.teacher_forcing_loss(model(tokens[:, :-1])[0], tokens).backward()
        optimizer.step()
    rng = np.random.default_rng(0)
    assert R.write(model, 0, 2, temperature=0.1, rng=rng, longest=9) == [[1, 2, 3]] * 2
    assert R.write(model, 0, 1, temperature=0.1, rng=rng, longest=5, end=7)[0] == [1, 2, 3, 0, 1]


def test_writing_draws_from_what_the_model_says():
    model = R.LanguageModel("GRU", 4, width=3, hidden=5)
    with torch.no_grad():
        p = model(torch.zeros(1, 1, dtype=torch.long))[0][0, 0].softmax(-1).numpy()
    rows = R.write(model, 0, 20000, rng=np.random.default_rng(1), longest=1)
    shares = np.bincount([row[0] if row else 0 for row in rows], minlength=4) / 20000
    np.testing.assert_allclose(shares, p, atol=0.015)
    again = R.write(model, 0, 5, rng=np.random.default_rng(1), longest=8)
    assert again == R.write(model, 0, 5, rng=np.random.default_rng(1), longest=8)


def test_cross_entropy_oracle_without_padding():
    logits, tokens = normal(3, 4, 6), torch.randint(6, (3, 5), generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(
        R.teacher_forcing_loss(logits, tokens), F.cross_entropy(logits.transpose(1, 2), tokens[:, 1:])
    )
