"""Exercises of *Transformers*: runs of words that two sentences have in common."""

from collections import Counter

from coursekit import metrics
from coursekit.checks.core import Exercise, register
from coursekit.metrics import modified_precision as counts

__all__ = ["modified_precision"]

WORDS = ["the", "the", "king", "of", "of", "all", "land", "went", "and", "said", "to", "him"]


def _sentence(rng, length):
    return [str(word) for word in rng.choice(WORDS, size=length)]


def _pairs(rng):
    yield ["the"] * 7, ["the", "cat", "is", "on", "the", "mat"], 1  # the example of the paper
    yield ["the", "cat", "the", "cat"], ["the", "cat", "sat", "on", "the", "cat"], 2
    for n in (1, 2, 3):
        yield _sentence(rng, 14), _sentence(rng, 11), n
    yield _sentence(rng, 6), _sentence(rng, 12), 1
    yield ["to", "the", "king"], ["to", "the", "king"], 4  # too short to have any
    yield [], ["to", "him"], 1
    yield ["to", "him"], ["to", "the", "king"], 4  # two words less than one n-gram has
    yield ["no", "where", "to"], ["now", "here", "to"], 2  # without the blank it would be the same


def _ngrams(words, n):
    return [tuple(words[k : k + n]) for k in range(len(words) - n + 1)]


def _not_clipped(candidate, reference, n):
    ours, theirs = _ngrams(candidate, n), set(_ngrams(reference, n))
    return sum(gram in theirs for gram in ours), len(ours)


def _kinds_only(candidate, reference, n):
    ours, theirs = set(_ngrams(candidate, n)), set(_ngrams(reference, n))
    return len(ours & theirs), len(ours)


def _kinds_matched(candidate, reference, n):
    ours = _ngrams(candidate, n)
    return len(set(ours) & set(_ngrams(reference, n))), len(ours)


def _recall(candidate, reference, n):
    return counts(candidate, reference, n)[0], len(_ngrams(reference, n))


def _ratio(candidate, reference, n):
    matched, possible = counts(candidate, reference, n)
    return matched / max(possible, 1)


def _one_short(candidate, reference, n):
    ours, theirs = (Counter(tuple(w[k : k + n]) for k in range(len(w) - n)) for w in (candidate, reference))
    return (ours & theirs).total(), ours.total()


def _always_words(candidate, reference, n):
    return counts(candidate, reference, 1)


def _of_the_reference(candidate, reference, n):
    ours, theirs = Counter(_ngrams(candidate, n)), Counter(_ngrams(reference, n))
    return sum(theirs[gram] for gram in ours), ours.total()


def _larger_of_both(candidate, reference, n):
    ours, theirs = Counter(_ngrams(candidate, n)), Counter(_ngrams(reference, n))
    return sum(max(ours[g], theirs[g]) for g in ours if g in theirs), ours.total()


def _swapped(candidate, reference, n):
    return counts(candidate, reference, n)[::-1]


def _same_place(candidate, reference, n):
    ours, theirs = _ngrams(candidate, n), _ngrams(reference, n)
    return sum(a == b for a, b in zip(ours, theirs, strict=False)), len(ours)


def _all_lengths_up_to_n(candidate, reference, n):
    both = [counts(candidate, reference, k) for k in range(1, n + 1)]
    return sum(m for m, _ in both), sum(p for _, p in both)


def _words_counted(candidate, reference, n):
    return counts(candidate, reference, n)[0], len(candidate)


def _changed(count):
    """What a mistake makes of both Counters of n-grams."""
    return lambda candidate, reference, n: count(Counter(_ngrams(candidate, n)), Counter(_ngrams(reference, n)))


def _of_pieces(pieces):
    """The right counts, of wrong pieces."""

    def count(candidate, reference, n):
        ours, theirs = Counter(pieces(candidate, n)), Counter(pieces(reference, n))
        return (ours & theirs).total(), ours.total()

    return count


def _below_zero(candidate, reference, n):
    return counts(candidate, reference, n)[0], len(candidate) - n + 1


