"""Every text comes back from a tokenizer as it went in; a wrong file or number is refused by name."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.corpora import austen
from coursekit.errors import CourseError, DataError
from coursekit.text import BPETokenizer, CharTokenizer, merge, most_frequent_pair

SAMPLE = (
    "It is a truth universally acknowledged, that a single man in possession of a good fortune, must be in want.\n" * 3
)


@pytest.fixture(scope="module")
def pieces():
    return BPETokenizer.train(austen().train[:60_000], vocab_size=400)


@given(st.text())
def test_any_unicode_survives_byte_pairs(text):
    tokenizer = BPETokenizer.train(SAMPLE, 300)
    assert tokenizer.decode(tokenizer.encode(text)) == text


@given(st.text(min_size=1))
def test_any_unicode_survives_characters(text):
    tokenizer = CharTokenizer.of(text)
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert ids.dtype == np.int64 and len(ids) == len(text) and tokenizer.vocab_size == len(set(text))


@given(st.lists(st.integers(0, 3), min_size=2, max_size=30))
def test_a_merge_undone_is_the_text_before(ids):
    pair = most_frequent_pair(ids)
    joined = merge(ids, pair, 9)
    assert [token for new in joined for token in (pair if new == 9 else (new,))] == ids
    assert all(joined[k : k + 2] != list(pair) for k in range(len(joined))), "no occurrence was left"
    assert len(joined) < len(ids)


def naive_training(text: str, merges: int) -> list[tuple[int, int]]:
    """Words one after the other, every pair counted anew before each merge."""
    from coursekit.text.byte_pairs import CHUNK

    words = [list(word.encode()) for word in CHUNK.findall(text)]
    learned = []
    for k in range(merges):
        counts = {}
        for word in words:
            for pair in zip(word, word[1:], strict=False):
                counts[pair] = counts.get(pair, 0) + 1
        best = min(counts, key=lambda p: (-counts[p], p))
        learned.append(best)
        words = [merge(word, best, 256 + k) for word in words]
    return learned


def test_training_counts_as_the_naive_way_does():
    text = austen().train[:20_000]
    assert BPETokenizer.train(text, 256 + 60).merges == naive_training(text, 60)


def test_frequent_words_become_one_token(pieces):
    assert pieces.vocab_size == 400
    assert len(pieces.encode(" and")) == 1
    assert len(pieces.encode(" zyzzyva")) > 4
    assert pieces.decode(pieces.encode(SAMPLE)) == SAMPLE


def test_a_merge_never_reaches_over_a_blank(pieces):
    for token in range(256, pieces.vocab_size):
        spelled = pieces.decode([token])
        assert " " not in spelled[1:] or spelled.isspace()


def test_training_ends_where_no_pair_occurs_twice():
    assert BPETokenizer.train("abc", 300).vocab_size == 256


@pytest.mark.parametrize("kind", [CharTokenizer, BPETokenizer])
def test_saved_and_loaded(kind, tmp_path):
    tokenizer = CharTokenizer.of(SAMPLE) if kind is CharTokenizer else BPETokenizer.train(SAMPLE, 280)
    tokenizer.save(tmp_path / "tokens.json")
    again = kind.load(tmp_path / "tokens.json", vocab_size=tokenizer.vocab_size)
    assert again.encode(SAMPLE).tolist() == tokenizer.encode(SAMPLE).tolist()


def test_a_file_of_another_vocabulary_is_refused(tmp_path):
    CharTokenizer("abc").save(tmp_path / "tokens.json")
    with pytest.raises(DataError, match=r"expected a vocabulary of 81 \(the model's\), got 3"):
        CharTokenizer.load(tmp_path / "tokens.json", vocab_size=81)
    with pytest.raises(DataError, match="expected one of byte pairs, got one of characters"):
        BPETokenizer.load(tmp_path / "tokens.json")


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", json.dumps({"format": "other"}).encode(), b"\xff"])
def test_a_file_that_is_no_tokenizer(content, tmp_path):
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"tokenizer: expected a file that save\(\) wrote"):
        CharTokenizer.load(path)
    with pytest.raises(DataError, match="expected a file"):
        CharTokenizer.load(tmp_path / "nowhere.json")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: CharTokenizer("abc").encode("abxc"), "got 'x' at place 2"),
        (lambda: CharTokenizer.of(""), "got an empty corpus"),
        (lambda: CharTokenizer.of(["a"]), "text: expected a str .* got list"),
        (lambda: CharTokenizer("aba"), "expected each once, got 'a' twice"),
        (lambda: CharTokenizer(["ab"]), "expected single characters"),
        (lambda: CharTokenizer("ab").decode([2]), "expected tokens from 0 to 1, got 2"),
        (lambda: CharTokenizer("ab").decode([-1]), "got -1"),
        (lambda: CharTokenizer("ab").decode([0.5]), "expected a row of whole numbers, got float64"),
        (lambda: CharTokenizer("ab").decode(np.zeros((1, 2), int)), r"of shape \(1, 2\)"),
        (lambda: BPETokenizer.train("", 300), "got an empty corpus"),
        (lambda: BPETokenizer.train("abc", 200), "vocab_size: expected a whole number of at least 256, got 200"),
        (lambda: BPETokenizer([(300, 1)]), "expected tokens below 256 in pair 0"),
        (lambda: BPETokenizer().decode([256]), "expected tokens from 0 to 255"),
        (lambda: BPETokenizer().encode("\ud800"), "half of a surrogate pair"),
        (lambda: most_frequent_pair([1]), "expected at least two tokens, got 1"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(CourseError, match=message):
        call()


def test_no_tokens_are_no_text():
    assert CharTokenizer("ab").decode([]) == "" == BPETokenizer().decode([])
    assert CharTokenizer("ab").encode("").shape == (0,) == BPETokenizer().encode("").shape
