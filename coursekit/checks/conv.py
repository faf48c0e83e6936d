"""Exercises of *Convolution*: the forward pass, and the gradient of the filters."""

import numpy as np

from coursekit.checks.core import Exercise, register
from coursekit.scratch import sliding

__all__ = ["conv2d", "weight_grad"]


def _padded(x, padding):
    return np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))


def _places(x, weight, stride, padding):
    return tuple((x.shape[k] + 2 * padding - weight.shape[k]) // stride + 1 for k in (2, 3))


# -- forward -------------------------------------------------------------------------------------------------------------


def _forward_cases(rng):
    edge = np.array([[[[-1.0, 1.0]]]])
    yield np.array([[[[0.0, 0.0, 5.0, 5.0]]]]), edge, np.zeros(1)
    yield rng.normal(size=(2, 1, 5, 5)), rng.normal(size=(1, 1, 3, 3)), rng.normal(size=1)
    yield rng.normal(size=(2, 3, 6, 5)), rng.normal(size=(4, 3, 3, 2)), rng.normal(size=4)
    yield rng.normal(size=(2, 2, 7, 6)), rng.normal(size=(3, 2, 3, 3)), rng.normal(size=3), 2, 1
    yield rng.normal(size=(1, 3, 4, 4)), rng.normal(size=(3, 3, 1, 1)), rng.normal(size=3)
    yield rng.normal(size=(3, 2, 5, 5)), rng.normal(size=(2, 2, 5, 5)), rng.normal(size=2)  # one place
    yield rng.normal(size=(2, 2, 8, 9)), rng.normal(size=(2, 2, 3, 3)), rng.normal(size=2), 3
    yield np.zeros((1, 2, 4, 5)), rng.normal(size=(2, 2, 3, 3)), rng.normal(size=2), 1, 1
    yield 1e3 * rng.normal(size=(1, 1, 6, 6)), rng.normal(size=(2, 1, 3, 3)), rng.normal(size=2), 1, 2
    yield tuple(rng.normal(size=s).astype(np.float32) for s in ((2, 3, 6, 6), (4, 3, 3, 3), (4,)))


def _slow(x, weight, bias, stride=1, padding=0, *, flip=False, pad=True, step=True, per_channel=False, scale=1.0):
    """Convolution place by place, with the mistakes that can be asked for."""
    (kh, kw), p = weight.shape[2:], padding if pad else 0
    x = _padded(x, p)
    H, W = ((x.shape[k] - weight.shape[k]) // stride + 1 for k in (2, 3))
    s = stride if step else 1
    weight = weight[:, :, ::-1, ::-1] if flip else weight
    y = np.zeros((len(x), len(weight), H, W), x.dtype)
    for h in range(H):
        for w in range(W):
            under = x[:, None, :, s * h : s * h + kh, s * w : s * w + kw]  # (N, 1, C, kh, kw)
            channels = (under * weight).sum(axis=(3, 4))  # (N, O, C)
            y[:, :, h, w] = channels[:, :, 0] if per_channel else channels.sum(axis=2)
    return y * x.dtype.type(scale) + bias[:, None, None]


def _flipped(x, weight, bias, stride=1, padding=0):
    return _slow(x, weight, bias, stride, padding, flip=True)


def _first_channel(x, weight, bias, stride=1, padding=0):
    return _slow(x, weight, bias, stride, padding, per_channel=True)


def _no_padding(x, weight, bias, stride=1, padding=0):
    return _slow(x, weight, bias, stride, padding, pad=False)


def _side_by_side(x, weight, bias, stride=1, padding=0):
    return _slow(x, weight, bias, stride, padding, step=False)


def _no_stride(x, weight, bias, stride=1, padding=0):
    return _slow(x, weight, bias, 1, padding)


def _no_bias(x, weight, bias, stride=1, padding=0):
    return _slow(x, weight, 0 * bias, stride, padding)


def _bias_at_every_number(x, weight, bias, stride=1, padding=0):
    return _slow(x, weight, bias * np.prod(weight.shape[1:]).astype(bias.dtype), stride, padding)


def _mean(x, weight, bias, stride=1, padding=0):
    return _slow(x, weight, bias, stride, padding, scale=1 / np.prod(weight.shape[1:]))


def _channels_last(x, weight, bias, stride=1, padding=0):
    return _slow(x, weight, bias, stride, padding).transpose(0, 2, 3, 1)


def _pads_everything(x, weight, bias, stride=1, padding=0):
    return _slow(np.pad(x, padding), weight, bias, stride)


def _padded_by_repeating(x, weight, bias, stride=1, padding=0):
    p = padding
    return _slow(np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)), mode="edge"), weight, bias, stride)