def _crossed_off(candidate, reference, n):
    left, matched = _ngrams(reference, n), 0
    ours = _ngrams(candidate, n)
    for gram in ours:
        if gram in left:
            left.remove(gram)
            matched += 1
    return matched, len(ours)


modified_precision = register(
    Exercise(
        id="ngrams.modified_precision",
        notebook="transformers",
        reference=metrics.modified_precision,
        cases=_pairs,
        difficulty=2,
        minutes=10,
        points=2,
        hints=[
            "Count the n-grams of both: `Counter(tuple(words[k : k + n]) for k in range(len(words) - n + 1))`.",
            "An n-gram counts as often as it stands in the candidate, but at most as often as in the reference: the smaller of the "
            "two counts. Two Counters a and b have that as `a & b`.",
            "`return (ours & theirs).total(), ours.total()`",
        ],
        misconceptions={
            _not_clipped: "Not clipped: a word of the reference may be repeated for ever here, and counts each time. It counts at most as "
            "often as it stands in the reference.",
            _kinds_only: "You count *different* n-grams, on both sides. Repeated ones count as often as they are there.",
            _kinds_matched: "Matches are counted once for each different n-gram. Take the smaller of the two counts.",
            _recall: "You divide by the reference's n-grams: that would be recall (ROUGE). Possible are those of the *candidate*.",
            _ratio: "Return both numbers, matched and possible: a corpus adds them up before it divides.",
            _one_short: "The last n-gram is missing. There are len(words) - n + 1 of them.",
            _always_words: "You count single words for every n.",
            _of_the_reference: "You add up the counts of the reference. Take the *smaller* of both counts.",
            _larger_of_both: "You take the larger of both counts. Take the smaller.",
            _swapped: "First the matched ones, then the possible ones.",
            _same_place: "You compare n-grams at the same place. Where they stand does not matter.",
            _all_lengths_up_to_n: "You add up all lengths from 1 to n. Only n-grams of exactly n words are asked for.",
            _changed(
                lambda a, b: (a & b).total() / a.total()
            ): "Return both numbers, matched and possible: a corpus adds them up before it divides.",
            _changed(
                lambda a, b: ((a | b).total(), a.total())
            ): "`|` takes the larger of both counts, of all n-grams. `&` takes the smaller.",
            _changed(
                lambda a, b: ((a - b).total(), a.total())
            ): "You count what does *not* match: `-` takes away. `&` takes the smaller of both counts.",
            _changed(lambda a, b: (a & b, a)): "These are the Counters. Return how many they hold: `.total()`.",
            _changed(
                lambda a, b: (sum(k * b[g] for g, k in a.items()), a.total())
            ): "Each n-gram of the candidate adds its count in "
            "the reference, again and again. Take the smaller of both counts, once for each kind.",
            _changed(
                lambda a, b: ((a & b).total(), min(a.total(), b.total()))
            ): "Possible are all n-grams of the candidate, also where the reference has fewer.",
            _of_pieces(
                lambda w, n: [tuple(w[k : k + n]) for k in range(len(w))]
            ): "At the end there are pieces of fewer than n words. There are len(words) - n + 1 n-grams.",
            _of_pieces(
                lambda w, n: [tuple(w[k : k + n]) for k in range(0, len(w) - n + 1, n)]
            ): "You cut the sentence into pieces side by side. N-grams overlap: one begins at every word.",
            _of_pieces(
                lambda w, n: _ngrams(" ".join(w), n)
            ): "These are runs of n *characters*. An n-gram is n words: do not join them.",
            _of_pieces(
                lambda w, n: ["".join(g) for g in _ngrams(w, n)]
            ): "Joined without a blank, `no where` is the same as `now here`. Use tuples.",
            _of_pieces(
                lambda w, n: [tuple(sorted(g)) for g in _ngrams(w, n)]
            ): "Inside an n-gram the order counts: do not sort, and do not make sets.",
            _below_zero: "Possible is negative where the candidate has fewer words than n - 1. It has none: 0.",
            _words_counted: "You give the number of words. Possible are the candidate's n-grams, which are n - 1 fewer.",
        },
        variants=(_crossed_off,),
    )
)
