"""Texts and series are what the registry says; nothing is learned from that is tested on."""

import gzip
import shutil

import numpy as np
import pytest
from babel.dates import parse_pattern

from coursekit import corpora, series
from coursekit.datasets import load
from coursekit.errors import CourseError, DataError
from coursekit.places import data_folder
from coursekit.registry import registry

TEXTS = {"austen": corpora.austen, "first_names": corpora.first_names, "verse_pairs": corpora.verse_pairs}


def test_the_novels_are_cut_without_losing_a_character():
    corpus, whole = corpora.austen(), "".join(corpora.novels().values())
    assert len(corpora.novels()) == 6
    assert len(corpus.train) + len(corpus.validation) + len(corpus.test) == len(whole) == 4_025_032
    for text in corpora.novels().values():
        assert sum(text[:1000] in part for part in (corpus.train, corpus.validation, corpus.test)) == 1
        assert text[-1000:] in corpus.test and text[:1000] in corpus.train
    assert 0.045 < len(corpus.validation) / len(whole) < 0.055  # cut at paragraphs, and some are long
    assert set(corpus.characters) == set(whole) and set(whole) - set(corpus.train) == {"\N{POUND SIGN}"}


def test_titles_are_titles():
    assert list(corpora.novels()) == [
        "Emma",
        "Mansfield Park",
        "Northanger Abbey",
        "Persuasion",
        "Pride and Prejudice",
        "Sense and Sensibility",
    ]


@pytest.mark.parametrize("make", [corpora.first_names, corpora.verse_pairs, corpora.dates])
def test_parts_share_nothing(make):
    corpus = make()
    parts = [set(part) for part in (corpus.train, corpus.validation, corpus.test)]
    assert [len(part) for part in parts] == [len(part) for part in (corpus.train, corpus.validation, corpus.test)]
    assert not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])
    total = sum(map(len, parts))
    assert abs(len(parts[0]) / total - 0.8) < 0.01


@pytest.mark.parametrize("side", [0, 1])
def test_no_sentence_of_a_test_was_learned_in_either_language(side):
    corpus = corpora.verse_pairs()
    learned = {pair[side] for pair in (*corpus.train, *corpus.validation)}
    assert not learned & {pair[side] for pair in corpus.test}
    assert all(english and spanish for english, spanish in corpus.train)


def test_no_day_of_a_test_was_learned_in_any_form():
    corpus = corpora.dates()
    learned = {iso for _, iso in (*corpus.train, *corpus.validation)}
    assert not learned & {iso for _, iso in corpus.test}


def test_written_dates_are_the_days_they_stand_for():
    corpus = corpora.dates(n=2000)
    for written, iso in corpus.train:
        year, month, day = map(int, iso.split("-"))
        assert str(year) in written
        numbers = [
            int(part)
            for part in written.replace("/", " ").replace(".", " ").replace(",", " ").split()
            if part.isdigit()
        ]
        assert day in numbers
        if "/" in written:
            assert numbers == [month, day, year]
        elif "." in written:
            assert numbers == [day, month, year]
    firsts = {written.rstrip("0123456789 ,./")[:3] for written, _ in corpus.train}
    assert len(firsts) > 20, "every form is there"
    assert all(parse_pattern(form) for form in corpora.DATE_FORMS)


def test_the_alphabet_of_a_corpus_has_both_languages():
    assert set("ñáo’") < set(corpora.verse_pairs().characters)
    assert corpora.first_names().characters == "abcdefghijklmnopqrstuvwxyz"


def test_the_same_dates_every_time():
    assert corpora.dates(n=50) == corpora.dates(n=50)
    assert len(corpora.dates(n=50).train) == 40


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n": 0}, "n: expected 10 to 73,049 days, got 0"),
        ({"n": 10**6}, "Ask for fewer"),
        ({"forms": []}, "forms: expected patterns"),
        ({"forms": "d MMMM y"}, "Put them into a list"),
    ],
)
def test_bad_dates(settings, message):
    with pytest.raises(CourseError, match=message):
        corpora.dates(**settings)


@pytest.mark.parametrize("name", TEXTS)
def test_repr_says_whose_it_is(name):
    corpus, row = TEXTS[name](), registry()[name]
    for part in (row.licence, row.citation, row.source, row.row, f"{len(corpus.train):,}"):
        assert part in repr(corpus)


def test_the_weather_has_every_day_once():
    weather = series.seattle_weather()
    assert len(weather.dates) == 1461
    assert (np.diff(weather.dates) == np.timedelta64(1, "D")).all()
    assert set(weather.columns) == set(weather.units) == {"precipitation", "temp_max", "temp_min", "wind"}
    assert (weather.columns["temp_max"] >= weather.columns["temp_min"]).all()
    assert weather.weather[0] == "drizzle"
    assert "1,461 days, 2012-01-01 to 2015-12-31" in repr(weather)
    with pytest.raises(ValueError, match="read-only"):
        weather.columns["wind"][0] = 1


@pytest.mark.parametrize("name", [*TEXTS, "seattle_weather"])
def test_load_names_the_function_that_reads_it(name):
    with pytest.raises(CourseError, match=rf"got '{name}'.* Use {registry()[name].read_by}\(\)"):
        load(name)
    module, function = registry()[name].read_by.rsplit(".", 1)
    assert hasattr({"coursekit.corpora": corpora, "coursekit.series": series}[module], function)


@pytest.mark.parametrize(("name", "make"), [*TEXTS.items(), ("seattle_weather", series.seattle_weather)])
def test_a_damaged_file_is_refused(name, make, tmp_path, monkeypatch):
    original = data_folder() / registry()[name].file
    shutil.copy(data_folder() / "registry.toml", tmp_path)
    monkeypatch.setenv("COURSEKIT_DATA", str(tmp_path))
    with pytest.raises(DataError, match="missing"):
        make()
    (tmp_path / original.name).write_bytes(original.read_bytes()[:5000])
    with pytest.raises(DataError, match="truncated"):
        make()
    (tmp_path / original.name).write_bytes(gzip.compress(b"something else " * 200_000, 0)[: original.stat().st_size])
    with pytest.raises(DataError, match="changed"):
        make()