def _last_place_left_out(x, weight, bias, stride=1, padding=0):
    H, W = _places(x, weight, stride, padding)
    return _slow(x, weight, bias, stride, padding)[:, :, : H - 1, : W - 1]


def _shifted_sums(x, weight, bias, stride=1, padding=0):
    H, W = _places(x, weight, stride, padding)
    x, y = _padded(x, padding), np.zeros((len(x), len(weight), H, W), x.dtype)
    for i, j in np.ndindex(weight.shape[2:]):
        seen = x[:, :, i : i + stride * (H - 1) + 1 : stride, j : j + stride * (W - 1) + 1 : stride]  # (N, C, H', W')
        y += np.einsum("nchw,oc->nohw", seen, weight[:, :, i, j])
    return y + bias[None, :, None, None]


def _columns(x, weight, bias, stride=1, padding=0):
    H, W = _places(x, weight, stride, padding)
    seen = np.lib.stride_tricks.sliding_window_view(_padded(x, padding), weight.shape[2:], axis=(2, 3))
    seen = seen[:, :, ::stride, ::stride].transpose(0, 2, 3, 1, 4, 5).reshape(len(x) * H * W, -1)
    y = seen @ weight.reshape(len(weight), -1).T + bias
    return y.reshape(len(x), H, W, -1).transpose(0, 3, 1, 2)


conv2d = register(
    Exercise(
        id="conv.conv2d",
        notebook="cnn",
        reference=sliding.conv2d,
        cases=_forward_cases,
        difficulty=3,
        minutes=20,
        points=4,
        hints=[
            "Pad first (`np.pad` takes a pair for each axis; N and C get (0, 0)). Then compute how many places there are; "
            "`output_size` is yours already.",
            "Either walk over the places (h, w), take what is under the window, and multiply and add; or walk over the window's "
            "kh times kw numbers and add shifted pictures. Sums go over channels, rows and columns of the window.",
            "At place (h, w): `under = x[:, None, :, s*h : s*h + kh, s*w : s*w + kw]`, of shape (N, 1, C, kh, kw); "
            "`y[:, :, h, w] = (under * weight).sum(axis=(2, 3, 4)) + bias`.",
        ],
        misconceptions={
            _flipped: "You turned the filter round. That is the convolution of mathematics; networks slide the filter as it stands.",
            _first_channel: "Only the first channel is used. A filter looks at all channels of the picture: sum over c too.",
            _no_padding: "The padding does not arrive in the pictures: put a frame of zeros around them before the window slides.",
            _side_by_side: "The number of places is right, but the window moves by 1. At place (h, w) it begins at row s h, column s w.",
            _no_stride: "The stride is left out: the window stands at every pixel.",
            _no_bias: "The bias is missing: each filter adds its own b[o] to all of its answers.",
            _bias_at_every_number: "The bias is added once for every number under the window. Add it once, after the sum.",
            _mean: "You divide by the number of weights. A convolution is a weighted *sum*.",
            _channels_last: "The channels stand last. The course and PyTorch put them second: `.transpose(0, 3, 1, 2)`.",
            _pads_everything: "`np.pad(x, p)` pads all four axes, so it invents pictures and channels too. Give it a pair for each axis.",
            _padded_by_repeating: "You repeat the border. Padding means zeros here.",
            _last_place_left_out: "The last row and the last column of places are missing: there are (size - k) // stride + 1 of them.",
        },
        variants=(_shifted_sums, _columns),
    )
)

# -- backward with respect to the weights ----------------------------------------------------------------------------------


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


def _place_by_place(x, G, kernel_size, stride=1, padding=0):
    (kh, kw), x = kernel_size, _padded(x, padding)
    dW = np.zeros((G.shape[1], x.shape[1], kh, kw), x.dtype)
    for h, w in np.ndindex(*G.shape[2:]):
        under = x[:, :, stride * h : stride * h + kh, stride * w : stride * w + kw]  # (N, C, kh, kw)
        dW += np.einsum("no,ncij->ocij", G[:, :, h, w], under)
    return dW


weight_grad = register(
    Exercise(
        id="conv.weight_grad",
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
        },
        variants=(_place_by_place,),
    )
)
