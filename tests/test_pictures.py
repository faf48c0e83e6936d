"""Pictures are what their files hold, and no picture stands beside a near twin of another group."""

import shutil

import numpy as np
import pytest

from coursekit import pictures
from coursekit.datasets import few_labels, load
from coursekit.errors import CourseError, DataError
from coursekit.pictures import ALIKE, ARTISTS, emoji, sketches, tiles
from coursekit.places import data_folder
from coursekit.registry import registry

SETS = {"sketches": sketches, "emoji": emoji, "tiles": tiles}


def raw(name: str) -> dict[str, np.ndarray]:
    with np.load(data_folder() / registry()[name].file, allow_pickle=False) as file:
        return {key: file[key] for key in file}


def correlations(x: np.ndarray) -> np.ndarray:
    """Of every two pictures, in float64, each picture's mean colour taken off."""
    rows = x.reshape(len(x), -1, 3) / 255
    rows = (rows - rows.mean(axis=1, keepdims=True)).reshape(len(x), -1)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(length > 0, length, 1)) @ (rows / np.where(length > 0, length, 1)).T


def group_of(drawn: pictures.Pictures) -> dict[str, int]:
    return dict(zip(drawn.titles, drawn.groups.tolist(), strict=True))


# ------------------------------------------------------------------------------------------- what is in them


@pytest.mark.parametrize(
    ("make", "shape", "classes"),
    [(sketches, (34_500, 28, 28), 345), (emoji, (1906, 32, 32, 3), 9), (tiles, (2466, 32, 32, 3), 10)],
)
def test_every_set_keeps_its_promise(make, shape, classes):
    drawn = make()
    assert drawn.x.shape == shape and drawn.x.dtype == np.uint8
    assert drawn.y.dtype == drawn.groups.dtype == np.int64
    assert len(drawn.y) == len(drawn.groups) == len(drawn.titles) == len(drawn.x)
    assert len(drawn.class_names) == classes == len(np.unique(drawn.y)) and drawn.y.max() == classes - 1
    assert all(type(text) is str for text in (*drawn.class_names, *drawn.titles))
    for array in (drawn.x, drawn.y, drawn.groups):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_sketches_are_ink_on_black():
    drawn, stored = sketches(), raw("sketches")
    assert set(np.unique(drawn.x)) == {0, 255}
    np.testing.assert_array_equal(np.packbits(drawn.x.reshape(len(drawn.x), -1) > 0, axis=1), stored["bits"])
    assert (np.bincount(drawn.y) == 100).all()
    assert drawn.titles[4321] == f"{drawn.class_names[43]} 21"


@pytest.mark.parametrize("artist", ARTISTS)
def test_an_emoji_has_the_same_row_whoever_drew_it(artist):
    drawn, stored = emoji(artist), raw("emoji")
    np.testing.assert_array_equal(drawn.x, stored[artist])
    np.testing.assert_array_equal(drawn.groups, emoji().groups)
    assert drawn.titles == tuple(stored["name"].tolist())
    assert [drawn.class_names[k] for k in drawn.y] == stored["categories"][stored["category"]].tolist()


@pytest.mark.parametrize("background", [0, 255, 128, (250, 0, 128)])
def test_tiles_are_laid_on_a_colour(background):
    stored = raw("tiles")
    labelled = stored["y"] < 10
    rgba = stored["x"][labelled].astype(np.float64)
    alpha = rgba[..., 3:] / 255
    expected = np.rint(rgba[..., :3] * alpha + np.array(background) * (1 - alpha))
    drawn = tiles(background=background)
    np.testing.assert_array_equal(drawn.x, expected.astype(np.uint8))
    np.testing.assert_array_equal(drawn.y, stored["y"][labelled])
    assert drawn.titles == tuple(stored["name"][labelled].tolist())
    np.testing.assert_array_equal(drawn.groups, tiles().groups)


