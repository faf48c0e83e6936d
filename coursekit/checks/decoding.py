"""Exercises of *Transformers*: from which tokens the next one is drawn."""

import numpy as np

from coursekit.checks.core import Exercise, register
from coursekit.models import language

__all__ = ["nucleus"]


def _cases(rng):
    yield np.array([0.1, 0.5, 0.15, 0.25]), 0.7
    yield np.array([0.1, 0.5, 0.15, 0.25]), 0.4  # the best one alone is enough
    yield rng.dirichlet(np.full(12, 0.5)), 0.9
    yield rng.dirichlet(np.full(6, 2.0)), 0.5
    yield rng.dirichlet(np.full(5, 1.0)), 1.0  # nothing is left out
    yield np.array([1.0]), 0.3  # a vocabulary of one
    yield np.array([0.0, 0.25, 0.75, 0.0]), 0.99
    yield rng.dirichlet(np.full(8, 0.3)).astype(np.float32), 0.8
    yield np.array([0.125, 0.5, 0.25, 0.125]), 0.75  # reached exactly


def _kept(p, keep):
    return np.where(keep, p, 0) / np.where(keep, p, 0).sum()


def _ranked(p, inside):
    """Keep the tokens of some ranks, the most probable first."""
    order = np.argsort(-p, kind="stable")
    keep = np.zeros(len(p), bool)
    keep[order[inside(np.cumsum(p[order]), p[order])]] = True
    return _kept(p, keep)


def _not_shared_out(p, top_p):
    return np.where(language.nucleus(p, top_p) > 0, p, 0)


def _one_too_few(p, top_p):
    return _ranked(p, lambda sums, best: (sums <= top_p) | (np.arange(len(sums)) == 0))


def _one_too_many(p, top_p):
    return _ranked(p, lambda sums, best: np.concatenate([[True, True], sums[:-1] < top_p])[: len(sums)])


def _threshold(p, top_p):
    return _kept(p, (p >= 1 - top_p) | (p == p.max()))


def _share_of_the_best(p, top_p):
    return _kept(p, p >= top_p * p.max())


def _least_probable(p, top_p):
    order = np.argsort(p, kind="stable")
    keep = np.zeros(len(p), bool)
    keep[order[np.cumsum(p[order]) - p[order] < top_p]] = True
    return _kept(p, keep)


def _in_the_order_of_the_vocabulary(p, top_p):
    return _kept(p, np.cumsum(p) - p < top_p)


def _sorted_away(p, top_p):
    return -np.sort(-language.nucleus(p, top_p))


def _a_share_of_the_tokens(p, top_p):
    return _ranked(p, lambda sums, best: np.arange(len(sums)) < max(1, round(top_p * len(sums))))


def _evenly(p, top_p):
    keep = language.nucleus(p, top_p) > 0
    return keep / keep.sum()


def _mask(p, top_p):
    return (language.nucleus(p, top_p) > 0).astype(float)


def _everything(p, top_p):
    return p.copy()


def _softmax_again(p, top_p):
    keep = language.nucleus(p, top_p) > 0
    e = np.where(keep, np.exp(p), 0)
    return e / e.sum()


def _numbers_of_tokens(p, top_p):
    order = np.argsort(-p, kind="stable")
    return order[np.cumsum(p[order]) - p[order] < top_p]


def _bare(inside):
    """Keep some ranks, the most probable first, even if they are none: then 0 is divided by 0."""

    def keep(p, top_p):
        order = np.argsort(-p, kind="stable")
        chosen = order[inside(np.cumsum(p[order]), p[order], top_p)]
        answer = np.zeros_like(p)
        answer[chosen] = p[chosen]
        return answer / answer.sum()

    return keep


def _line_left_out_and_not_shared_out(p, top_p):
    order = np.argsort(-p, kind="stable")
    chosen = order[np.cumsum(p[order]) < top_p]
    answer = np.zeros_like(p)
    answer[chosen] = p[chosen]
    return answer


def _mask_in_sorted_order(p, top_p):
    best = -np.sort(-p)
    return _kept(p, np.cumsum(best) - best < top_p)


def _fewer_numbers(p, top_p):
    return -np.sort(-p[language.nucleus(p, top_p) > 0])


def _fewer_numbers_shared_out(p, top_p):
    best = _fewer_numbers(p, top_p)
    return best / best.sum()


def _threshold_of_one(p, top_p):
    return _kept(p, p >= top_p)


def _threshold_of_the_rest(p, top_p):
    return _kept(p, p >= 1 - top_p)


def _divided_by_top_p(p, top_p):
    return _not_shared_out(p, top_p) / top_p


def _those_left_out(p, top_p):
    return _kept(p, language.nucleus(p, top_p) == 0)


def _cut_share_of_the_tokens(p, top_p):
    return _ranked(p, lambda sums, best: np.arange(len(sums)) < int(top_p * len(sums)))


def _best_alone(p, top_p):
    return _kept(p, np.arange(len(p)) == p.argmax())


