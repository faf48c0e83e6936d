"""Reader and writer: padding changes nothing, the future does not leak, and a small language is learned."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from coursekit.errors import CourseError, ShapeError
from coursekit.models.attention import cross_attention
from coursekit.models.seq2seq import (
    END,
    PAD,
    START,
    UNKNOWN,
    Seq2Seq,
    Symbols,
    padded,
    sequence_loss,
    teacher_forced,
)


def network(attend=cross_attention, **kwargs):
    torch.manual_seed(0)
    return Seq2Seq(9, 11, width=8, hidden=12, attend=attend, **kwargs).double()


# -- tokens and tables ----------------------------------------------------------------------------------


@given(st.lists(st.text(max_size=8), min_size=1, max_size=5))
def test_symbols_come_back_as_they_went(texts):
    symbols = Symbols.of(texts)
    for text in texts:
        assert "".join(symbols.decode([*symbols.encode(text), END, *symbols.encode(text)])) == text
    assert len(symbols) == 4 + len(set("".join(texts)))


def test_rare_and_new_tokens_are_unknown():
    symbols = Symbols.of(["aab", "ac"], least=2)
    assert symbols.tokens == ("a",)
    assert symbols.encode("abz") == [4, UNKNOWN, UNKNOWN]
    assert symbols.decode([START, 4, UNKNOWN, PAD]) == ["a", "<unk>"]
    with pytest.raises(CourseError, match="expected each one once"):
        Symbols(["a", "a"])


def test_teacher_forcing_moves_by_one():
    given_, wanted = teacher_forced([[5, 6, 7], [8]])
    assert given_.tolist() == [[START, 5, 6, 7], [START, 8, PAD, PAD]]
    assert wanted.tolist() == [[5, 6, 7, END], [8, END, PAD, PAD]]
    assert padded([[4], []]).tolist() == [[4], [PAD]]


def test_padding_costs_nothing():
    logits, wanted = torch.randn(2, 4, 7, dtype=torch.float64), torch.tensor([[4, 5, END, PAD], [6, END, PAD, PAD]])
    each = -logits.log_softmax(-1).gather(-1, wanted[..., None])[..., 0]
    torch.testing.assert_close(sequence_loss(logits, wanted), each[wanted != PAD].mean())


# -- the network ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("attend", [cross_attention, None])
def test_more_padding_and_other_neighbours_change_nothing(attend):
    model = network(attend)
    source, given_ = torch.tensor([[4, 5, 6]]), torch.tensor([[START, 4, 7]])
    alone = model(source, given_)
    crowd = torch.tensor([[4, 5, 6, PAD, PAD], [7, 8, 4, 4, 5]])
    together = model(crowd, given_.expand(2, -1))
    torch.testing.assert_close(together[:1], alone)


@pytest.mark.parametrize("attend", [cross_attention, None])
def test_a_later_token_changes_no_earlier_score(attend):
    model, source = network(attend), torch.tensor([[4, 5, 6, 7]])
    one, other = torch.tensor([[START, 4, 5, 6, 7]]), torch.tensor([[START, 4, 5, 8, 9]])
    before, after = model(source, one), model(source, other)
    torch.testing.assert_close(before[:, :3], after[:, :3], rtol=0, atol=0)
    assert not torch.allclose(before[:, 3:], after[:, 3:])


def test_all_at_once_is_one_after_the_other():
    model, source, given_ = network(), torch.tensor([[4, 5, 6, 7]]), torch.tensor([[START, 4, 5, 6]])
    read, state, pieces = model.read(source), None, []
    for t in range(4):
        logits, _, state = model.write(given_[:, t : t + 1], read, state)
        pieces.append(logits)
    torch.testing.assert_close(torch.cat(pieces, dim=1), model(source, given_))


@pytest.mark.parametrize("attend", [cross_attention, None])
def test_greedy_takes_the_likeliest_each_time_and_stops_at_the_end_mark(attend):
    model, source = network(attend, dropout=0.5).train(), torch.tensor([[4, 5, 6, 7], [8, 4, PAD, PAD]])
    written, weights = model.greedy(source, longest=6)
    assert model.training
    again, _ = model.greedy(source, longest=6)
    assert torch.equal(written, again)  # no dropout while it writes
    assert written.shape[1] <= 6
    model.eval()
    for row, line in zip(source, written, strict=True):
        before = [START]
        for token in line.tolist():
            if before[-1] in (END, PAD):
                assert token == PAD
            else:
                scores = model(row[None], torch.tensor([before]))[0, -1]
                assert token == 2 + int(scores[2:].argmax())
            before.append(token)
    if attend is None:
        assert weights is None
    else:
        assert weights.shape == (*written.shape, 4)
        torch.testing.assert_close(weights.sum(-1), torch.ones(written.shape, dtype=torch.float64))
        assert not weights[1, :, 2:].any()


def test_with_and_without_attention_differ_only_by_the_queries():
    with_it, without = (sum(p.numel() for p in network(a).parameters()) for a in (cross_attention, None))
    assert with_it - without == 12 * 12


def test_it_learns_to_write_backwards():
    torch.manual_seed(0)
    model = Seq2Seq(12, 12, width=16, hidden=32)
    step, rng = torch.optim.Adam(model.parameters(), 1e-2), torch.Generator().manual_seed(0)
    for _ in range(150):
        rows = torch.randint(4, 12, (32, 5), generator=rng)
        given_, wanted = teacher_forced(rows.flip(1).tolist())
        step.zero_grad()
        sequence_loss(model(rows, given_), wanted).backward()
        step.step()
    rows = torch.randint(4, 12, (50, 5), generator=rng)
    written, weights = model.greedy(rows, longest=6)
    assert (written[:, :5] == rows.flip(1)).float().mean() > 0.95
    assert (weights[:, :5].argmax(-1) == torch.tensor([4, 3, 2, 1, 0])).float().mean() > 0.5


# -- bad input ------------------------------------------------------------------------------------------


def test_refusals():
    with pytest.raises(CourseError, match="hidden: expected an even number, got 5"):
        Seq2Seq(5, 5, hidden=5)
    with pytest.raises(CourseError, match="got an empty row"):
        network()(torch.tensor([[4, 5], [PAD, PAD]]), torch.tensor([[START], [START]]))
    with pytest.raises(CourseError, match="got an empty row"):
        network().greedy(torch.zeros(0, 3, dtype=torch.int64), 3)
    with pytest.raises(ShapeError, match=r"source: expected shape \(N, S\), got \(2,\)"):
        network().greedy(torch.tensor([4, 5]), 3)
    with pytest.raises(CourseError, match="longest: expected at least 1, got 0"):
        network().greedy(torch.tensor([[4]]), 0)
