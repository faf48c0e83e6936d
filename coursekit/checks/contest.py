"""Exercises of *Deep or classical*: words counted, a fair protocol, and where two learning curves cross."""

import numpy as np

from coursekit import comparison, text, tuning
from coursekit.checks.core import Exercise, register
from coursekit.metrics import accuracy

__all__ = ["crossing_point", "tune_and_test", "word_counts"]

# -- bag of words ------------------------------------------------------------------------------------------------------

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


def _counts_by_column(texts, known):
    split = [text.words(one) for one in texts]
    columns = [[float(sum(w == word for w in one)) for one in split] for word in known]
    return np.column_stack(columns)


word_counts = register(
    Exercise(
        id="contest.word_counts",
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
            _texts_with_the_word: "This is the number of texts with the word. In row n, count in text n only.",
        },
        variants=(_counts_by_column,),
    )
)

# -- the protocol ----------------------------------------------------------------------------------------------------------


def _centres(x, y, columns):
    """A method with one thing to choose: to which class's mean is a row nearest, seen in its first columns?"""
    means = np.stack([x[y == k, :columns].mean(axis=0) for k in range(int(y.max()) + 1)])  # (K, columns)

    def predict(new):
        return ((new[:, None, :columns] - means) ** 2).sum(axis=-1).argmin(axis=1)

    return predict


def _neighbours(x, y, k):
    """A method that knows its training rows by heart: the vote of the k nearest."""

    def predict(new):
        nearest = ((new[:, None] - x) ** 2).sum(axis=-1).argsort(axis=1, kind="stable")[:, :k]
        return np.array([np.bincount(y[row]).argmax() for row in nearest])

    return predict


def _above(x, y, cut):
    """A method that learns nothing: is the first number above the cut?"""
    return lambda new: (new[:, 0] > cut).astype(int)


def _rows(rng, n, d=4, signal=1.2, kind=np.float64):
    y = np.arange(n) % 2
    x = rng.normal(size=(n, d))
    x[:, 0] += signal * y
    return x.astype(kind), y


def _protocol_cases(rng):
    ways = [{"k": k} for k in (1, 9, 3, 5)]
    yield _neighbours, ways, _rows(rng, 40), _rows(rng, 30), _rows(rng, 50)[0]
    yield _neighbours, ways, _rows(rng, 40), _rows(rng, 30), _rows(rng, 60)[0]
    cuts = [{"cut": c} for c in (6.5, 8.5, 3.5, 3.6, 1.5)]  # the third and the fourth are equally good
    line = np.arange(10.0)[:, None], (np.arange(10) > 3).astype(int)
    yield _above, cuts, line, line, rng.normal(4, 3, size=(12, 1))
    widths = [{"columns": c} for c in (4, 1, 2)]
    yield _centres, widths, _rows(rng, 20), _rows(rng, 20, signal=3), _rows(rng, 40)[0]
    yield _centres, widths, _rows(rng, 12), _rows(rng, 14), _rows(rng, 1)[0]  # a single test row
    zeros = np.zeros((6, 4))
    yield _centres, widths, (zeros, np.arange(6) % 2), (zeros, np.arange(6) % 2), np.zeros((3, 4))  # all trials alike
    large = _rows(rng, 16)[0] * 1000
    yield _centres, widths[::-1], (large, np.arange(16) % 2), (large[::-1], np.arange(16) % 2), large[:5]
    yield _neighbours, ways[:2], _rows(rng, 30, kind=np.float32), _rows(rng, 20, kind=np.float32), large[:7]


def _run(fit, settings, train, validation, x_test, *, score_on=None, best=np.argmax, refit=("train", "validation")):
    """The protocol with one thing done differently."""
    parts = {"train": train, "validation": validation}
    x, y = score_on or validation
    scores = [accuracy(fit(*train, **trial)(x), y) for trial in settings]
    chosen = settings[int(best(scores))]
    rows = [np.concatenate(columns) for columns in zip(*(parts[p] for p in refit), strict=True)]
    return chosen, scores, fit(*rows, **chosen)(x_test)


def _scored_on_training(fit, settings, train, validation, x_test):
    return _run(fit, settings, train, validation, x_test, score_on=train)


def _worst(fit, settings, train, validation, x_test):
    return _run(fit, settings, train, validation, x_test, best=np.argmin)


def _never_refitted(fit, settings, train, validation, x_test):
    return _run(fit, settings, train, validation, x_test, refit=("train",))