def _sums_kept(p, top_p):
    order = np.argsort(-p, kind="stable")
    sums = np.zeros_like(p)
    sums[order] = np.cumsum(p[order])
    return _kept(sums, language.nucleus(p, top_p) > 0)


def _smallest_dropped(p, top_p):
    order = np.argsort(p, kind="stable")
    keep = np.ones(len(p), bool)
    keep[order[np.cumsum(p[order]) < 1 - top_p]] = False
    return _kept(p, keep)


def _token_by_token(p, top_p):
    answer, total = np.zeros_like(p), 0.0
    for token in sorted(range(len(p)), key=lambda k: -p[k]):
        if total < top_p:
            answer[token] = p[token]
            total += p[token]
    return answer / answer.sum()


nucleus = register(
    Exercise(
        id="decoding.nucleus",
        notebook="transformers",
        reference=language.nucleus,
        cases=_cases,
        difficulty=3,
        minutes=10,
        points=2,
        hints=[
            "Sort the tokens, the most probable first (`np.argsort(-p)`), and add up their probabilities (`np.cumsum`).",
            "A token is kept if what the *better* ones have together is still below top_p. So the one that crosses the line is "
            "kept, and the best one always.",
            "`order = np.argsort(-p)`; `keep = order[np.cumsum(p[order]) - p[order] < top_p]`. Put p of those into zeros, and divide "
            "by their sum.",
        ],
        misconceptions={
            _not_shared_out: "The right tokens are kept, but what remains does not sum to 1. Divide by its sum.",
            _one_too_few: "The token that crosses the line is left out. The nucleus has to *reach* top_p: keep it.",
            _one_too_many: "One token too many: the sum of the better ones is already there without it.",
            _threshold: "You keep what is more probable than 1 - top_p. It is the *sum* of the kept ones that should reach top_p.",
            _share_of_the_best: "You compare each token with the best one. It is the sum of the kept ones that should reach top_p.",
            _least_probable: "You begin with the least probable tokens. `np.argsort(-p)` has the most probable first.",
            _in_the_order_of_the_vocabulary: "You add up in the order of the vocabulary. Sort first, the most probable first.",
            _sorted_away: "The numbers are right, but they are sorted: nobody knows any more which token they belong to. Put them "
            "back in their places.",
            _a_share_of_the_tokens: "You keep a share of the *tokens*. top_p is a share of the probability.",
            _evenly: "The kept tokens are all equally likely here. They keep their proportions.",
            _mask: "This says who is kept. Return the new probabilities.",
            _everything: "Nothing is left out.",
            _softmax_again: "A softmax of probabilities makes them nearly even. Divide by the sum.",
            _bare(
                lambda sums, best, top_p: sums < top_p
            ): "The token that crosses the line is left out; where the best one alone "
            "crosses it, none is left, and you divide 0 by 0. The nucleus has to *reach* top_p.",
            _bare(
                lambda sums, best, top_p: sums <= top_p
            ): "The token that crosses the line is left out; where the best one alone "
            "crosses it, none is left, and you divide 0 by 0. The nucleus has to *reach* top_p: look at the sum of the *better* "
            "ones.",
            _bare(
                lambda sums, best, top_p: sums - best <= top_p
            ): "Nearly: where the better ones reach top_p exactly, you keep one more. `<`, not `<=`.",
            _bare(
                lambda sums, best, top_p: sums > top_p
            ): "You keep what comes after the line, the improbable rest. Keep what comes "
            "before it, and the token that crosses it.",
            _line_left_out_and_not_shared_out: "Two things: the token that crosses the line is left out, and what remains does not "
            "sum to 1.",
            _mask_in_sorted_order: "Your mask is in the order of the sorted tokens, p in the order of the vocabulary. Use the order "
            "as an index: `order[mask]` are the tokens to keep.",
            _fewer_numbers: "Only the kept ones are returned. Return all V probabilities, 0 for those left out; and they sum to 1.",
            _fewer_numbers_shared_out: "Only the kept ones are returned. Return all V probabilities, 0 for those left out.",
            _threshold_of_one: "You keep what is more probable than top_p on its own. It is the *sum* of the kept ones that should "
            "reach top_p.",
            _threshold_of_the_rest: "You keep what is more probable than 1 - top_p. It is the *sum* of the kept ones that should "
            "reach top_p.",
            _divided_by_top_p: "You divide by top_p. The kept ones have reached it, mostly a little more: divide by their own sum.",
            _those_left_out: "You keep those that should be left out, and leave out the nucleus.",
            _cut_share_of_the_tokens: "You keep a share of the *tokens*. top_p is a share of the probability.",
            _best_alone: "Only the best token is kept: that is greedy. Keep as many as reach top_p together.",
            _sums_kept: "You put the sums (`cumsum`) into the answer. They say who is kept; what is kept is p.",
            _smallest_dropped: "Nearly: you drop from the small end, and where the rest would reach top_p exactly, you keep one more "
            "than needed.",
            _numbers_of_tokens: "These are the numbers of the kept tokens. Return V probabilities, 0 for those left out.",
        },
        variants=(_token_by_token,),
        alias_ok=True,
    )
)
