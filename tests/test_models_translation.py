"""The encoder-decoder transformer: beside PyTorch's attention; the future and the padding are not seen; it learns."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from coursekit.errors import CourseError, ShapeError
from coursekit.models.seq2seq import END, PAD, START, UNKNOWN, padded, sequence_loss, teacher_forced
from coursekit.models.translation import Look, Translator


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def small(**changed):
    return Translator(12, 14, **({"width": 16, "heads": 4, "layers": 2, "rng": seeded()} | changed)).eval()


def tokens(n, t, seed=1, most=12):
    return torch.randint(UNKNOWN + 1, most, (n, t), generator=seeded(seed))


def test_a_look_is_pytorchs_multihead_attention():
    look = Look(16, 4).double()
    theirs = nn.MultiheadAttention(16, 4, bias=False, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([look.query.weight, look.key_value.weight]))
        theirs.out_proj.weight.copy_(look.out.weight)
    x, memory = (torch.randn(2, t, 16, generator=seeded(t), dtype=torch.float64) for t in (3, 5))
    real = torch.tensor([[True] * 5, [True, True, True, False, False]])
    expected, _ = theirs(x, memory, memory, key_padding_mask=~real)
    torch.testing.assert_close(look(x, memory, real[:, None, None]), expected, rtol=1e-10, atol=1e-10)


def test_scores_have_the_size_of_what_can_be_written():
    assert small()(tokens(3, 5), tokens(3, 4)).shape == (3, 4, 14)


@pytest.mark.parametrize("t", range(5))
def test_what_is_written_later_changes_nothing_before(t):
    network, source, given = small(), tokens(2, 6), tokens(2, 5, seed=2)
    other = given.clone()
    other[:, t] = UNKNOWN + 1 + (given[:, t] - UNKNOWN) % 8
    before, after = network(source, given), network(source, other)
    assert torch.equal(before[:, :t], after[:, :t])
    assert (before[:, t:] - after[:, t:]).abs().amax(dim=(0, 2)).min() > 1e-5


@pytest.mark.parametrize("s", range(6))
def test_every_token_read_counts_for_every_token_written(s):
    network, source, given = small(), tokens(2, 6), tokens(2, 4, seed=2)
    other = source.clone()
    other[:, s] = UNKNOWN + 1 + (source[:, s] - UNKNOWN) % 8
    assert (network(source, given) - network(other, given)).abs().amax(dim=2).min() > 1e-6


def test_padding_is_not_seen_and_order_is():
    network, source, given = small(), tokens(2, 6), tokens(2, 4, seed=2)
    longer = F.pad(source, (0, 3), value=PAD)
    torch.testing.assert_close(network(longer, given), network(source, given), rtol=1e-4, atol=1e-5)
    assert not torch.allclose(network(source.flip(1), given), network(source, given), atol=1e-4)


def test_greedy_says_what_it_would_be_taught_and_stops():
    network, source = small(), tokens(4, 6)
    written = network.greedy(source, 7)
    assert written.shape[0] == 4 and written.shape[1] <= 7
    given = torch.cat([torch.full((4, 1), START), written[:, :-1]], dim=1)
    scores = network(source, given)
    scores[..., [PAD, START, UNKNOWN]] = -torch.inf
    for row, best in zip(written.tolist(), scores.argmax(dim=-1).tolist(), strict=True):
        end = row.index(END) if END in row else len(row) - 1
        assert row[: end + 1] == best[: end + 1]
        assert set(row[end + 1 :]) <= {PAD}


def test_rows_are_translated_alike_alone_and_together():
    network, rows = small(), [[5, 6, 7], [8, 9, 10, 11, 4], [6]]
    together = network.greedy(padded(rows), 6)
    for k, row in enumerate(rows):
        alone = network.greedy(padded([row]), 6)[0]
        n = min(len(alone), together.shape[1])
        assert torch.equal(alone[:n], together[k, :n])


def test_it_learns_to_turn_a_row_around():
    draw = seeded()
    rows = [torch.randint(4, 12, (int(k) % 3 + 2,), generator=draw).tolist() for k in range(300)]
    given, wanted = teacher_forced([row[::-1] for row in rows])
    network = Translator(12, 12, width=32, heads=2, layers=1, rng=draw).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    for _ in range(250):
        optimizer.zero_grad()
        loss = sequence_loss(network(padded(rows), given), wanted)
        loss.backward()
        optimizer.step()
    assert (network.greedy(padded(rows), 5)[:, : wanted.shape[1]] == wanted).all(dim=1).float().mean() > 0.9


def test_the_first_weights_are_those_of_the_seed():
    one, same, other = (Translator(9, 9, rng=seeded(s)) for s in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), same.parameters(), strict=True))
    assert not torch.equal(one.read_embedding.weight, other.read_embedding.weight)


def test_dropout_is_for_training_only():
    network = small(dropout=0.5)
    source, given = tokens(1, 4), tokens(1, 3)
    assert torch.equal(network(source, given), network(source, given))
    network.train()
    assert not torch.equal(network(source, given), network(source, given))
    network.greedy(source, 2)
    assert network.training


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda m: m.read(torch.zeros(2, 3, dtype=torch.long)), "source: expected at least one token in every row"),
        (lambda m: m.read(torch.zeros(0, 3, dtype=torch.long)), "source: expected at least one token"),
        (lambda m: m.greedy(tokens(1, 3), 0), "longest: expected at least 1, got 0"),
        (lambda m: Translator(9, 9, width=10, heads=3), "heads: expected a divisor of the width 10, got 3"),
        (lambda m: Translator(9, 0), "target_size: expected at least 1, got 0"),
        (lambda m: Translator(9, 9, layers=0), "layers: expected at least 1, got 0"),
    ],
)
def test_mistakes_are_said(call, said):
    with pytest.raises(CourseError, match=said):
        call(small())


def test_a_sentence_without_batch_axis_is_refused():
    with pytest.raises(ShapeError, match=r"source: expected shape \(N, S\), got \(3,\)"):
        small().read(torch.tensor([4, 5, 6]))
