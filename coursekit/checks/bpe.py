"""Exercises of *Transformers*: one step of byte-pair encoding."""

import numpy as np

from coursekit import text
from coursekit.checks.core import Exercise, register

__all__ = ["merge"]


def _rows(rng):
    yield [5, 1, 2, 9, 1, 2], (1, 2), 10
    yield [1, 1, 1, 2, 1, 1, 1, 1], (1, 1), 7  # a pair of equals: which two of three?
    yield [int(k) for k in rng.integers(3, size=20)], (0, 1), 3
    yield [int(k) for k in rng.integers(2, size=15)], (0, 0), 2
    yield [3, 4], (3, 4), 5  # nothing else
    yield [4, 3, 4], (3, 4), 5  # at the very end
    yield [2, 1, 2, 1], (1, 2), 9  # the other way round is another pair
    yield [11, 2, 1, 21, 1, 2], (1, 2), 30  # numbers of two digits
    yield [7], (7, 7), 8
    yield [], (1, 2), 3


def _walk(ids, pair, new, step=2, join=None):
    """The usual walk, with what a mistake changes: how far it goes on, and what it writes."""
    merged, k = [], 0
    while k < len(ids):
        if list(ids[k : k + 2]) == list(pair):
            merged += [new] if join is None else join
            k += step
        else:
            merged.append(ids[k])
            k += 1
    return merged


def _only_the_first(ids, pair, new):
    for k in range(len(ids) - 1):
        if tuple(ids[k : k + 2]) == pair:
            return [*ids[:k], new, *ids[k + 2 :]]
    return list(ids)


def _second_kept(ids, pair, new):
    return _walk(ids, pair, new, step=1)


def _added_behind(ids, pair, new):
    return _walk(ids, pair, new, join=[*pair, new])


def _pair_deleted(ids, pair, new):
    return _walk(ids, pair, new, join=[])


def _twice_written(ids, pair, new):
    return _walk(ids, pair, new, join=[new, new])


def _from_the_right(ids, pair, new):
    return _walk(list(ids)[::-1], pair[::-1], new)[::-1]


def _any_order(ids, pair, new):
    merged, k = [], 0
    while k < len(ids):
        if k + 1 < len(ids) and {ids[k], ids[k + 1]} == set(pair) and len(set(pair)) == len({ids[k], ids[k + 1]}):
            merged.append(new)
            k += 2
        else:
            merged.append(ids[k])
            k += 1
    return merged


def _last_forgotten(ids, pair, new):
    merged, k = [], 0
    while k < len(ids) - 1:
        if (ids[k], ids[k + 1]) == pair:
            merged.append(new)
            k += 2
        else:
            merged.append(ids[k])
            k += 1
    return merged


def _end_not_seen(ids, pair, new):
    if tuple(ids[-2:]) == pair and tuple(ids[-3:]) != (pair[0], *pair):
        return [*_walk(ids[:-2], pair, new), *ids[-2:]]
    return _walk(ids, pair, new)


def _every_single_one(ids, pair, new):
    return [new if k in pair else k for k in ids]


def _nothing_done(ids, pair, new):
    return list(ids)


def _one_too_far(ids, pair, new):
    return _walk(ids, pair, new, step=3)


def _index_in_a_for(ids, pair, new):
    return [new if tuple(ids[k : k + 2]) == pair else ids[k] for k in range(len(ids) - 1)]


def _first_written_too(ids, pair, new):
    merged, k = [], 0
    while k < len(ids):
        if tuple(ids[k : k + 2]) == pair:
            merged.append(new)
            k += 1
        merged.append(ids[k])
        k += 1
    return merged


def _never_at_the_end(ids, pair, new):
    merged, k = [], 0
    while k < len(ids) - 2:
        joined = (ids[k], ids[k + 1]) == pair
        merged.append(new if joined else ids[k])
        k += 2 if joined else 1
    return [*merged, *ids[k:]]


def _any_order_as_sets(ids, pair, new):
    merged, k = [], 0
    while k < len(ids):
        joined = set(ids[k : k + 2]) == set(pair)
        merged.append(new if joined else ids[k])
        k += 2 if joined else 1
    return merged


def _only_the_first_round(ids, pair, new):
    return _walk(ids, pair, new)[:1] or None


def _only_the_new_ones(ids, pair, new):
    return [new for a, b in zip(ids, ids[1:], strict=False) if (a, b) == pair]


def _in_steps_of_two(ids, pair, new):
    merged = []
    for k in range(0, len(ids), 2):
        merged += [new] if tuple(ids[k : k + 2]) == pair else ids[k : k + 2]
    return merged


def _pair_in_brackets(ids, pair, new):
    return _walk(ids, pair, new, join=[pair])


def _first_of_the_pair_is_enough(ids, pair, new):
    merged, k = [], 0
    while k < len(ids):
        merged.append(new if ids[k] == pair[0] else ids[k])
        k += 2 if ids[k] == pair[0] else 1
    return merged


