"""Histograms of oriented gradients against a slow version in loops, pictures with known edges, and symmetries."""

import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coursekit.datasets import load
from coursekit.errors import CourseError, ShapeError
from coursekit.scratch.hog import cell_histograms, hog, image_gradients, normalise_blocks, orientation_histogram


def slow_hog(image, cell, block, bins, clip=0.2, eps=1e-2):
    """One picture, pixel by pixel, in double precision, after the paper."""
    height, width = image.shape
    rows, columns = height // cell, width // cell
    cells = np.zeros((rows, columns, bins))
    for i in range(rows * cell):
        for j in range(columns * cell):
            gx = image[i, min(j + 1, width - 1)] - image[i, max(j - 1, 0)]
            gy = image[min(i + 1, height - 1), j] - image[max(i - 1, 0), j]
            degrees = math.degrees(math.atan2(gy, gx)) % 180
            for b in range(bins):
                away = abs(degrees - (b + 0.5) * 180 / bins)
                away = min(away, 180 - away) / (180 / bins)
                cells[i // cell, j // cell, b] += math.sqrt(gx * gx + gy * gy) * max(0.0, 1 - away)
    found = []
    for r in range(rows - block + 1):
        for c in range(columns - block + 1):
            v = np.concatenate([cells[r + i, c + j] for i in range(block) for j in range(block)])
            v = np.minimum(v / math.sqrt(v @ v + eps**2), clip)
            found.append(v / math.sqrt(v @ v + eps**2))
    return np.concatenate(found)


@pytest.mark.parametrize(("shape", "cell", "block", "bins"), [
    ((28, 28), 4, 2, 9), ((28, 28), 7, 2, 9), ((16, 24), 8, 1, 4), ((13, 10), 3, 3, 6), ((6, 6), 2, 2, 2),
])  # fmt: skip
def test_as_the_slow_version(shape, cell, block, bins):
    images = np.random.default_rng(1).random((3, *shape))
    found = hog(images, cell, block, bins)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [slow_hog(image, cell, block, bins) for image in images], atol=2e-5)


def test_a_real_picture_as_the_slow_version():
    pictures = load("fashion_mnist").x_test[:3]
    expected = [slow_hog(picture / 255, 4, 2, 9) for picture in pictures]
    np.testing.assert_allclose(hog(pictures), expected, atol=2e-5)


# ------------------------------------------------------------------------------------------ known cases


def test_a_ramp_has_one_direction_everywhere():
    across = np.tile(np.arange(8.0), (8, 1))
    for image, direction in ((across, 0), (across[:, ::-1], 0), (across.T, np.pi / 2), (across.T[::-1], np.pi / 2)):
        magnitude, angle = image_gradients(image[None])
        np.testing.assert_array_equal(magnitude[0, 1:-1, 1:-1], 2)
        np.testing.assert_allclose(angle, direction, atol=1e-6)
    _, slanted = image_gradients((across + across.T)[None])
    np.testing.assert_allclose(slanted[0, 1:-1, 1:-1], np.pi / 4, atol=1e-6)


def test_a_direction_in_the_middle_of_a_bin_goes_there_alone_and_between_two_it_is_shared():
    middles = (np.arange(9) + 0.5) * np.pi / 9
    np.testing.assert_allclose(orientation_histogram(np.full((9, 1), 3.0), middles[:, None]), 3 * np.eye(9), atol=1e-9)
    borders = np.arange(9) * np.pi / 9  # angle 0 lies between the last bin and the first
    expected = 1.5 * (np.eye(9) + np.roll(np.eye(9), -1, axis=1))
    np.testing.assert_allclose(orientation_histogram(np.full((9, 1), 3.0), borders[:, None]), expected, atol=1e-9)


def test_an_empty_picture_has_no_edges_and_no_nan():
    for value in (0, 255):
        np.testing.assert_array_equal(hog(np.full((2, 28, 28), value, np.uint8)), 0)


def test_no_picture_at_all():
    assert hog(np.zeros((0, 28, 28), np.uint8)).shape == (0, 1296)


