r"""A histogram of oriented gradients describes a picture by the directions of its edges, place by place.

What a learner of 2005 would have built by hand, before networks learned their features: where does brightness change,
and in which direction? Count that in small cells (:func:`cell_histograms`), compare each cell with its neighbours so
that light and contrast cancel (:func:`normalise_blocks`), and give the numbers to any classifier. :func:`hog` does all
of it for a batch of pictures.

Letters: N pictures of H x W pixels, B directions, R x C cells.
"""

import math

import numpy as np

from coursekit.errors import CourseError, ShapeError

__all__ = ["cell_histograms", "hog", "image_gradients", "normalise_blocks", "orientation_histogram"]

PI = np.float32(np.pi)
CHUNK = 500  # pictures at a time: their intermediate arrays then fit into the processor's cache


def image_gradients(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    r"""How steeply brightness changes at each pixel, and in which direction.

    Parameters
    ----------
    images : ndarray of numbers, (N, H, W)

    Returns
    -------
    magnitude : ndarray of float32, (N, H, W)
        :math:`\sqrt{g_x^2 + g_y^2}`, with g the difference between the next pixel and the one before, along each axis.
        At the border the missing neighbour is the pixel itself.
    angle : ndarray of float32, (N, H, W)
        From 0 to pi: 0 where brightness changes from left to right, pi / 2 where from top to bottom. From dark to
        bright and from bright to dark is the same direction.

    Raises
    ------
    ShapeError
        If there is no batch axis.

    Examples
    --------
    >>> magnitude, angle = image_gradients(np.array([[[0, 1, 2], [0, 1, 2], [0, 1, 2]]]))
    >>> magnitude[0, 1], angle[0, 1]
    (array([1., 2., 1.], dtype=float32), array([0., 0., 0.], dtype=float32))
    """
    images = np.asarray(images)
    if images.ndim != 3:
        raise ShapeError(f"images: expected shape (N, H, W), got {images.shape}. images[None] makes a batch of one.")
    images = images.astype(np.float32)
    gx, gy = np.empty_like(images), np.empty_like(images)
    gx[:, :, 1:-1] = images[:, :, 2:] - images[:, :, :-2]
    gy[:, 1:-1, :] = images[:, 2:, :] - images[:, :-2, :]
    gx[:, :, 0], gx[:, :, -1] = images[:, :, 1] - images[:, :, 0], images[:, :, -1] - images[:, :, -2]
    gy[:, 0, :], gy[:, -1, :] = images[:, 1, :] - images[:, 0, :], images[:, -1, :] - images[:, -2, :]
    angle = np.arctan2(gy, gx)
    np.add(angle, PI, out=angle, where=angle < 0)  # the opposite direction; far cheaper than a remainder
    np.subtract(angle, PI, out=angle, where=angle >= PI)
    return np.sqrt(gx * gx + gy * gy), angle


def orientation_histogram(magnitude: np.ndarray, angle: np.ndarray, bins: int = 9) -> np.ndarray:
    r"""How much edge there is in each direction, cell by cell.

    Parameters
    ----------
    magnitude, angle : ndarray, (M, P)
        Of the P pixels of each of M cells; the angle from 0 to pi.
    bins : int
        B. The middle of bin b is at :math:`(b + \tfrac12) \pi / B`.

    Returns
    -------
    ndarray, (M, B)
        Each pixel gives its magnitude to the two bins whose middles lie on either side of its angle, the more the
        nearer: a share of :math:`1 - d`, with d the distance in bins. The last bin and the first are neighbours.

    Raises
    ------
    ShapeError
        If the shapes differ or there are not two axes.
    CourseError
        If there are fewer than 2 bins.

    Source
    ------
    Dalal and Triggs (2005), Histograms of Oriented Gradients for Human Detection, section 6.2.

    Examples
    --------
    >>> orientation_histogram(np.array([[4.0]]), np.array([[np.pi / 4]]), bins=2)  # the middle of the first bin
    array([[4., 0.]])
    >>> orientation_histogram(np.array([[4.0]]), np.array([[np.pi / 2]]), bins=2)  # half-way to the second
    array([[2., 2.]])
    """
    magnitude, angle = np.asarray(magnitude), np.asarray(angle)
    if magnitude.ndim != 2 or magnitude.shape != angle.shape:
        raise ShapeError(f"angle: expected shape (M, P) as magnitude, got {angle.shape} and {magnitude.shape}.")
    if bins < 2:
        raise CourseError(f"bins: expected at least 2 directions, got {bins}. Write bins=9.")
    if angle.size and (angle.min() < 0 or angle.max() > PI):
        angle = angle % np.pi
    position = angle * (bins / np.pi) - 0.5  # (M, P), from -0.5 to bins - 0.5
    below = np.floor(position)
    above = magnitude * (position - below)  # what goes to the bin above
    # A spare bin at each end, so that no pixel has to go round the corner: the spare ones do it afterwards.
    places = (np.arange(len(magnitude), dtype=np.intp)[:, None] * (bins + 2) + 1 + below.astype(np.intp)).ravel()
    size = len(magnitude) * (bins + 2)
    counts = np.bincount(places, (magnitude - above).ravel(), minlength=size)
    counts[1:] += np.bincount(places, above.ravel(), minlength=size)[:-1]
    counts = counts.reshape(len(magnitude), bins + 2)
    counts[:, bins] += counts[:, 0]
    counts[:, 1] += counts[:, bins + 1]
    return counts[:, 1:-1].astype(np.result_type(magnitude, np.float32))  # (M, B)


def cell_histograms(images: np.ndarray, cell: int = 4, bins: int = 9, histogram=orientation_histogram) -> np.ndarray:
    """Cut pictures into square cells and describe each by the directions of its edges.

    Parameters
    ----------
    images : ndarray, (N, H, W)
    cell : int
        Pixels along the side of a cell. Rows and columns that do not fill a cell are left out.
    bins : int
    histogram : callable(magnitude, angle, bins) -> ndarray
        As :func:`orientation_histogram`.

    Returns
    -------
    ndarray of float32, (N, R, C, B)

    Raises
    ------
    ShapeError
        If the shape is not (N, H, W), or a picture is smaller than a cell.

    Examples
    --------
    >>> cell_histograms(np.zeros((2, 28, 28))).shape
    (2, 7, 7, 9)
    """
    magnitude, angle = image_gradients(images)
    n, height, width = magnitude.shape
    rows, columns = height // cell, width // cell
    if rows * columns == 0:
        raise ShapeError(f"images: expected at least {cell} x {cell} pixels, got {height} x {width}. Lower cell.")

    def by_cell(pixels):
        pixels = pixels[:, : rows * cell, : columns * cell].reshape(n, rows, cell, columns, cell)
        return pixels.transpose(0, 1, 3, 2, 4).reshape(-1, cell * cell)  # (N * R * C, P)

    found = histogram(by_cell(magnitude), by_cell(angle), bins)
    return found.reshape(n, rows, columns, bins).astype(np.float32)


def normalise_blocks(cells: np.ndarray, block: int = 2, clip: float = 0.2, eps: float = 1e-2) -> np.ndarray:
    r"""Compare each cell with its neighbours: scale the histograms of every block of cells to length 1.

    Parameters
    ----------
    cells : ndarray, (N, R, C, B)
    block : int
        Cells along the side of a block. Blocks overlap: each cell is part of several, and scaled in each anew.
    clip : float
        No number above this; after clipping, each block is scaled once more.
    eps : float
        Keeps blocks without any edge at 0, in the unit of the histograms: :math:`v / \sqrt{|v|^2 + \epsilon^2}`.

    Returns
    -------
    ndarray, (N, R - block + 1, C - block + 1, block * block * B)

    Raises
    ------
    ShapeError
        If there are fewer cells than a block takes.

    Source
    ------
    Dalal and Triggs (2005), section 6.4, "L2-Hys"; the clipping is Lowe's (2004).

    Examples
    --------
    >>> blocks = normalise_blocks(np.ones((1, 2, 2, 9)))
    >>> blocks.shape, round(float(np.linalg.norm(blocks)), 3)
    ((1, 1, 1, 36), 1.0)
    """
    n, rows, columns, bins = cells.shape
    if min(rows, columns) < block:
        raise ShapeError(f"cells: expected at least {block} x {block} of them, got {rows} x {columns}. Lower cell.")
    down, across = rows - block + 1, columns - block + 1
    parts = [cells[:, i : i + down, j : j + across] for i in range(block) for j in range(block)]
    blocks = np.concatenate(parts, axis=-1)  # (N, R', C', block * block * B)
    return _scaled(np.minimum(_scaled(blocks, eps), clip), eps)


def hog(
    images: np.ndarray, cell: int = 4, block: int = 2, bins: int = 9, histogram=orientation_histogram
) -> np.ndarray:
    """Describe each picture by the directions of its edges, place by place.

    Parameters
    ----------
    images : ndarray of numbers, (N, H, W)
        Brightness; whole numbers count as 0 to 255, floats as 0 to 1.
    cell, block, bins : int
        Pixels along a cell, cells along a block, directions.
    histogram : callable(magnitude, angle, bins) -> ndarray
        As :func:`orientation_histogram`.

    Returns
    -------
    ndarray of float32, (N, F)
        For 28 x 28 pixels and cells of 4: 6 x 6 blocks of 2 x 2 cells with 9 directions, F = 1,296.

    Raises
    ------
    ShapeError
        If the shape is not (N, H, W), or the pictures are smaller than a block.

    Source
    ------
    Dalal and Triggs (2005), Histograms of Oriented Gradients for Human Detection. Simplified: a pixel votes in its own
    cell only, without a share for the cells beside it, and without a Gaussian weight over the block.

    Examples
    --------
    >>> hog(np.zeros((2, 28, 28), dtype=np.uint8)).shape
    (2, 1296)
    """
    images = np.asarray(images)
    scale = np.float32(1 / 255 if images.dtype.kind in "iu" else 1)
    parts = []
    for start in range(0, max(1, len(images)), CHUNK):
        cells = cell_histograms(images[start : start + CHUNK].astype(np.float32) * scale, cell, bins, histogram)
        blocks = normalise_blocks(cells, block)
        parts.append(blocks.reshape(len(blocks), math.prod(blocks.shape[1:])))  # (n, F)
    return np.concatenate(parts)


def _scaled(blocks: np.ndarray, eps: float) -> np.ndarray:
    """Every block divided by its length."""
    length = np.sqrt(np.einsum("nrcf,nrcf->nrc", blocks, blocks) + blocks.dtype.type(eps) ** 2)  # (N, R', C')
    return blocks / length[..., None]