def _refitted_on_validation(fit, settings, train, validation, x_test):
    return _run(fit, settings, train, validation, x_test, refit=("validation",))


def _last_of_equals(fit, settings, train, validation, x_test):
    return _run(fit, settings, train, validation, x_test, best=lambda s: len(s) - 1 - np.argmax(s[::-1]))


def _first_trial(fit, settings, train, validation, x_test):
    return _run(fit, settings, train, validation, x_test, best=lambda s: 0)


def _last_trial(fit, settings, train, validation, x_test):
    return _run(fit, settings, train, validation, x_test, best=lambda s: -1)


def _number_of_trial(fit, settings, train, validation, x_test):
    chosen, scores, predicted = _run(fit, settings, train, validation, x_test)
    return settings.index(chosen), scores, predicted


def _best_score_only(fit, settings, train, validation, x_test):
    chosen, scores, predicted = _run(fit, settings, train, validation, x_test)
    return chosen, max(scores), predicted


def _roles_swapped(fit, settings, train, validation, x_test):
    return _run(fit, settings, validation, train, x_test)


def _fitted_on_both_before(fit, settings, train, validation, x_test):
    both = tuple(np.concatenate(columns) for columns in zip(train, validation, strict=True))
    scores = [accuracy(fit(*both, **trial)(validation[0]), validation[1]) for trial in settings]
    chosen = settings[int(np.argmax(scores))]
    return chosen, scores, fit(*both, **chosen)(x_test)


def _protocol_by_loop(fit, settings, train, validation, x_test):
    (x, y), (x_val, y_val) = train, validation
    scores, best = [], -1.0
    for trial in settings:
        scores.append(float(np.mean(fit(x, y, **trial)(x_val) == y_val)))
        if scores[-1] > best:
            best, chosen = scores[-1], trial
    return chosen, scores, fit(np.vstack([x, x_val]), np.append(y, y_val), **chosen)(x_test)


tune_and_test = register(
    Exercise(
        id="contest.tune_and_test",
        notebook="deep_or_classical",
        reference=tuning.tune_and_test,
        cases=_protocol_cases,
        alias_ok=True,  # what is chosen is one of the settings that were handed in
        difficulty=3,
        minutes=12,
        points=3,
        hints=[
            "Three steps. Score every trial: fit on the training rows, predict the validation rows. Choose. Then fit once more and predict.",
            "`predict = fit(*train, **trial)` gives a function; `accuracy(predict(validation[0]), validation[1])` is its score. "
            "The last fit takes training *and* validation rows: they have done their service.",
            "`chosen = settings[int(np.argmax(scores))]`; `x = np.concatenate([train[0], validation[0]])`, the same for y; "
            "`return chosen, scores, fit(x, y, **chosen)(x_test)`.",
        ],
        misconceptions={
            _scored_on_training: "You score on the training rows: the method that learns them by heart wins. Score on the validation rows.",
            _worst: "You took the trial with the lowest score. Accuracy is better when it is higher: np.argmax.",
            _never_refitted: "The last fit has only the training rows. Once the choice is made, let it learn from the validation rows too.",
            _refitted_on_validation: "The last fit has only the validation rows. Take training and validation rows together.",
            _last_of_equals: "Among equally good trials take the first, as np.argmax does: your code takes the last.",
            _first_trial: "You always take the first trial. Choose the one with the best score.",
            _last_trial: "You always take the last trial. Choose the one with the best score.",
            _number_of_trial: "You return the number of the trial. Return the settings themselves: settings[number].",
            _best_score_only: "You return the best score only. Keep all of them in a list: their spread says how much tuning matters.",
            _roles_swapped: "Training and validation rows are in each other's place: fit on train, score on validation.",
            _fitted_on_both_before: "You fit on the validation rows before you score on them: that is the mistake which the split is there to "
            "prevent. Join the two only after the choice.",
        },
        variants=(_protocol_by_loop,),
    )
)

# -- where the curves cross --------------------------------------------------------------------------------------------------


def _crossing_cases(rng):
    yield np.array([100.0, 1000.0]), np.array([0.2, 0.18]), np.array([0.4, 0.1])
    sizes = np.array([50.0, 200.0, 1000.0, 3000.0, 20_000.0])
    a, b = 0.5 * sizes**-0.1, 2.0 * sizes**-0.3  # power laws cross at 1024
    yield sizes, a, b
    yield sizes, b, a  # A is behind at first: it is not B that catches up
    yield sizes, a, 0.9 * a  # B is ahead everywhere
    yield sizes[:1], a[:1], b[:1]  # one size: no crossing to be seen
    yield sizes, np.array([0.3, 0.2, 0.2, 0.1, 0.1]), np.array([0.4, 0.1, 0.3, 0.2, 0.05])  # twice
    noise = 1 + 0.1 * rng.random(5)
    yield sizes.astype(np.float32), (a * noise).astype(np.float32), (b * noise[::-1]).astype(np.float32)


