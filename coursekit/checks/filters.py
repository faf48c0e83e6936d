"""Exercise of *Convolution*: how the loss depends on the filters."""

import numpy as np

from coursekit.checks.core import Exercise, register
from coursekit.scratch import sliding

__all__ = ["weight_grad"]


def _padded(x, padding):
    return np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))


def _backward_cases(rng):
    def case(n, c, o, size, kernel, stride=1, padding=0, dtype=float, scale=1.0):
        H, W = ((s + 2 * padding - k) // stride + 1 for s, k in zip(size, kernel, strict=True))
        x, G = rng.normal(size=(n, c, *size)), rng.normal(size=(n, o, H, W))
        return (scale * x).astype(dtype), G.astype(dtype), kernel, stride, padding

    yield np.array([[[[1.0, 2.0, 3.0]]]]), np.array([[[[10.0, 1.0]]]]), (1, 2)
    yield case(1, 1, 1, (4, 4), (2, 2))
    yield case(2, 3, 4, (6, 5), (3, 2))
    yield case(3, 2, 3, (7, 6), (3, 3), 2, 1)
    yield case(2, 2, 2, (8, 8), (3, 3), 2)  # the last row and column are seen by no window
    yield case(4, 2, 2, (5, 5), (5, 5))  # one place
    yield np.zeros((1, 2, 4, 5)), rng.normal(size=(1, 3, 2, 3)), (3, 3)
    yield case(2, 1, 2, (6, 6), (3, 3), scale=1e3)
    yield case(3, 3, 4, (6, 6), (3, 3), 1, 1, np.float32)


def _grad(x, G, kernel_size, stride=1, padding=0, *, pad=True, step=True):
    """The gradient, number by number of the window, with the mistakes that can be asked for."""
    x, (H, W), s = _padded(x, padding) if pad else x, G.shape[2:], stride if step else 1
    dW = np.zeros((G.shape[1], x.shape[1], *kernel_size), x.dtype)
    for i, j in np.ndindex(*kernel_size):
        seen = x[:, :, i : i + s * (H - 1) + 1 : s, j : j + s * (W - 1) + 1 : s]  # (N, C, H', W')
        dW[:, :, i, j] = np.einsum("nohw,nchw->oc", G[:, :, : seen.shape[2], : seen.shape[3]], seen)
    return dW


def _mean_over_pictures(x, G, kernel_size, stride=1, padding=0):
    return _grad(x, G, kernel_size, stride, padding) / len(x)


def _mean_over_places(x, G, kernel_size, stride=1, padding=0):
    return _grad(x, G, kernel_size, stride, padding) / (G.shape[2] * G.shape[3])


def _swapped(x, G, kernel_size, stride=1, padding=0):
    return _grad(x, G, kernel_size, stride, padding).transpose(1, 0, 2, 3)


def _upside_down(x, G, kernel_size, stride=1, padding=0):
    return np.ascontiguousarray(_grad(x, G, kernel_size, stride, padding)[:, :, ::-1, ::-1])


def _padding_forgotten(x, G, kernel_size, stride=1, padding=0):
    return _grad(x, G, kernel_size, stride, padding, pad=False)


def _stride_forgotten(x, G, kernel_size, stride=1, padding=0):
    return _grad(x, G, kernel_size, stride, padding, step=False)


def _first_picture(x, G, kernel_size, stride=1, padding=0):
    return _grad(x[:1], G[:1], kernel_size, stride, padding)


def _every_picture_apart(x, G, kernel_size, stride=1, padding=0):
    return np.stack([_grad(x[n : n + 1], G[n : n + 1], kernel_size, stride, padding) for n in range(len(x))])


def _upstream_forgotten(x, G, kernel_size, stride=1, padding=0):
    return _grad(x, np.ones_like(G), kernel_size, stride, padding)


def _channels_added(x, G, kernel_size, stride=1, padding=0):
    dW = _grad(x, G, kernel_size, stride, padding)
    return np.broadcast_to(dW.sum(axis=1, keepdims=True), dW.shape).copy()


def _last_place_wins(x, G, kernel_size, stride=1, padding=0):
    (H, W), (kh, kw), s = G.shape[2:], kernel_size, stride
    under = _padded(x, padding)[:, :, s * (H - 1) : s * (H - 1) + kh, s * (W - 1) : s * (W - 1) + kw]
    return np.einsum("no,ncij->ocij", G[:, :, -1, -1], under)


def _mean_over_all(x, G, kernel_size, stride=1, padding=0):
    return _mean_over_places(x, G, kernel_size, stride, padding) / len(x)


def _mean_of_every_number(x, G, kernel_size, stride=1, padding=0):
    return _grad(x, G, kernel_size, stride, padding) / G.size


def _mean_over_the_window(x, G, kernel_size, stride=1, padding=0):
    return _grad(x, G, kernel_size, stride, padding) / np.prod(kernel_size)


def _step_of_descent(x, G, kernel_size, stride=1, padding=0):
    return -_grad(x, G, kernel_size, stride, padding)


def _stride_once_more(x, G, kernel_size, stride=1, padding=0):
    seen = np.lib.stride_tricks.sliding_window_view(_padded(x, padding), G.shape[2:], axis=(2, 3))
    return np.einsum("nohw,ncijhw->ocij", G, seen[:, :, ::stride, ::stride])


def _no_axis_for_channels(x, G, kernel_size, stride=1, padding=0):
    return _grad(x, G, kernel_size, stride, padding).sum(axis=1)


def _first_channel(x, G, kernel_size, stride=1, padding=0):
    dW = _grad(x, G, kernel_size, stride, padding)
    return np.broadcast_to(dW[:, :1], dW.shape).copy()


def _rows_for_columns(x, G, kernel_size, stride=1, padding=0):
    return np.swapaxes(_grad(x, G, kernel_size, stride, padding), 2, 3).copy()


def _last_picture(x, G, kernel_size, stride=1, padding=0):
    return _grad(x[-1:], G[-1:], kernel_size, stride, padding)


def _slice_one_short(x, G, kernel_size, stride=1, padding=0):
    x, (H, W), s = _padded(x, padding), G.shape[2:], stride
    dW = np.zeros((G.shape[1], x.shape[1], *kernel_size), x.dtype)
    for i, j in np.ndindex(*kernel_size):
        seen = x[:, :, i : i + s * (H - 1) : s, j : j + s * (W - 1) : s]
        dW[:, :, i, j] = np.einsum("nohw,nchw->oc", G, seen)
    return dW


def _last_place_not_seen(x, G, kernel_size, stride=1, padding=0):
    return _grad(x, _without_last(G), kernel_size, stride, padding)


def _without_last(G):
    G = G.copy()
    G[:, :, -1], G[:, :, :, -1] = 0, 0
    return G


def _sums_multiplied(x, G, kernel_size, stride=1, padding=0):
    seen = _grad(x, np.ones_like(G[:, :1]), kernel_size, stride, padding)  # (1, C, kh, kw)
    return G.sum(axis=(0, 2, 3))[:, None, None, None] * seen


def _place_by_place(x, G, kernel_size, stride=1, padding=0):
    (kh, kw), x = kernel_size, _padded(x, padding)
    dW = np.zeros((G.shape[1], x.shape[1], kh, kw), x.dtype)
    for h, w in np.ndindex(*G.shape[2:]):
        under = x[:, :, stride * h : stride * h + kh, stride * w : stride * w + kw]  # (N, C, kh, kw)
        dW += np.einsum("no,ncij->ocij", G[:, :, h, w], under)
    return dW


weight_grad = register(
    Exercise(
        id="filters.weight_grad",
        notebook="cnn",
        reference=sliding.conv2d_weight_grad,
        cases=_backward_cases,
        difficulty=4,
        minutes=20,
        points=4,
        hints=[
            "Which inputs did the weight W[o, c, i, j] meet, and in which outputs? At place (h, w) it multiplied "
            "x[n, c, s h + i, s w + j], and the product went into y[n, o, h, w].",
            "So its gradient is the sum over all pictures and places of G[n, o, h, w] x[n, c, s h + i, s w + j]. "
            "For one (i, j) the needed pixels are a shifted picture, read in steps of s.",
            "Pad x. For each i, j: `seen = x[:, :, i : i + s*(H-1) + 1 : s, j : j + s*(W-1) + 1 : s]`, of shape (N, C, H', W'), then "
            '`dW[:, :, i, j] = np.einsum("nohw,nchw->oc", G, seen)`.',
        ],
        misconceptions={
            _mean_over_pictures: "You divided by the number of pictures. The loss is a mean already; its 1/N is inside G. Add up.",
            _mean_over_places: "You took the mean over the places. The weight was used at each of them, so the shares add up.",
            _swapped: "Input and output channels are in each other's place: the gradient has the shape of the weight, (O, C, kh, kw).",
            _upside_down: "The window is upside down. W[o, c, i, j] met x[.., s h + i, s w + j]: plus i, plus j, nothing is turned.",
            _padding_forgotten: "The forward pass slid over the *padded* picture. Pad x here too, or every pixel is in the wrong place.",
            _stride_forgotten: "The stride is missing: at place (h, w) the weight met the pixel s h + i, not h + i.",
            _first_picture: "Only the first picture is used. The weight is shared by all of them: sum over n.",
            _every_picture_apart: "You keep one gradient for each picture. The weight is the same for all: sum over n.",
            _upstream_forgotten: "G is left out: this is how the *sum* of the outputs depends on the weight. The chain rule multiplies by G.",
            _channels_added: "You added the channels together. Each weight belongs to one input channel c, and met only that one.",
            _last_place_wins: "Only the last place is left: in a loop over the places, add to dW (`+=`) instead of replacing it.",
            _mean_over_all: "You took the mean over pictures and places. The weight was used at each of them, so the shares add up.",
            _mean_of_every_number: "You divided by the number of numbers in G. If the loss is a mean, that division is inside G already. Add up.",
            _mean_over_the_window: "You divided by the number of weights in the window. Each weight has a gradient of its own: add up over places only.",
            _step_of_descent: "This is the step that descent takes, minus the gradient. The gradient itself is asked.",
            _stride_once_more: "You move by the stride once more. On the way back the numbers of G lie s pixels apart, and the window itself moves by 1.",
            _no_axis_for_channels: "The channels are added up and their axis is gone. Each weight belongs to one input channel c: (O, C, kh, kw).",
            _first_channel: "Only the first input channel is used. The weights of channel c met the pixels of channel c.",
            _rows_for_columns: "Rows and columns of the window are in each other's place: the last two axes are (kh, kw).",
            _last_picture: "Only the last picture is left: in a loop over the pictures, add to dW (`+=`) instead of replacing it.",
            _slice_one_short: "Your slice is one place short: it stops before its end, so write `i : i + s*(H-1) + 1 : s`.",
            _last_place_not_seen: "The last row and the last column of places are left out: h goes up to H' - 1, w up to W' - 1.",
            _sums_multiplied: "You added up G, and the pixels, and multiplied the sums. First multiply at each place, then add.",
        },
        variants=(_place_by_place,),
    )
)
