"""Exercises of *Transformers*: how a translation is scored."""

import math
from collections import Counter

from coursekit import metrics
from coursekit.checks.core import Exercise, register
from coursekit.metrics import modified_precision as counts

__all__ = ["corpus", "modified_precision"]

WORDS = ["the", "the", "king", "of", "of", "all", "land", "went", "and", "said", "to", "him"]


def _sentence(rng, length):
    return [str(word) for word in rng.choice(WORDS, size=length)]


# -- clipped counts ------------------------------------------------------------------------------------------------------


def _pairs(rng):
    yield ["the"] * 7, ["the", "cat", "is", "on", "the", "mat"], 1  # the example of the paper
    yield ["the", "cat", "the", "cat"], ["the", "cat", "sat", "on", "the", "cat"], 2
    for n in (1, 2, 3):
        yield _sentence(rng, 14), _sentence(rng, 11), n
    yield _sentence(rng, 6), _sentence(rng, 12), 1
    yield ["to", "the", "king"], ["to", "the", "king"], 4  # too short to have any
    yield [], ["to", "him"], 1


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
        id="bleu.modified_precision",
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
            _words_counted: "You give the number of words. Possible are the candidate's n-grams, which are n - 1 fewer.",
        },
        variants=(_crossed_off,),
    )
)


# -- the whole score -----------------------------------------------------------------------------------------------------


def _corpora(rng):
    base = [_sentence(rng, 12) for _ in range(4)]
    changed = [[w if rng.random() < 0.8 else "?" for w in words] for words in base]
    yield [words[:8] for words in changed], base  # short
    yield [[*words, "and", "all"] for words in changed], base  # long
    yield changed, base
    yield base[:1], base[:1]  # perfect
    yield [changed[0] + base[1], changed[2][:6]], [base[0] + base[1], base[2]]  # one long, one short
    yield [["king", "of"]], [["all", "land"]]  # nothing in common
    yield [base[0][:4], base[1]], [base[0], base[1]]


def _parts(candidates, references):
    both = list(zip(candidates, references, strict=True))
    rows = [[counts(c, r, n) for c, r in both] for n in (1, 2, 3, 4)]
    shares = [sum(m for m, _ in row) / max(sum(p for _, p in row), 1) for row in rows]
    return shares, sum(map(len, candidates)), sum(map(len, references))


def _root(shares):
    return math.prod(shares) ** (1 / len(shares))


def _penalty(c, r):
    return math.exp(min(0.0, 1 - r / c))


def _mean_of_sentences(candidates, references):
    scores = [metrics.bleu([c], [r]) for c, r in zip(candidates, references, strict=True)]
    return sum(scores) / len(scores)


def _no_penalty(candidates, references):
    return _root(_parts(candidates, references)[0])


def _plain_mean(candidates, references):
    shares, c, r = _parts(candidates, references)
    return _penalty(c, r) * sum(shares) / 4


def _penalty_turned(candidates, references):
    shares, c, r = _parts(candidates, references)
    return _penalty(r, c) * _root(shares)


def _long_ones_rewarded(candidates, references):
    shares, c, r = _parts(candidates, references)
    return math.exp(1 - r / c) * _root(shares)


def _ratio_as_penalty(candidates, references):
    shares, c, r = _parts(candidates, references)
    return min(1.0, c / r) * _root(shares)


def _no_root(candidates, references):
    shares, c, r = _parts(candidates, references)
    return _penalty(c, r) * math.prod(shares)


def _single_words(candidates, references):
    shares, c, r = _parts(candidates, references)
    return _penalty(c, r) * shares[0]


def _only_four(candidates, references):
    shares, c, r = _parts(candidates, references)
    return _penalty(c, r) * shares[3]


def _times_100(candidates, references):
    return 100 * metrics.bleu(candidates, references)


def _mean_of_shares(candidates, references):
    _, c, r = _parts(candidates, references)
    both = list(zip(candidates, references, strict=True))
    shares = [sum(m / max(p, 1) for m, p in (counts(a, b, n) for a, b in both)) / len(both) for n in (1, 2, 3, 4)]
    return _penalty(c, r) * _root(shares)


def _penalty_a_sentence(candidates, references):
    shares, _, _ = _parts(candidates, references)
    each = [_penalty(len(c), len(r)) for c, r in zip(candidates, references, strict=True)]
    return _root(shares) * sum(each) / len(each)


def _three_only(candidates, references):
    shares, c, r = _parts(candidates, references)
    return _penalty(c, r) * _root(shares[:3])


def _step_by_step(candidates, references):
    shares, c, r = _parts(candidates, references)
    score = 1.0
    for share in shares:
        score *= share**0.25
    return score if c >= r else score * math.exp(1 - r / c)


corpus = register(
    Exercise(
        id="bleu.corpus",
        notebook="transformers",
        reference=metrics.bleu,
        cases=_corpora,
        difficulty=3,
        minutes=12,
        points=3,
        hints=[
            "For each n from 1 to 4 add up the matched n-grams of *all* sentences and the possible ones of all, and only then "
            "divide: four shares.",
            "Their geometric mean is the fourth root of their product (0 if one of them is 0). The penalty is exp(1 - r / c) if "
            "the candidates' words c are fewer than the references' r, else 1.",
            "`penalty = math.exp(min(0.0, 1 - r / c))`; `return penalty * math.prod(shares) ** 0.25`",
        ],
        misconceptions={
            _mean_of_sentences: "This is the mean of the sentences' scores. Add the counts up over the whole test set first: a single "
            "sentence without one common 4-gram would count as 0.",
            _no_penalty: "The penalty for being short is missing: whoever writes only the words that are certain would win.",
            _plain_mean: "This is the arithmetic mean of the four shares. Take the geometric one: the fourth root of the product.",
            _penalty_turned: "The penalty is turned around: it punishes candidates that are too *long*.",
            _long_ones_rewarded: "exp(1 - r / c) is above 1 for candidates that are too long. Cut it off at 1.",
            _ratio_as_penalty: "The penalty is exp(1 - r / c), not c / r.",
            _no_root: "The fourth root is missing.",
            _single_words: "Only single words are counted: the order would not matter at all.",
            _only_four: "Only the 4-grams are counted. All lengths from 1 to 4 are.",
            _times_100: "Papers print it times 100; here it lies between 0 and 1.",
            _mean_of_shares: "You averaged the sentences' shares for each n. Add up the counts, then divide: long sentences count more.",
            _penalty_a_sentence: "You averaged a penalty of each sentence. There is one penalty, of all words together: a short "
            "sentence may be made up for by a long one.",
            _three_only: "4-grams are missing: n goes from 1 to 4.",
        },
        variants=(_step_by_step,),
    )
)
