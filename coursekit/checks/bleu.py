"""Exercises of *Transformers*: how a translation is scored."""

import math
from collections import Counter

from coursekit import metrics
from coursekit.checks.core import Exercise, register
from coursekit.metrics import modified_precision as counts

__all__ = ["corpus"]

WORDS = ["the", "the", "king", "of", "of", "all", "land", "went", "and", "said", "to", "him"]


def _sentence(rng, length):
    return [str(word) for word in rng.choice(WORDS, size=length)]


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


def _put_together(score):
    """A wrong score of the four shares, the candidates' words c and the references' r."""
    return lambda candidates, references: score(*_parts(candidates, references))


def _ngrams(words, n):
    return Counter(tuple(words[k : k + n]) for k in range(len(words) - n + 1))


def _counted(candidate, reference, n):
    """As the course's version counts, but with n = 0 allowed: then it counts pieces of no words at all."""
    return (_ngrams(candidate, n) & _ngrams(reference, n)).total(), _ngrams(candidate, n).total()


def _not_clipped(candidate, reference, n):
    known = _ngrams(reference, n)
    return sum(times for gram, times in _ngrams(candidate, n).items() if gram in known), _ngrams(candidate, n).total()


def _of_counts(share, lengths=(1, 2, 3, 4)):
    """The right formula, with shares of a list of (matched, possible) that are made in a wrong way."""

    def score(candidates, references):
        _, c, r = _parts(candidates, references)
        both = list(zip(candidates, references, strict=True))
        shares = [share([_counted(a, b, n) for a, b in both]) for n in lengths]
        return _penalty(c, r) * math.prod(shares) ** 0.25

    return score


def _share(rows):
    return sum(m for m, _ in rows) / max(sum(p for _, p in rows), 1)


def _across_the_borders(candidates, references):
    return metrics.bleu([sum(candidates, [])], [sum(references, [])])


def _all_with_all(candidates, references):
    _, c, r = _parts(candidates, references)
    rows = [[counts(a, b, n) for a in candidates for b in references] for n in (1, 2, 3, 4)]
    return _penalty(c, r) * _root([_share(row) for row in rows])


def _lengths_together(candidates, references):
    _, c, r = _parts(candidates, references)
    both = list(zip(candidates, references, strict=True))
    return _penalty(c, r) * _share([counts(a, b, n) for a, b in both for n in (1, 2, 3, 4)])


def _not_clipped_either(candidates, references):
    _, c, r = _parts(candidates, references)
    both = list(zip(candidates, references, strict=True))
    return _penalty(c, r) * _root([_share([_not_clipped(a, b, n) for a, b in both]) for n in (1, 2, 3, 4)])


def _arguments_swapped(candidates, references):
    return metrics.bleu(references, candidates)


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
            _of_counts(_share, (1, 2, 3)): "4-grams are missing: n goes from 1 to 4, and `range(1, 4)` ends at 3.",
            _of_counts(_share, (0, 1, 2, 3)): "`range(4)` goes from 0 to 3. n goes from 1 to 4: `range(1, 5)`.",
            _of_counts(
                lambda rows: sum(m for m, _ in rows) / sum(p for _, p in rows)
            ): "Where no sentence has four words, nothing is "
            "possible, and you divide by 0. Divide by at least 1: `max(possible, 1)`.",
            _of_counts(
                lambda rows: (sum(m for m, _ in rows) + 1) / (sum(p for _, p in rows) + 1)
            ): "You add 1 to the counts (smoothing). Here nothing is added: without any match BLEU is 0.",
            _put_together(
                lambda p, c, r: _penalty(c, r) * math.exp(sum(map(math.log, p)) / 4)
            ): "Where a share is 0, its logarithm does not exist. BLEU is 0 then; a product has no such trouble.",
            _put_together(
                lambda p, c, r: _penalty(c, r) * math.prod(p) / 4
            ): "`** 1 / 4` is a power of 1, divided by 4. The fourth root is `** 0.25` or `** (1 / 4)`.",
            _put_together(
                lambda p, c, r: _penalty(c, r) * math.prod(p) ** 4
            ): "This is the fourth *power*. The fourth root is `** 0.25`.",
            _put_together(
                lambda p, c, r: _penalty(c, r) * sum(p) ** 0.25
            ): "You take the root of the shares' *sum*. Multiply them.",
            _put_together(
                lambda p, c, r: math.exp(max(0.0, 1 - r / c)) * _root(p)
            ): "max rewards the long ones and lets the short ones go. The exponent is at most 0: min.",
            _put_together(
                lambda p, c, r: math.exp(min(0, c - r)) * _root(p)
            ): "The exponent is 1 - r / c, a ratio, not c - r.",
            _put_together(
                lambda p, c, r: min(0.0, 1 - r / c) * _root(p)
            ): "The exp around min(0, 1 - r / c) is missing.",
            _put_together(
                lambda p, c, r: (0 if c >= r else math.exp(1 - r / c)) * _root(p)
            ): "Who is long enough has no penalty, and that means times 1. You take times 0.",
            _put_together(lambda p, c, r: _penalty(c, r) + _root(p)): "The penalty is a factor: multiply, do not add.",
            _put_together(
                lambda p, c, r: p
            ): "These are the four shares. Return one number, made of them and the penalty.",
            _across_the_borders: "You joined all sentences into one text: words match those of other sentences, and n-grams run across "
            "the borders. Count sentence by sentence, and add up the counts.",
            _all_with_all: "Each candidate is compared with every reference. It has only its own: `zip`.",
            _lengths_together: "You put all lengths into one share. There are four shares, one for each n, and their geometric mean.",
            _not_clipped_either: "The counts are not clipped: use your `modified_precision`.",
            _arguments_swapped: "Candidates and references have changed places.",
            _three_only: "4-grams are missing: n goes from 1 to 4.",
        },
        variants=(_step_by_step,),
    )
)