def _crossing(sizes, a, b, *, x=np.log, back=np.exp, y=np.log, which=0, ahead=False, on_grid=None):
    d, place = y(np.asarray(a, float)) - y(np.asarray(b, float)), x(np.asarray(sizes, float))
    turns = [k for k in range(len(d) - 1) if d[k] < 0 <= d[k + 1] or (ahead and d[k] > 0 >= d[k + 1])]
    if not turns:
        return float("nan")
    k = turns[which]
    if on_grid is not None:
        return float(sizes[k + on_grid])
    return float(back(place[k] - d[k] / (d[k + 1] - d[k]) * (place[k + 1] - place[k])))


def _same(values):
    return values


def _plain_axes(sizes, error_a, error_b):
    return _crossing(sizes, error_a, error_b, x=_same, back=_same, y=_same)


def _log_errors_only(sizes, error_a, error_b):
    return _crossing(sizes, error_a, error_b, x=_same, back=_same)


def _log_sizes_only(sizes, error_a, error_b):
    return _crossing(sizes, error_a, error_b, y=_same)


def _next_size(sizes, error_a, error_b):
    return _crossing(sizes, error_a, error_b, on_grid=1)


def _size_before(sizes, error_a, error_b):
    return _crossing(sizes, error_a, error_b, on_grid=0)


def _last_crossing(sizes, error_a, error_b):
    return _crossing(sizes, error_a, error_b, which=-1)


def _either_way(sizes, error_a, error_b):
    return _crossing(sizes, error_a, error_b, ahead=True)


def _logarithm_left(sizes, error_a, error_b):
    return _crossing(sizes, error_a, error_b, back=_same)


def _bases_mixed(sizes, error_a, error_b):
    return _crossing(sizes, error_a, error_b, x=np.log10)


def _a_and_b_swapped(sizes, error_a, error_b):
    return _crossing(sizes, error_b, error_a)


def _by_two_lines(sizes, error_a, error_b):
    behind = error_b > error_a
    for k, n in enumerate(sizes[1:], start=1):
        if behind[k - 1] and not behind[k]:
            ends = np.log10([sizes[k - 1], n])
            before, after = (np.log10(error_b[i] / error_a[i]) for i in (k - 1, k))
            return 10 ** np.interp(0, [-before, -after], ends)
    return np.nan


crossing_point = register(
    Exercise(
        id="contest.crossing_point",
        notebook="deep_or_classical",
        reference=comparison.crossing_point,
        cases=_crossing_cases,
        difficulty=3,
        minutes=12,
        points=3,
        hints=[
            "Look at the gap d = log(error_a) - log(error_b): negative while B is behind. Find the first k where d[k] < 0 and d[k + 1] >= 0.",
            "Between two sizes the gap is taken to be a straight line over log(size). At which share of the way does it reach 0?",
            "`share = -d[k] / (d[k + 1] - d[k])`, then `np.exp(np.log(sizes[k]) + share * (np.log(sizes[k + 1]) - np.log(sizes[k])))`; "
            "without such a k, `return np.nan`.",
        ],
        misconceptions={
            _plain_axes: "You interpolate on plain axes. The curves are drawn, and are nearly straight, on logarithmic ones: log both.",
            _log_errors_only: "The errors are in logarithms, the sizes are not. Interpolate between log(sizes) too, and take exp at the end.",
            _log_sizes_only: "The sizes are in logarithms, the errors are not. Take log of both errors before you subtract.",
            _next_size: "This is the first measured size at which B is ahead. The curves cross before it: interpolate.",
            _size_before: "This is the last measured size at which B is still behind. The curves cross after it: interpolate.",
            _last_crossing: "They cross more than once, and you took the last. Take the first.",
            _either_way: "You also count a crossing where A overtakes B. Asked is where B, behind at first, catches up.",
            _logarithm_left: "This is the logarithm of the size. Take np.exp of it.",
            _bases_mixed: "np.log10 and np.exp do not belong together: undo log10 with 10 ** x, and log with exp.",
            _a_and_b_swapped: "A and B are in each other's place: B is the one that is behind at first.",
        },
        variants=(_by_two_lines,),
    )
)
