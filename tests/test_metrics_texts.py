"""BLEU, chrF and ROUGE give what sacreBLEU 2.6.0 and rouge-score 0.1.2 give, to the last digit."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.errors import CourseError, ShapeError
from coursekit.metrics import bits_per_character, bleu, chrf, modified_precision, rouge_l, rouge_n

MADE = [
    "the cat sat on a mat",
    "god said let there be light and there was light",
    "he went home",
    "in the beginning was the word and the word was with god",
]
WANTED = [
    "the cat sat on the mat",
    "and god said let there be light and there was light",
    "then he went to his own home",
    "in the beginning was the word and the word was god",
]
SACREBLEU = {1: 82.22394434876243, 2: 76.73784743730867, 3: 73.9903870126295, 4: 72.81257487699713}
SACREBLEU_CHRF = {1: 86.88245315161839, 3: 83.99258879407624, 6: 79.61750554538854}
ROUGE_SCORE = [  # precision and recall of ROUGE-1, ROUGE-2, ROUGE-L
    ((0.833333, 0.833333), (0.6, 0.6), (0.833333, 0.833333)),
    ((1.0, 0.909091), (1.0, 0.9), (1.0, 0.909091)),
    ((1.0, 0.428571), (0.5, 0.166667), (1.0, 0.428571)),
    ((0.916667, 1.0), (0.818182, 0.9), (0.916667, 1.0)),
]
texts = st.lists(st.sampled_from("a b c d e".split()), min_size=1, max_size=12)


@pytest.mark.parametrize("n", SACREBLEU)
def test_bleu_is_sacrebleus(n):
    assert 100 * bleu(MADE, WANTED, max_n=n) == pytest.approx(SACREBLEU[n], abs=1e-9)
    as_lists = [text.split() for text in MADE], [text.split() for text in WANTED]
    assert bleu(*as_lists, max_n=n) == bleu(MADE, WANTED, max_n=n)


def test_bleu_of_short_candidates_pays_the_penalty():
    assert 100 * bleu(MADE[2:], WANTED[2:]) == pytest.approx(65.3585889972677, abs=1e-9)


@pytest.mark.parametrize("n", SACREBLEU_CHRF)
def test_chrf_is_sacrebleus(n):
    assert 100 * chrf(MADE, WANTED, max_n=n) == pytest.approx(SACREBLEU_CHRF[n], abs=1e-9)


def test_chrf_of_short_texts_averages_over_the_lengths_that_there_are():
    assert 100 * chrf(MADE, WANTED, beta=1) == pytest.approx(82.61952018755106, abs=1e-9)
    assert 100 * chrf(["ab"], ["abc"]) == pytest.approx(63.636363636363626, abs=1e-9)
    assert chrf(["x"], ["y"]) == 0.0 and chrf([""], ["y"]) == 0.0


@pytest.mark.parametrize(("made", "wanted", "expected"), list(zip(MADE, WANTED, ROUGE_SCORE, strict=True)))
def test_rouge_is_rouge_scores(made, wanted, expected):
    for found, (precision, recall) in zip(
        (rouge_n(made, wanted, 1), rouge_n(made, wanted, 2), rouge_l(made, wanted)), expected, strict=True
    ):
        assert found.precision == pytest.approx(precision, abs=1e-6)
        assert found.recall == pytest.approx(recall, abs=1e-6)
        assert found.f1 == pytest.approx(2 * precision * recall / (precision + recall), abs=1e-5)


def test_the_papers_example_of_clipping():
    assert modified_precision("the the the the the the the", "the cat is on the mat", 1) == (2, 7)


@given(texts, texts)
def test_invariants(a, b):
    assert bleu([a], [a], max_n=1) == pytest.approx(1) and chrf(["".join(a)], ["".join(a)]) == pytest.approx(1)
    for value in (bleu([a], [b]), chrf([" ".join(a)], [" ".join(b)]), *rouge_l(a, b), *rouge_n(a, b, 2)):
        assert 0 <= value <= 1 + 1e-12
    there, back = rouge_l(a, b), rouge_l(b, a)
    assert (there.precision, there.recall) == (back.recall, back.precision)
    assert rouge_l(a, b).precision <= rouge_n(a, b, 1).precision + 1e-12, "an order can only cost"


def test_bits_per_character():
    assert bits_per_character(math.log(81)) == pytest.approx(math.log2(81))
    assert bits_per_character(1.0, tokens=10, characters=20) == pytest.approx(0.5 / math.log(2))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: bleu("a cat", ["a cat"]), CourseError, "candidates: expected a list of texts, got one str"),
        (lambda: bleu(["a cat"], "a cat"), CourseError, "references: expected a list"),
        (lambda: bleu(["a", "b"], ["a"]), ShapeError, "one for each of 2 candidates, got 1"),
        (lambda: bleu([], []), CourseError, "at least one text, got none"),
        (lambda: bleu(["a"], ["a"], max_n=0), CourseError, "max_n: expected a whole number of at least 1, got 0"),
        (lambda: rouge_n("a", "a", 0), CourseError, "n: expected a whole number"),
        (lambda: chrf(["a"], ["a"], max_n=1.5), CourseError, "max_n"),
        (lambda: bits_per_character(1.0, characters=0), CourseError, "characters: expected at least 1"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_nothing_to_compare_is_zero():
    assert rouge_n("", "a b") == (0, 0, 0) == rouge_l("a", "")
    assert bleu([""], ["a"]) == 0.0
