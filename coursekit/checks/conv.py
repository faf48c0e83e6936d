"""Exercise of *Convolution*: filters slide over pictures."""

import numpy as np

from coursekit.checks.core import Exercise, register
from coursekit.scratch import sliding

__all__ = ["conv2d"]


def _padded(x, padding):
    return np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))


def _places(x, weight, stride, padding):
    return tuple((x.shape[k] + 2 * padding - weight.shape[k]) // stride + 1 for k in (2, 3))


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


def _framed(x, weight, bias, stride, rows, columns):
    return _slow(np.pad(x, ((0, 0), (0, 0), rows, columns)), weight, bias, stride)


def _pads_in_front(x, weight, bias, stride=1, padding=0):
    return _framed(x, weight, bias, stride, (padding, 0), (padding, 0))


def _pads_behind(x, weight, bias, stride=1, padding=0):
    return _framed(x, weight, bias, stride, (0, padding), (0, padding))


def _pads_half(x, weight, bias, stride=1, padding=0):
    both = (padding // 2, padding - padding // 2)
    return _framed(x, weight, bias, stride, both, both)


def _pads_rows_only(x, weight, bias, stride=1, padding=0):
    return _framed(x, weight, bias, stride, (padding, padding), (0, 0))


def _pads_the_result(x, weight, bias, stride=1, padding=0):
    return _padded(_slow(x, weight, bias, stride), padding)


def _stride_in_rows_only(x, weight, bias, stride=1, padding=0):
    return _slow(x, weight, bias, 1, padding)[:, :, ::stride].copy()


def _rows_for_both(x, weight, bias, stride=1, padding=0, side=2):
    k, x = weight.shape[side], _padded(x, padding)
    H, W = ((n - k) // stride + 1 for n in x.shape[2:])
    y = np.zeros((len(x), len(weight), H, W), x.dtype)
    for h, w in np.ndindex(H, W):
        under = x[:, None, :, stride * h : stride * h + k, stride * w : stride * w + k]
        y[:, :, h, w] = (under * weight).sum(axis=(2, 3, 4)) + bias
    return y


def _columns_for_both(x, weight, bias, stride=1, padding=0):
    return _rows_for_both(x, weight, bias, stride, padding, side=3)


def _pictures_against_filters(x, weight, bias, stride=1, padding=0):
    (kh, kw), (H, W), s, x = weight.shape[2:], _places(x, weight, stride, padding), stride, _padded(x, padding)
    y = np.zeros((len(x), len(weight), H, W), x.dtype)
    for h, w in np.ndindex(H, W):
        under = x[:, :, s * h : s * h + kh, s * w : s * w + kw]  # (N, C, kh, kw)
        y[:, :, h, w] = (under * weight).sum(axis=(1, 2, 3)) + bias
    return y


def _bias_along_columns(x, weight, bias, stride=1, padding=0):
    return _slow(x, weight, 0 * bias, stride, padding) + bias


def _first_bias(x, weight, bias, stride=1, padding=0):
    return _slow(x, weight, 0 * bias + bias[0], stride, padding)


def _bias_at_every_channel(x, weight, bias, stride=1, padding=0):
    return _slow(x, weight, bias * weight.shape[1], stride, padding)


def _bias_at_every_shift(x, weight, bias, stride=1, padding=0):
    return _slow(x, weight, bias * (weight.shape[2] * weight.shape[3]), stride, padding)


def _first_filter(x, weight, bias, stride=1, padding=0):
    return _slow(x, weight[:1], bias[:1], stride, padding)


def _first_picture_only(x, weight, bias, stride=1, padding=0):
    return _slow(x[:1], weight, bias, stride, padding)


def _last_shift_wins(x, weight, bias, stride=1, padding=0):
    last = np.zeros_like(weight)
    last[:, :, -1, -1] = weight[:, :, -1, -1]
    return _slow(x, last, bias, stride, padding)


def _stride_between_weights(x, weight, bias, stride=1, padding=0):
    (H, W), x = _places(x, weight, stride, padding), _padded(x, padding)
    y = np.zeros((len(x), len(weight), H, W), x.dtype)
    for i, j in np.ndindex(*weight.shape[2:]):
        seen = x[:, :, stride * i : stride * i + H, stride * j : stride * j + W]
        y += np.einsum("nchw,oc->nohw", seen, weight[:, :, i, j])
    return y + bias[:, None, None]


def _windows_not_turned(x, weight, bias, stride=1, padding=0):
    seen = np.lib.stride_tricks.sliding_window_view(_padded(x, padding), weight.shape[2:], axis=(2, 3))
    (H, W), rows = _places(x, weight, stride, padding), seen[:, :, ::stride, ::stride]
    y = rows.reshape(len(x) * H * W, -1) @ weight.reshape(len(weight), -1).T + bias
    return y.reshape(len(x), H, W, -1).transpose(0, 3, 1, 2)


def _rows_taken_for_channels(x, weight, bias, stride=1, padding=0):
    y = _columns(x, weight, bias, stride, padding).transpose(0, 2, 3, 1)  # (N, H', W', O)
    return y.reshape(len(x), len(weight), *y.shape[1:3])


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
            _pads_in_front: "You pad above and on the left only. The frame goes all around: (p, p) for rows and for columns.",
            _pads_behind: "You pad below and on the right only. The frame goes all around: (p, p) for rows and for columns.",
            _pads_half: "You share the padding out between the two sides. It means so many zeros on *each* side.",
            _pads_rows_only: "Only the rows are padded. The frame goes all around: the last axis too.",
            _pads_the_result: "You put the zeros around the result. They belong around the pictures, before the window slides.",
            _stride_in_rows_only: "The stride is applied to the rows only. The window moves by s in both directions.",
            _rows_for_both: "You use the filter's number of rows, kh, for its columns too. A filter need not be square: kh, kw.",
            _columns_for_both: "You use the filter's number of columns, kw, for its rows too. A filter need not be square: kh, kw.",
            _pictures_against_filters: "Picture n is multiplied by filter n. Every picture meets every filter: put an axis in, `x[:, None, ...]`, and sum over (2, 3, 4).",
            _bias_along_columns: "`y + bias` lines the bias up with the last axis, the columns. It belongs to the filters: `bias[:, None, None]`.",
            _first_bias: "Each filter has a bias of its own, b[o]; you add the first one everywhere.",
            _bias_at_every_channel: "The bias is added once for every input channel. Add it once, after the sum over the channels.",
            _bias_at_every_shift: "The bias is added in the loop over the window, once for each (i, j). Add it once, after the loop.",
            _first_filter: "Only the first filter is used. Each of the O filters makes one channel of the output.",
            _first_picture_only: "Only the first picture is used: the result needs all N of them.",
            _last_shift_wins: "Only the window's last number is left: in the loop over the window, add (`+=`) instead of replacing.",
            _stride_between_weights: "Your stride pulls the *weights* apart; that is dilation. Read every s-th pixel: `x[:, :, i : i + s*(H-1) + 1 : s, ...]`.",
            _windows_not_turned: "Before the reshape the axes are (N, C, H', W', kh, kw), so channels and places get mixed. First `.transpose(0, 2, 3, 1, 4, 5)`.",
            _rows_taken_for_channels: "The rows of the product are places: reshape to (N, H', W', O) first, then `.transpose(0, 3, 1, 2)`.",
        },
        variants=(_shifted_sums, _columns),
    )
)