@pytest.mark.parametrize(
    ("make", "kinds"), [(sketches, ["zebra", "ant"]), (emoji, ["Symbols", "Flags"]), (tiles, ["wall"])]
)
def test_some_kinds_in_the_order_asked_for(make, kinds):
    some, whole = make(kinds=kinds), make()
    assert some.class_names == tuple(kinds)
    rows = np.concatenate([np.flatnonzero(whole.y == whole.class_names.index(kind)) for kind in kinds])
    np.testing.assert_array_equal(some.x, whole.x[rows])
    np.testing.assert_array_equal(some.groups, whole.groups[rows])
    assert some.titles == tuple(whole.titles[row] for row in rows)
    assert [kinds[k] for k in some.y] == [whole.class_names[k] for k in whole.y[rows]]
    assert some.y.dtype == np.int64


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sketches(["cat", "bycicle"]), "kinds: expected a known name, got 'bycicle'. Did you mean .*'bicycle'"),
        (lambda: tiles(["sword"]), "kinds: expected a known name, got 'sword'"),
        (lambda: sketches("cat"), r"kinds: expected different names in a list, got 'cat'"),
        (lambda: sketches([]), "kinds: expected different names"),
        (lambda: emoji(kinds=["Flags", "Flags"]), "kinds: expected different names"),
        (lambda: emoji("apple"), "artist: expected a known name, got 'apple'"),
        (lambda: tiles(background=256), "background: expected whole numbers from 0 to 255"),
        (lambda: tiles(background=-1), "background"),
        (lambda: tiles(background=0.5), "background"),
        (lambda: tiles(background=(0, 0)), r"background: .* got \(0, 0\)"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(CourseError, match=message):
        call()


# ------------------------------------------------------------------------------------------- near twins


def test_floors_and_walls_are_of_few_drawings():
    drawn = tiles()
    groups = {name: len(np.unique(drawn.groups[drawn.y == k])) for k, name in enumerate(drawn.class_names)}
    assert (groups["floor"], groups["wall"]) == (36, 29), "as the docstring of tiles says"


@pytest.mark.parametrize(
    ("make", "twins"),
    [
        (tiles, ["floor_nerves0", "floor_nerves6"]),
        (tiles, ["grass0", "grass_flowers_red3"]),
        (tiles, ["abyss0", "abyss_lightmagenta7"]),
        (tiles, ["limestone0", "white_marble9"]),  # by their pixels: one is the other in another colour
        (tiles, ["simulacrum_hydra1", "spectral_hydra5"]),
        (tiles, ["kraken_tentacle_segment_E_NW", "kraken_tentacle_segment_S_NE"]),
        (tiles, ["brilliant_blue", "effervescent", "golden"]),  # bottles
        (emoji, ["Woman Running", "Man Running Facing Right", "Runner"]),
        (emoji, ["Woman Surfing", "Man Surfing", "Surfer"]),
        (emoji, ["Keycap 3", "Keycap: *", "Hash Key"]),
        (emoji, ["Clock Face One Oclock", "Clock Face Twelve-Thirty"]),
        (emoji, ["Norway Flag", "Bouvet Island Flag"]),  # by their bytes
        (emoji, ["Romania Flag", "Chad Flag"]),  # by their pixels
        (emoji, ["Green Heart", "Blue Heart"]),
    ],
)
def test_variants_of_a_drawing_are_one_group(make, twins):
    groups = group_of(make())
    assert len({groups[title] for title in twins}) == 1


@pytest.mark.parametrize(
    ("make", "strangers"),
    [
        (tiles, ["jelly", "elephant", "dagger", "grass0", "abyss0", "mosaic0"]),
        (emoji, ["France Flag", "Italy Flag", "Japan Flag", "Hot Dog", "Woman Surfing", "Woman Running", "Keycap 3"]),
        (sketches, ["cat 0", "cat 1", "dog 0"]),
    ],
)
def test_other_drawings_are_other_groups(make, strangers):
    groups = group_of(make())
    assert len({groups[title] for title in strangers}) == len(strangers)


@pytest.mark.parametrize("drawn", [tiles, lambda: tiles(background=0), emoji, lambda: emoji("twemoji"), sketches])
def test_copies_are_in_one_group(drawn):
    drawn = drawn()
    first: dict[bytes, int] = {}
    for picture, group in zip(drawn.x, drawn.groups.tolist(), strict=True):
        assert first.setdefault(picture.tobytes(), group) == group


@pytest.mark.parametrize(("name", "drawn"), [("tiles", [tiles]), ("emoji", [emoji, lambda: emoji("twemoji")])])
def test_no_pictures_of_two_groups_are_alike_and_rounding_does_not_decide(name, drawn):
    for make in drawn:
        whole = make()
        alike = correlations(whole.x)
        upper = np.triu(np.ones_like(alike, dtype=bool), 1)
        apart = whole.groups[:, None] != whole.groups
        assert alike[upper & apart].max() < ALIKE[name]
        assert np.abs(alike[upper] - ALIKE[name]).min() > 5e-5


@pytest.mark.parametrize("make", [tiles, emoji])
def test_the_nearest_in_the_group_is_nearer_than_the_nearest_outside(make):
    drawn = make()
    alike, same = correlations(drawn.x), drawn.groups[:, None] == drawn.groups
    np.fill_diagonal(alike, -1)
    inside, outside = np.where(same, alike, -1).max(axis=1), np.where(same, -1, alike).max(axis=1)
    with_twin = same.sum(axis=1) > 1
    assert with_twin.mean() > 0.25
    assert (inside > outside)[with_twin].mean() > 0.7


def test_a_split_that_knows_no_twins_flatters():
    drawn = tiles(["monster", "armour", "weapon", "book_scroll", "wand_staff", "floor", "wall", "portal_altar"])
    rows = drawn.x.reshape(len(drawn.x), -1) / np.float32(255)
    right = {}
    for how, groups in (("at random", None), ("by groups", drawn.groups)):
        shares = []
        for seed in range(5):
            learn, test = few_labels(drawn.y, [20], 30, rng=np.random.default_rng(seed), groups=groups)
            learned, tested = rows[learn[20]], rows[test]
            apart = (learned**2).sum(axis=1) - 2 * tested @ learned.T  # squared, less what is the same for a row
            shares.append(np.mean(drawn.y[learn[20]][apart.argmin(axis=1)] == drawn.y[test]))
        right[how] = np.mean(shares)
    assert right["at random"] > right["by groups"] + 0.05


# ------------------------------------------------------------------------------------------- files


@pytest.mark.parametrize("name", SETS)
def test_repr_says_whose_it_is(name):
    drawn, row = SETS[name](), registry()[name]
    for part in (row.licence, row.citation, row.source, row.row, row.units, f"{len(drawn.x):,} pictures"):
        assert part in repr(drawn)
    assert len(repr(drawn).splitlines()) == 9


@pytest.mark.parametrize("name", SETS)
def test_load_names_the_function_that_reads_it(name):
    with pytest.raises(CourseError, match=rf"got '{name}'.* Use coursekit.pictures.{name}\(\)"):
        load(name)
    assert registry()[name].read_by == f"coursekit.pictures.{SETS[name].__name__}"


@pytest.mark.parametrize("name", SETS)
def test_a_damaged_file_is_refused(name, tmp_path, monkeypatch):
    original = data_folder() / registry()[name].file
    shutil.copy(data_folder() / "registry.toml", tmp_path)
    monkeypatch.setenv("COURSEKIT_DATA", str(tmp_path))
    with pytest.raises(DataError, match="missing"):
        SETS[name]()
    copy = tmp_path / original.name
    copy.write_bytes(original.read_bytes()[:5000])
    with pytest.raises(DataError, match="truncated"):
        SETS[name]()
    copy.write_bytes(bytes(original.stat().st_size))
    with pytest.raises(DataError, match="changed"):
        SETS[name]()


@pytest.mark.parametrize("content", [b"words", b"PK\x03\x04 and nothing more"])
def test_a_file_of_another_kind_is_refused(content, tmp_path):
    (tmp_path / "some.npz").write_bytes(content)
    with pytest.raises(DataError, match="expected arrays in .*npz, got: .* Restore the file"):
        pictures._unpacked("emoji", str(tmp_path / "some.npz"), 0)


def test_a_set_is_quick_the_second_time():
    first = tiles()
    assert tiles().x is not first.x  # a set of one's own
    assert pictures._twins("tiles") is pictures._twins("tiles")
