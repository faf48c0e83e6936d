"""Exercises of *Deep or classical*: words are counted."""

import numpy as np

from coursekit import text
from coursekit.checks.core import Exercise, register

__all__ = ["word_counts"]

WORDS = ["a", "art", "bad", "boring", "film", "good", "heart", "is", "not", "plot", "the", "very"]


def _count_cases(rng):
    yield ["good good film", "bad film"], ["film", "good", "bad"]
    yield ["The plot is GOOD, not bad.", "Art? The heart... is art!"], ["art", "good", "not", "the", "heart"]
    for n in (3, 1):
        texts = [" ".join(rng.choice(WORDS, size=8)).capitalize() + "." for _ in range(n)]
        yield texts, [str(word) for word in rng.permutation(WORDS)[:7]]
    yield ["", "nothing known here"], ["film", "plot"]
    yield ["it isn't bad, it isn't"], ["isn't", "it", "bad", "isn"]


def _counted(texts, known, split=text.words, once=False):
    rows = [[split(one).count(word) for word in known] for one in texts]
    found = np.array(rows, dtype=float).reshape(len(texts), len(known))
    return np.minimum(found, 1) if once else found


def _there_or_not(texts, known):
    return _counted(texts, known, once=True)


def _as_letters(texts, known):
    return np.array([[one.lower().count(word) for word in known] for one in texts], dtype=float)


def _case_kept(texts, known):
    return _counted(texts, known, split=lambda one: text.WORD.findall(one))


def _split_at_blanks(texts, known):
    return _counted(texts, known, split=lambda one: one.lower().split())


def _split_only(texts, known):
    return _counted(texts, known, split=str.split)


def _shares(texts, known):
    lengths = np.array([max(1, len(text.words(one))) for one in texts])
    return _counted(texts, known) / lengths[:, None]


def _words_by_texts(texts, known):
    return _counted(texts, known).T


def _whole_corpus(texts, known):
    return _counted(texts, known).sum(axis=0)


def _alphabetical(texts, known):
    return _counted(texts, sorted(known))


def _texts_with_the_word(texts, known):
    return np.tile(_counted(texts, known, once=True).sum(axis=0), (len(texts), 1))


def _unknown_words_stop_it(texts, known):
    column = {word: k for k, word in enumerate(known)}
    counts = np.zeros((len(texts), len(known)))
    for n, one in enumerate(texts):
        for word in text.words(one):
            counts[n, column[word]] += 1
    return counts


def _up_to_the_first_unknown(texts, known):
    found = []
    for one in texts:
        split = text.words(one)
        stop = next((k for k, word in enumerate(split) if word not in known), len(split))
        found.append([float(split[:stop].count(word)) for word in known])
    return np.array(found)


def _first_text_only(texts, known):
    counts = _counted(texts, known)
    counts[1:] = 0
    return counts


def _running_total(texts, known):
    return _counted(texts, known).cumsum(axis=0)


def _one_row_for_all(texts, known):
    return np.tile(_counted(texts, known).sum(axis=0), (len(texts), 1))


def _letters_anywhere_once(texts, known):
    return np.array([[float(word in one.lower()) for word in known] for one in texts])


def _as_letters_case_kept(texts, known):
    return np.array([[float(one.count(word)) for word in known] for one in texts])


def _shares_of_known(texts, known):
    counts = _counted(texts, known)
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def _apostrophes_split(texts, known):
    return _counted(texts, known, split=lambda one: text.words(one.replace("'", " ")))


def _logarithms(texts, known):
    return np.log1p(_counted(texts, known))


def _total_of_each_text(texts, known):
    return _counted(texts, known).sum(axis=1)


def _own_vocabulary(texts, known):
    return _counted(texts, sorted({word for one in texts for word in text.words(one)}))


def _counts_by_column(texts, known):
    split = [text.words(one) for one in texts]
    columns = [[float(sum(w == word for w in one)) for one in split] for word in known]
    return np.column_stack(columns)


word_counts = register(
    Exercise(
        id="bag.word_counts",
        notebook="deep_or_classical",
        reference=text.word_counts,
        cases=_count_cases,
        difficulty=2,
        minutes=8,
        points=2,
        hints=[
            "`words(text)` gives the words of one text as a list, in small letters and without commas.",
            'A dict from word to column finds the place at once: `{"film": 0, "good": 1, ...}`. Words that are not in it are passed over.',
            "`column = {word: k for k, word in enumerate(known)}`; for each text in row n, for each word in words(text): "
            "`if word in column: counts[n, column[word]] += 1`.",
        ],
        misconceptions={
            _there_or_not: "You note only whether a word is there. Count how often.",
            _as_letters: "`text.count(word)` finds the letters anywhere: 'art' in 'heart', 'is' in 'this'. Split the text into words first.",
            _case_kept: "Capitals hide words from you: 'The' and 'the' are one word. words(text) makes all letters small.",
            _split_at_blanks: "Splitting at blanks leaves commas and dots on the words: 'good,' is not 'good'. Use words(text).",
            _split_only: "`split()` leaves capitals and commas on the words: 'Good,' is not 'good'. Use words(text).",
            _shares: "You divided by the length of the text. Counts were asked for.",
            _words_by_texts: "Texts are rows, words are columns: (N, V).",
            _whole_corpus: "These are the counts of all texts together. Each text has its own row.",
            _alphabetical: "Your columns are in the order of the alphabet. Keep the order of `known`.",
            _unknown_words_stop_it: "A word that is not in `known` stops your loop with a KeyError. Pass over it: `if word in column`.",
            _up_to_the_first_unknown: "You stop at the first word that is not known (`break`?). Pass over it and go on: the words after it count.",
            _first_text_only: "Only the first text is counted. Does `return` stand inside the loop over the texts?",
            _running_total: "Each row holds the counts of all texts before it too. Begin every text at zero.",
            _one_row_for_all: "Every row holds the counts of all texts together. `[[0] * V] * N` is one row N times; np.zeros((N, V)) gives each its own.",
            _letters_anywhere_once: "`word in text` finds the letters anywhere ('art' in 'heart'), and says only whether, not how often. "
            "Split by words(text) and count.",
            _as_letters_case_kept: "`text.count(word)` finds the letters anywhere ('art' in 'heart') and minds capitals. Split by words(text) and count.",
            _shares_of_known: "You divided each row by its sum. Counts were asked for.",
            _apostrophes_split: 'An apostrophe inside a word belongs to it: "isn\'t" is one word. words(text) knows that.',
            _logarithms: "These are logarithms of the counts. The counts themselves were asked for.",
            _total_of_each_text: "This is one number a text. Each known word has its own column: (N, V).",
            _own_vocabulary: "Your columns are the words of these texts. The columns are those of `known`, in its order.",
            _texts_with_the_word: "This is the number of texts with the word. In row n, count in text n only.",
        },
        variants=(_counts_by_column,),
    )
)