def _digits_replaced(ids, pair, new):
    return [int(word) for word in " ".join(map(str, ids)).replace(f"{pair[0]} {pair[1]}", str(new)).split()]


def _strings(ids, pair, new):
    return [str(k) for k in _walk(ids, pair, new)]


def _shrinking(ids, pair, new):
    ids = list(ids)
    for k in range(len(ids) - 1):
        if (ids[k], ids[k + 1]) == pair:
            ids[k : k + 2] = [new]
    return ids


def _neighbour_of_the_last(ids, pair, new):
    merged, k = [], 0
    while k < len(ids):
        joined = (ids[k], ids[k + 1]) == pair
        merged.append(new if joined else ids[k])
        k += 2 if joined else 1
    return merged


def _counted(ids, pair, new):
    return sum((a, b) == pair for a, b in zip(ids, ids[1:], strict=False))


def _with_text(ids, pair, new):
    joined = "".join(chr(k + 48) for k in ids).replace("".join(chr(k + 48) for k in pair), chr(new + 48))
    return [ord(c) - 48 for c in joined]


def _with_pop(ids, pair, new):
    rest, merged = list(ids), []
    while rest:
        first = rest.pop(0)
        if rest and (first, rest[0]) == tuple(pair):
            rest.pop(0)
            first = new
        merged.append(first)
    return merged


def _as_plain_list(obj, ids, pair, new):
    answer = obj(ids, pair, new)
    return answer.tolist() if isinstance(answer, np.ndarray) else answer


merge = register(
    Exercise(
        id="bpe.merge",
        notebook="transformers",
        reference=text.merge,
        cases=_rows,
        call=_as_plain_list,
        difficulty=2,
        minutes=10,
        points=2,
        hints=[
            "Walk from left to right with an index k and a `while` loop, and build a new list.",
            "If the tokens at k and k + 1 are the pair, append the new token and go on by 2; else append the token at k and go "
            "on by 1. The last token has no neighbour: look first whether k + 1 is still inside.",
            "`if k + 1 < len(ids) and (ids[k], ids[k + 1]) == pair:`",
        ],
        misconceptions={
            _only_the_first: "Only the first occurrence is joined. Go on to the end.",
            _second_kept: "After a join you go on by one, so the pair's second token is looked at again. Go on by two.",
            _added_behind: "The pair is still there, with the new token behind it. The new token takes its place.",
            _pair_deleted: "The pair is gone, but the new token was not put in its place.",
            _twice_written: "The new token is there twice for every pair. It takes the place of both, once.",
            _from_the_right: "Where three equal tokens stand in a row, you join the last two. The walk is from left to right.",
            _any_order: "(1, 2) and (2, 1) are different pairs. The order counts.",
            _last_forgotten: "The last token gets lost where it is not part of a pair. The loop ends one too early.",
            _end_not_seen: "A pair at the very end is not joined. Up to where does your loop look?",
            _every_single_one: "Single tokens are replaced here. Only the two side by side are.",
            _nothing_done: "Nothing is joined. What is compared with the pair?",
            _index_in_a_for: "In a `for` loop over `range`, `k += 2` changes nothing: the next round has the next number. And the last "
            "token is never written. Use `while`.",
            _first_written_too: "After a join you still write the token behind: the pair's second one stays. Write it only in the "
            "`else`, and go on by two after a join.",
            _never_at_the_end: "A pair at the very end is not joined. Up to where does your loop look?",
            _any_order_as_sets: "A set has no order and holds everything once: (2, 1) looks like (1, 2), and a single 1 at the end like "
            "(1, 1). Compare tuples.",
            _only_the_first_round: "It stops after one round: is `return` inside the loop?",
            _only_the_new_ones: "Only the new tokens are written. Those that are in no pair stay as they are.",
            _in_steps_of_two: "You look only at places 0, 2, 4 ... A pair may begin anywhere: go on by one where nothing is joined.",
            _pair_in_brackets: "You write the pair where the new token should stand.",
            _first_of_the_pair_is_enough: "You look only at the first token of the pair. Its neighbour must be the second one.",
            _digits_replaced: "As text, the end of 11 is a 1: in [11, 2] you find the pair (1, 2). Compare whole numbers.",
            _strings: "The right tokens, but as text. Return whole numbers.",
            _shrinking: "The list gets shorter while `range` still counts to its old end. Build a new list, with `while`.",
            _neighbour_of_the_last: "The last token has no neighbour, and your code asks for it. Check `k + 1 < len(ids)` first.",
            _counted: "You count the pairs. Return the list in which they are replaced.",
            _one_too_far: "After a join you go on by three, so the token behind the pair gets lost. Go on by two.",
        },
        variants=(_with_text, _with_pop),
    )
)
