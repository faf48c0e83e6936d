"""Words counted, against scikit-learn's vectoriser and by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from coursekit.datasets import load
from coursekit.errors import CourseError
from coursekit.text import vocabulary, word_counts, words


def test_words_lose_capitals_and_commas_and_keep_their_apostrophe():
    assert words("Isn't it -- well, 'GOOD'?") == ["isn't", "it", "well", "good"]
    assert words("") == words("... !") == []
    assert words("Les clichés, Jirí") == ["les", "clichés", "jirí"]


def test_as_scikit_learns_vectoriser():
    texts = load("movie_snippets").x_train[:300]
    theirs = CountVectorizer(token_pattern=r"\w+(?:'\w+)?").fit(texts)  # noqa: S106
    known = theirs.get_feature_names_out().tolist()
    assert sorted(vocabulary(texts)) == known
    np.testing.assert_array_equal(word_counts(texts, known), theirs.transform(texts).toarray())


def test_a_vocabulary_is_ordered_by_texts_that_hold_the_word():
    assert vocabulary(["b b b b a", "a c", "a c d"]) == ["a", "c", "b", "d"]
    assert vocabulary(["b b b b a", "a c", "a c d"], at_least=2) == ["a", "c"]


@settings(deadline=None, max_examples=40)
@given(st.lists(st.lists(st.sampled_from(["film", "good", "bad", "art", "heart"]), max_size=8), min_size=1, max_size=5))
def test_the_order_of_words_does_not_count_and_every_known_word_does(texts):
    known = ["good", "art", "film"]
    there = word_counts([" ".join(one) for one in texts], known)
    back = word_counts([", ".join(reversed(one)).upper() for one in texts], known)
    np.testing.assert_array_equal(there, back)
    np.testing.assert_array_equal(there.sum(axis=1), [sum(word in known for word in one) for one in texts])


def test_a_word_twice_is_refused():
    with pytest.raises(CourseError, match="known: expected 3 different words, got 2"):
        word_counts(["a"], ["a", "b", "a"])