# ------------------------------------------------------------------------------------------ symmetries


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 6), st.integers(1, 20), st.integers(2, 12), st.integers(0, 99))
def test_no_vote_is_lost_and_a_half_turn_changes_nothing(cells, pixels, bins, seed):
    rng = np.random.default_rng(seed)
    magnitude, angle = rng.random((cells, pixels)), np.pi * rng.random((cells, pixels))
    found = orientation_histogram(magnitude, angle, bins)
    assert (found >= 0).all()
    np.testing.assert_allclose(found.sum(axis=1), magnitude.sum(axis=1))
    np.testing.assert_allclose(orientation_histogram(magnitude, angle + np.pi, bins), found, atol=1e-9)
    turned = orientation_histogram(magnitude, angle + np.pi / bins, bins)  # by one bin
    np.testing.assert_allclose(turned, np.roll(found, 1, axis=1), atol=1e-9)


def test_a_quarter_turn_of_the_picture_turns_cells_and_directions():
    image = np.random.default_rng(0).random((1, 24, 24))
    cells = cell_histograms(image, cell=4, bins=8)
    turned = cell_histograms(np.rot90(image, axes=(1, 2)), cell=4, bins=8)
    np.testing.assert_allclose(turned, np.roll(np.rot90(cells, axes=(1, 2)), 4, axis=-1), atol=1e-5)


def test_a_shift_by_one_cell_shifts_the_histograms():
    image = np.zeros((1, 40, 40))
    image[0, 12:28, 12:28] = np.random.default_rng(0).random((16, 16))
    cells, moved = cell_histograms(image), cell_histograms(np.roll(image, (4, 8), axis=(1, 2)))
    np.testing.assert_allclose(moved, np.roll(cells, (1, 2), axis=(1, 2)), atol=1e-6)


def test_more_light_changes_nothing_and_more_contrast_next_to_nothing():
    image = 0.3 * np.random.default_rng(0).random((2, 28, 28))
    np.testing.assert_allclose(hog(image + 0.5), hog(image), atol=1e-5)
    np.testing.assert_allclose(hog(3 * image), hog(image), atol=5e-4)
    np.testing.assert_allclose(hog(1 - image), hog(image), atol=1e-5)  # the negative


def test_blocks_have_length_one_and_no_number_far_above_the_clip():
    blocks = normalise_blocks(np.random.default_rng(0).random((2, 7, 7, 9)) * 100)
    np.testing.assert_allclose(np.linalg.norm(blocks, axis=-1), 1, atol=1e-3)
    one_direction = np.zeros((1, 2, 2, 9))
    one_direction[..., 0] = [[9, 1], [1, 1]]
    np.testing.assert_allclose(
        normalise_blocks(one_direction)[0, 0, 0, ::9][1:], 0.4, atol=0.06
    )  # clipping lifts these


def test_chunks_make_no_difference():
    images = load("fashion_mnist").x_test[:1100]
    np.testing.assert_array_equal(hog(images)[600:700], hog(images[600:700]))


# ------------------------------------------------------------------------------------------ refusals and speed


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: hog(np.zeros((28, 28))), ShapeError, r"images: expected shape \(N, H, W\), got \(28, 28\)"),
        (lambda: hog(np.zeros((1, 3, 3))), ShapeError, "images: expected at least 4 x 4 pixels, got 3 x 3"),
        (lambda: hog(np.zeros((1, 28, 6))), ShapeError, "cells: expected at least 2 x 2 of them, got 7 x 1"),
        (lambda: orientation_histogram(np.ones((2, 3)), np.ones((3, 2))), ShapeError, "angle: expected shape"),
        (lambda: orientation_histogram(np.ones((2, 3)), np.ones((2, 3)), 1), CourseError, "bins: expected at least 2"),
    ],
)
def test_what_makes_no_sense_is_refused(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


def test_sixty_thousand_pictures_take_seconds_not_minutes():
    pictures = load("fashion_mnist").x_train[:3000]
    start = time.process_time()
    hog(pictures)
    assert time.process_time() - start < 6, "20 times as many should take well below a minute"
