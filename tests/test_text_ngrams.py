"""Kneser-Ney beside a recursion written out from the formula; its probabilities sum to one."""

from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.corpora import austen
from coursekit.errors import CourseError
from coursekit.text import CharTokenizer, KneserNey
from coursekit.text.ngrams import discounts

tokens = st.lists(st.integers(0, 3), min_size=1, max_size=40)


def by_the_formula(ids: list[int], order: int, vocab_size: int):
    """p(w | context) by dictionaries and recursion: slow, and as the paper writes it."""
    tables = {}
    counts = Counter(tuple(ids[k : k + order]) for k in range(len(ids) - order + 1))
    for n in range(order, 0, -1):
        tables[n] = counts
        before = defaultdict(set)
        for gram in counts:
            before[gram[1:]].add(gram[0])
        counts = {gram: len(firsts) for gram, firsts in before.items()}

    def p(word: int, context: tuple[int, ...]) -> float:
        n = len(context) + 1
        lower = p(word, context[1:]) if n > 1 else 1 / vocab_size
        followers = {gram: c for gram, c in tables[n].items() if gram[:-1] == context}
        if not followers:
            return lower
        taken = {gram: discount[n][min(c, 3) - 1] for gram, c in followers.items()}
        total = sum(followers.values())
        own = max(followers.get((*context, word), 0) - taken.get((*context, word), 0), 0) / total
        return own + sum(taken.values()) / total * lower

    discount = {n: discounts(np.array(list(table.values()))) for n, table in tables.items()}
    return p


@given(tokens, st.integers(1, 4))
def test_it_is_the_formula(ids, order):
    order = min(order, len(ids))
    model, p = KneserNey(ids, order, 5), by_the_formula(ids, order, 5)
    for start in range(len(ids)):
        context = tuple(ids[max(0, start - order + 1) : start])
        expected = [p(word, context) for word in range(5)]
        np.testing.assert_allclose(model.probabilities(context), expected, atol=1e-12)


@given(tokens, st.integers(1, 6), st.lists(st.integers(0, 4), max_size=8))
def test_probabilities_sum_to_one_after_any_context(ids, order, context):
    p = KneserNey(ids, order, 5).probabilities(context)
    assert p.min() > 0 and p.sum() == pytest.approx(1, abs=1e-12)


@given(tokens, st.integers(1, 5), st.lists(st.integers(0, 4), min_size=1, max_size=12))
def test_a_text_scores_as_its_tokens_one_by_one(ids, order, text):
    model = KneserNey(ids, order, 5)
    one_by_one = [np.log(model.probabilities(text[:k])[token]) for k, token in enumerate(text)]
    np.testing.assert_allclose(model.log_probs(text), one_by_one, atol=1e-12)


@pytest.fixture(scope="module")
def prose():
    corpus = austen()
    letters = CharTokenizer(corpus.characters)
    return letters, letters.encode(corpus.train[:400_000]), letters.encode(corpus.test[:50_000])


def bits(model, ids):
    return -model.log_probs(ids).mean() / np.log(2)


def test_longer_contexts_help_on_prose_and_no_model_beats_knowing_the_text(prose):
    letters, train, test = prose
    found = [bits(KneserNey(train, order, letters.vocab_size), test) for order in (1, 2, 4, 6)]
    assert sorted(found, reverse=True) == found
    assert found[0] < np.log2(letters.vocab_size) and 1.5 < found[-1] < 2.3


def test_the_bigram_model_is_near_the_plain_ratio_of_counts(prose):
    letters, train, _ = prose
    t, h = letters.encode("th")
    after_t = train[1:][train[:-1] == t]
    assert KneserNey(train, 2, letters.vocab_size).probabilities([t])[h] == pytest.approx(
        (after_t == h).mean(), abs=1e-3
    )


def test_san_francisco():
    """A word that is frequent after one other only is not to be expected in a new place."""
    san, francisco, glasses, reading = range(4)
    ids = [san, francisco] * 50 + [reading, glasses, san, glasses, francisco, glasses] * 5
    p = KneserNey(ids, 2, 5).probabilities([4])  # a context that was never seen
    assert Counter(ids)[francisco] > Counter(ids)[glasses]
    assert p[glasses] > p[francisco]


def test_chen_and_goodmans_discounts():
    n1, n2, n3, n4 = 60, 20, 10, 5
    y = n1 / (n1 + 2 * n2)
    expected = [1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3]
    counts = np.repeat([1, 2, 3, 4, 9], [n1, n2, n3, n4, 7])
    np.testing.assert_allclose(discounts(counts), expected)
    assert discounts(np.array([7, 8])).tolist() == [0.75] * 3, "too small to estimate"


def test_samples_follow_the_seed_and_the_temperature(prose):
    letters, train, _ = prose
    model = KneserNey(train, 5, letters.vocab_size)
    one, two = (model.sample(60, rng=np.random.default_rng(3), prompt=letters.encode("She was ")) for _ in range(2))
    assert one.tolist() == two.tolist() and one.shape == (60,)
    cold = model.sample(300, rng=np.random.default_rng(3), temperature=0.05)
    warm = model.sample(300, rng=np.random.default_rng(3), temperature=1.5)
    assert -model.log_probs(cold).mean() < -model.log_probs(warm).mean() - 1
    likeliest = [int(model.probabilities(cold[:k]).argmax()) for k in range(20)]
    assert np.mean(cold[:20] == likeliest) > 0.9
    assert KneserNey(train, 1, letters.vocab_size).sample(5, rng=np.random.default_rng(0)).shape == (5,)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: KneserNey([], 2, 5), "got an empty corpus"),
        (lambda: KneserNey([0, 5], 2, 5), "expected tokens from 0 to 4, got 5"),
        (lambda: KneserNey([0, 1], 0, 5), "order: expected 1 to 27 for 5 tokens, got 0"),
        (lambda: KneserNey([0, 1], 28, 5), "got 28"),
        (lambda: KneserNey([0, 1], 2, 5).probabilities([9]), "expected tokens from 0 to 4, got 9"),
        (lambda: KneserNey([0, 1], 2, 5).log_probs([9]), "got 9"),
        (
            lambda: KneserNey([0, 1], 2, 5).sample(1, rng=np.random.default_rng(0), temperature=0),
            "temperature: expected",
        ),
        (lambda: KneserNey([0, 1], 2, 5).sample(1, rng=np.random.default_rng(0), prompt=[7]), "got 7"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(CourseError, match=message):
        call()


def test_a_text_shorter_than_the_order_is_no_mistake():
    model = KneserNey([0, 1], order=5, vocab_size=3)
    assert model.probabilities([0, 1, 0, 1, 0]).sum() == pytest.approx(1)
    assert model.log_probs([]).shape == (0,)
    assert "n-grams" in repr(model)
