"""Tables: what the files hold, the fixed split, and that copies of a row never stand on both sides of it."""

import csv
import gzip
import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coursekit import tables
from coursekit.datasets import load, registry, split, standardize
from coursekit.errors import CourseError, DataError, ShapeError, UnknownNameError
from coursekit.tables import deal_with_twins, movie_ratings, read_table, twins_of

NAMES = ("spambase", "movie_snippets")


def raw(name):
    """The file as pandas would see it, read without the course's code."""
    with gzip.open(registry()[name].path, "rt", encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def key_of(row):
    return row.tobytes() if isinstance(row, np.ndarray) else "".join(c for c in str(row).lower() if c.isalnum())


# ------------------------------------------------------------------------------------------ what is loaded


def test_spambase_is_the_published_one():
    data, published = load("spambase"), raw("spambase")
    assert len(data.x_train) + len(data.x_test) == len(published) == 4601
    assert (len(data.y_train) - data.y_train.sum() + (data.y_test == 0).sum(), data.y_train.sum()) == (2788, 1358)
    assert data.x_train.dtype == np.float64 and data.y_train.dtype == np.int64
    assert len(data.feature_names) == 57 and data.feature_names[0] == "make"
    assert data.class_names == ("not spam", "spam")
    stored = sorted(
        tuple(float(v) for k, v in row.items() if k != "type") + (row["type"] == "spam",) for row in published
    )
    ours = np.column_stack([np.concatenate([data.x_train, data.x_test]), np.concatenate([data.y_train, data.y_test])])
    assert sorted(map(tuple, ours.tolist())) == stored, "a row was lost, doubled, or parted from its label"


def test_movie_snippets_are_the_decided_ones_with_the_sign_of_their_rating():
    data = load("movie_snippets")
    rated = [(row["text"], float(row["score"])) for row in raw("movie_snippets")]
    decided = sorted((text, int(score > 0)) for text, score in rated if abs(score) >= tables.NEUTRAL)
    texts, labels = np.concatenate([data.x_train, data.x_test]), np.concatenate([data.y_train, data.y_test])
    assert sorted(zip(texts.tolist(), labels.tolist(), strict=True)) == decided
    assert data.x_train.dtype.kind == "U" and data.feature_names == ()
    assert 0.45 < labels.mean() < 0.55
    assert any("clichés" in text for text in texts.tolist()), "letters with accents survive"


def test_every_rating_is_at_hand():
    texts, ratings = movie_ratings(registry()["movie_snippets"].path)
    assert texts.shape == ratings.shape == (10605,)
    assert -4 <= ratings.min() < -3.5 and 3.5 < ratings.max() <= 4
    data = load("movie_snippets")
    undecided = np.abs(ratings) < tables.NEUTRAL
    assert undecided.sum() == len(texts) - len(data.x_train) - len(data.x_test) > 500
    assert not set(data.x_test.tolist()) - set(texts[~undecided].tolist())


@pytest.mark.parametrize("name", NAMES)
def test_arrays_are_read_only_loaded_once_and_told_in_words(name):
    data = load(name)
    assert load(name) is data
    for key in ("x_train", "y_train", "x_test", "y_test"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(data, key)[0] = getattr(data, key)[1]
    text = repr(data)
    for part in (data.row, data.units, data.licence, data.citation, data.source, str(data.x_train.shape)):
        assert part in text
    assert len(text.splitlines()) <= 11
    assert ("text, 7 to 257 characters" in text) == (name == "movie_snippets")


def test_texts_can_be_split_but_not_standardised():
    data = load("movie_snippets")
    (x_fit, y_fit), (x_val, _) = split(data.x_train, data.y_train, rng=np.random.default_rng(0), stratify=data.y_train)
    assert len(x_fit) == len(y_fit) == len(data.x_train) - len(x_val)
    with pytest.raises(CourseError, match="expected numbers, got <U"):
        standardize(data.x_train)


def test_adult_income_is_the_published_one_with_words_as_numbers():
    data, published = load("adult_income"), raw("adult_income")
    assert (len(data.x_train), len(data.x_test)) == (32561, 16281) and len(published) == 48842
    assert data.x_train.dtype == np.float64 and data.y_train.dtype == np.int64
    assert data.feature_names[:2] == ("age", "workclass") and len(data.feature_names) == 12
    assert data.class_names == ("up to 50,000 dollars", "more")
    assert data.categories["sex"] == ("Female", "Male") and "unknown" in data.categories["occupation"]
    sides = {"train": (data.x_train, data.y_train), "test": (data.x_test, data.y_test)}
    for side, (x, y) in sides.items():
        rows = [row for row in published if row["split"] == side]
        np.testing.assert_array_equal(y, [int(row["income"]) for row in rows])
        for k, name in enumerate(data.feature_names):
            words = data.categories.get(name)
            said = [float(row[name]) if words is None else words.index(row[name] or "unknown") for row in rows]
            np.testing.assert_array_equal(x[:, k], said)
    women = data.x_train[:, data.feature_names.index("sex")] == 0
    assert data.y_train[women].mean() < 0.12 and data.y_train[~women].mean() > 0.3


def test_an_official_split_is_kept_though_some_people_gave_the_same_answers():
    table = read_table("adult_income", registry()["adult_income"].path)
    both = set(table.twins[table.test]) & set(table.twins[~table.test])
    assert table.test.sum() == 16281 and len(both) > 1000


# ------------------------------------------------------------------------------------------ the split


@pytest.mark.parametrize("name", NAMES)
def test_no_row_of_the_test_set_was_seen_in_training(name):
    data = load(name)
    train, test = ({key_of(row) for row in rows} for rows in (data.x_train, data.x_test))
    assert not train & test


def test_there_are_copies_that_a_careless_split_would_put_on_both_sides():
    """Without this the test above could not fail."""
    data = load("spambase")
    rows = np.concatenate([data.x_train, data.x_test])
    assert len(rows) - len({key_of(row) for row in rows}) == 394
    careless_train, careless_test = split(rows, fractions=(0.75, 0.25), rng=np.random.default_rng(0))
    seen = {key_of(row) for row in careless_train}
    assert sum(key_of(row) in seen for row in careless_test) > 50


@pytest.mark.parametrize("name", NAMES)
def test_a_quarter_of_the_different_rows_of_each_class_is_for_the_test(name):
    data = load(name)
    assert len(data.x_test) / (len(data.x_train) + len(data.x_test)) == pytest.approx(0.25, abs=0.01)
    assert data.y_test.mean() == pytest.approx(data.y_train.mean(), abs=0.01)


def test_the_fixed_split_never_moves():
    """These numbers are the promise: another NumPy, another machine, the same rows."""
    digest = {name: hashlib.sha256(load(name).y_test.astype("<i8").tobytes()).hexdigest()[:12] for name in NAMES}
    assert digest == {"spambase": "44a6623ead9e", "movie_snippets": "7596ed78a3bc"}


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_twins_stay_together_and_every_row_is_dealt_once(data):
    n = data.draw(st.integers(4, 40))
    twins = twins_of(data.draw(st.lists(st.integers(0, 12), min_size=n, max_size=n)))
    labels = np.array(data.draw(st.lists(st.integers(0, 2), min_size=n, max_size=n)))
    draws = np.random.default_rng(data.draw(st.integers(0, 9))).random(n)
    parts = deal_with_twins(draws, [0.25, 0.75], labels, twins)
    assert sorted(np.concatenate(parts).tolist()) == list(range(n))
    assert not set(twins[parts[0]]) & set(twins[parts[1]])
    different = len(set(twins.tolist()))
    assert abs(len(set(twins[parts[0]].tolist())) - different / 4) <= 1


def test_without_twins_rows_are_dealt_as_everywhere_in_the_course():
    rng = np.random.default_rng(0)
    labels, draws = rng.integers(0, 3, 50), rng.random(50)
    for ours, theirs in zip(
        deal_with_twins(draws, [0.3, 0.7], labels, np.arange(50)),
        tables.deal(draws, [0.3, 0.7], labels),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_labels_that_do_not_fit():
    with pytest.raises(ShapeError, match=r"labels: expected shape \(3,\), got \(2,\)"):
        deal_with_twins(np.zeros(3), [0.5, 0.5], np.zeros(2, int), np.arange(3))


# ------------------------------------------------------------------------------------------ bad files


def test_a_name_without_a_reader(tmp_path):
    with pytest.raises(UnknownNameError, match="Did you mean 'spambase'"):
        read_table("spambas", tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"not gzip", gzip.compress(b""), gzip.compress(b"a,type\n1.0,ham\n"), gzip.compress(b"a,type\nx,spam\n")],
    ids=["foreign", "empty", "unknown class", "no number"],
)
def test_a_file_that_is_no_such_table(content, tmp_path):
    path = tmp_path / "spambase.csv.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match="table 'spambase': expected a gzipped csv in .*spambase.csv.gz, got: "):
        read_table("spambase", path)


@pytest.mark.parametrize("change", [{"income": "2"}, {"split": "elsewhere"}, {"age": "old"}, {"sex": None}], ids=str)
def test_a_file_that_is_no_adult_income(change, tmp_path):
    row = dict.fromkeys([*tables.ADULT_NUMBERS, *tables.ADULT_WORDS, "income"], "1") | {"split": "train"} | change
    row = {name: value for name, value in row.items() if value is not None}
    path = tmp_path / "adult_income.csv.gz"
    path.write_bytes(gzip.compress("\n".join([",".join(row), ",".join(row.values())]).encode()))
    with pytest.raises(DataError, match="table 'adult_income': expected a gzipped csv"):
        read_table("adult_income", path)


def test_a_truncated_file(tmp_path):
    path = tmp_path / "movie_snippets.csv.gz"
    path.write_bytes(registry()["movie_snippets"].path.read_bytes()[:5000])
    with pytest.raises(DataError, match="got: Compressed file ended"):
        read_table("movie_snippets", path)
