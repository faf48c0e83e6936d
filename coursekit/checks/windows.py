"""Exercises of *Convolution*: how many places a window finds, and how far a number deep in the network can see."""

from coursekit.checks.core import Exercise, register
from coursekit.scratch import conv, sliding

__all__ = ["output_size", "receptive_field"]

# -- output size ---------------------------------------------------------------------------------------------------------


def _size_cases(rng):
    yield 28, 5
    yield 28, 5, 1, 2
    yield 28, 2, 2
    yield 9, 3, 2, 1, 2
    yield 7, 3, 3  # the last pixels are left over
    yield 8, 3, 3  # more than half a step is left over
    yield 10, 3, 1, 0, 2
    yield 3, 3  # one place
    yield 1, 1
    yield 224, 7, 2, 3
    for _ in range(6):
        kernel, dilation = int(rng.integers(1, 6)), int(rng.integers(1, 4))
        size = int(rng.integers(1, 30)) + dilation * (kernel - 1)
        yield size, kernel, int(rng.integers(1, 5)), int(rng.integers(0, 4)), dilation


def _no_plus_one(size, kernel, stride=1, padding=0, dilation=1):
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride


def _padding_once(size, kernel, stride=1, padding=0, dilation=1):
    return (size + padding - dilation * (kernel - 1) - 1) // stride + 1


def _no_dilation(size, kernel, stride=1, padding=0, dilation=1):
    return (size + 2 * padding - kernel) // stride + 1


def _dilation_times_kernel(size, kernel, stride=1, padding=0, dilation=1):
    return (size + 2 * padding - dilation * kernel) // stride + 1


def _rounded_up(size, kernel, stride=1, padding=0, dilation=1):
    return -(-(size + 2 * padding - dilation * (kernel - 1) - 1) // stride) + 1


def _a_float(size, kernel, stride=1, padding=0, dilation=1):
    return (size + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1


def _no_padding(size, kernel, stride=1, padding=0, dilation=1):
    return (size - dilation * (kernel - 1) - 1) // stride + 1


def _stride_left_out(size, kernel, stride=1, padding=0, dilation=1):
    return size + 2 * padding - dilation * (kernel - 1)


def _one_added_before(size, kernel, stride=1, padding=0, dilation=1):
    return (size + 2 * padding - dilation * (kernel - 1)) // stride


def _kernel_halved(size, kernel, stride=1, padding=0, dilation=1):
    return (size + 2 * padding - 2 * dilation * (kernel // 2) - 1) // stride + 1


def _both_ones_left_out(size, kernel, stride=1, padding=0, dilation=1):
    return (size + 2 * padding - dilation * kernel) // stride


def _one_inside_and_span_too_long(size, kernel, stride=1, padding=0, dilation=1):
    return (size + 2 * padding - dilation * kernel + 1) // stride


def _rounded_to_the_nearest(size, kernel, stride=1, padding=0, dilation=1):
    return round((size + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1)


def _kernel_left_out(size, kernel, stride=1, padding=0, dilation=1):
    return (size + 2 * padding) // stride


def _only_size_and_kernel(size, kernel, stride=1, padding=0, dilation=1):
    return size - kernel + 1


def _no_padding_no_dilation(size, kernel, stride=1, padding=0, dilation=1):
    return (size - kernel) // stride + 1


def _windows_side_by_side(size, kernel, stride=1, padding=0, dilation=1):
    return size // kernel


def _only_the_gaps(size, kernel, stride=1, padding=0, dilation=1):
    return (size + 2 * padding - (dilation - 1) * (kernel - 1) - 1) // stride + 1


def _padding_taken_off(size, kernel, stride=1, padding=0, dilation=1):
    return (size - 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def _picture_shrunk(size, kernel, stride=1, padding=0, dilation=1):
    return ((size + 2 * padding) // dilation - kernel) // stride + 1


def _counted(size, kernel, stride=1, padding=0, dilation=1):
    last = size + 2 * padding - dilation * (kernel - 1)
    return len(range(0, last, stride))


output_size = register(
    Exercise(
        id="windows.output_size",
        notebook="cnn",
        reference=conv.output_size,
        cases=_size_cases,
        difficulty=2,
        minutes=6,
        points=1,
        hints=[
            "How many pixels are there with the padding (it is added on *both* sides)? From the first to the last pixel that a "
            "window of k numbers touches, d apart, how many pixels is that?",
            "A window spans d (k - 1) + 1 pixels. It can be pushed on by (pixels with padding) - span, in steps of s. "
            "It also stands at the place where it begins.",
            "`(size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1`",
        ],
        misconceptions={
            _no_plus_one: "One too few: the window also stands at the place where it begins, before its first step.",
            _one_added_before: "The + 1 belongs after the division: it counts the first place, which needs no step.",
            _padding_once: "Padding is added on both sides, so it counts twice.",
            _no_padding: "The padding is left out: the window slides over the picture *with* its frame.",
            _no_dilation: "Dilation is left out: k numbers that are d apart span d (k - 1) + 1 pixels, not k.",
            _dilation_times_kernel: "k numbers that are d apart have k - 1 gaps between them: they span d (k - 1) + 1 pixels, not d k.",
            _rounded_up: "You round up. A window that would hang over the edge does not count: round down, `//`.",
            _a_float: "A number of places is whole: divide with `//`, which rounds down. What is left over at the edge is not seen.",
            _stride_left_out: "This is the number of places for stride 1. With stride s the window stands at every s-th of them only.",
            _kernel_halved: "You take off half a window on each side, rounded: with an even kernel that is one too many. Use k - 1.",
            _both_ones_left_out: "Two ones are missing: a window spans d (k - 1) + 1 pixels, and it also stands where it begins.",
            _one_inside_and_span_too_long: "A window spans d (k - 1) + 1 pixels, not d k; and the place where it begins is added after the division.",
            _rounded_to_the_nearest: "You round to the nearest whole number. A window that would hang over the edge does not count: round down, `//`.",
            _kernel_left_out: "The kernel is left out: near the far edge there is no room for a window any more.",
            _only_size_and_kernel: "This is right for the plainest case only: padding, stride and dilation are arguments too.",
            _no_padding_no_dilation: "Padding and dilation are left out: the frame adds pixels, and d stretches the window.",
            _windows_side_by_side: "You laid windows side by side. They overlap: from place to place the window moves by the stride, not by its own size.",
            _only_the_gaps: "(d - 1)(k - 1) counts only the pixels that are skipped. The window spans those and the k that it looks at.",
            _padding_taken_off: "Padding makes the picture larger: add it.",
            _picture_shrunk: "You divided the picture by the dilation. Dilation stretches the window; the picture stays as it is.",
        },
        variants=(_counted,),
    )
)

# -- receptive field -----------------------------------------------------------------------------------------------------


def _field_cases(rng):
    yield [(3, 1, 1)]
    yield [(3, 1, 1), (3, 1, 1)]
    yield [(3, 1, 1), (2, 2, 1), (3, 1, 1)]
    yield [(5, 1, 1), (2, 2, 1), (5, 1, 1), (2, 2, 1)]
    yield [(3, 1, 1), (3, 1, 2), (3, 1, 4)]
    yield [(1, 1, 1), (1, 2, 1)]  # sees no more than its own pixel
    yield [(7, 2, 1), (3, 2, 1), *[(3, 1, 1)] * 4, (3, 2, 1), (3, 1, 1)]
    for _ in range(4):
        count = int(rng.integers(2, 6))
        yield [tuple(int(rng.integers(1, most)) for most in (6, 4, 4)) for _ in range(count)]


def _field(layers, *, first=1, own=False, stride=True, dilation=True, product=True, gap=1):
    field, step = first, 1
    for k, s, d in layers:
        step = (step * s if product else s) if own and stride else step
        field += (d if dilation else 1) * (k - gap) * step
        step = (step * s if product else s) if not own and stride else step
    return field


def _own_stride_first(layers):
    return _field(layers, own=True)


def _strides_left_out(layers):
    return _field(layers, stride=False)


def _dilation_left_out(layers):
    return _field(layers, dilation=False)


def _begins_at_zero(layers):
    return _field(layers, first=0)


def _only_the_stride_before(layers):
    return _field(layers, product=False)


def _sum_of_kernels(layers):
    return sum(k for k, _, _ in layers)


def _whole_kernel(layers):
    return _field(layers, gap=0)


def _area(layers):
    return _field(layers) ** 2


def _product_of_kernels(layers):
    field = 1
    for k, _, _ in layers:
        field *= k
    return field


def _strides_added(layers):
    field, step = 1, 0
    for k, s, d in layers:
        field += d * (k - 1) * max(step, 1)
        step += s
    return field


def _spans_added(layers):
    return sum(d * (k - 1) + 1 for k, _, d in layers)


def _strides_and_dilations_left_out(layers):
    return _field(layers, stride=False, dilation=False)


def _widest_window(layers):
    return max(k for k, _, _ in layers)


def _field_times_stride(layers):
    field = 1
    for k, s, d in layers:
        field = (field + d * (k - 1)) * s
    return field


def _own_stride_alone(layers):
    return _field(layers, own=True, product=False)


def _whole_span(layers):
    field, step = 1, 1
    for k, s, d in layers:
        field += (d * (k - 1) + 1) * step
        step *= s
    return field


def _stretched_kernel_minus_one(layers):
    field, step = 1, 1
    for k, s, d in layers:
        field += (d * k - 1) * step
        step *= s
    return field


def _first_layer_only(layers):
    return _field(layers[:1])


def _from_the_end_the_wrong_way_round(layers):
    return _from_the_end(layers[::-1])


def _half_windows_doubled(layers):
    field, step = 1, 1
    for k, s, d in layers:
        field += 2 * (k // 2) * d * step
        step *= s
    return field


def _dilation_as_stride(layers):
    field, step = 1, 1
    for k, s, d in layers:
        field += d * (k - 1) * step
        step *= s * d
    return field


def _from_the_end(layers):
    field = 1
    for k, s, d in reversed(layers):
        field = (field - 1) * s + d * (k - 1) + 1
    return field


receptive_field = register(
    Exercise(
        id="windows.receptive_field",
        notebook="cnn",
        reference=sliding.receptive_field,
        cases=_field_cases,
        difficulty=3,
        minutes=12,
        points=2,
        hints=[
            "Go through the layers and keep two numbers: how many pixels are seen so far, and how many pixels of the *input* lie "
            "between two neighbours of the layer that the next one looks at.",
            "A layer with kernel k and dilation d looks at d (k - 1) + 1 neighbours in a row: d (k - 1) more than one. Each of those "
            "steps is `step` pixels of the input. Only *after* it does its own stride make the next steps longer.",
            "`field, step = 1, 1`, then for each layer: `field += dilation * (kernel - 1) * step` and then `step *= stride`.",
        ],
        misconceptions={
            _own_stride_first: "You multiply by a layer's own stride too early. Its window still looks at neighbours of the layer before; "
            "its stride makes steps longer for the layers *after* it.",
            _strides_left_out: "The strides are left out: after a layer with stride 2, neighbours lie 2 pixels of the input apart.",
            _dilation_left_out: "The dilations are left out: k numbers that are d apart span d (k - 1) + 1.",
            _begins_at_zero: "One too few: before the first layer, a number sees one pixel, itself. Begin with 1.",
            _only_the_stride_before: "You use the stride of the layer before only. Strides multiply: after two of stride 2, neighbours are 4 apart.",
            _strides_added: "You add the strides. They multiply: after two layers of stride 2, neighbours are 4 pixels apart.",
            _sum_of_kernels: "Kernels do not simply add up: each further layer adds k - 1, because the windows overlap, and strides and dilations stretch it.",
            _whole_kernel: "A layer adds k - 1 steps, not k: it sees one number anyway, and k - 1 neighbours more.",
            _area: "You squared it. The number along one axis is asked.",
            _product_of_kernels: "Kernels do not multiply: two layers of 3 see 5 pixels, not 9, because neighbouring windows overlap.",
            _spans_added: "Spans do not simply add up: neighbouring windows overlap, so a further layer adds d (k - 1), and strides before it stretch that.",
            _strides_and_dilations_left_out: "Strides and dilations are left out: each layer adds d (k - 1) steps, and after a stride of 2 a step is 2 pixels long.",
            _widest_window: "This is the widest window. The layers look through each other: each one widens what is seen.",
            _field_times_stride: "You multiply what is seen so far by the stride. A stride does not widen the window before it; it makes later steps longer.",
            _own_stride_alone: "Each layer's window is stretched by the strides of all layers *before* it, multiplied together, not by its own.",
            _whole_span: "A layer adds its span less one, d (k - 1): one of the numbers it looks at is counted already.",
            _stretched_kernel_minus_one: "k numbers that are d apart have k - 1 gaps: a layer adds d (k - 1), not d k - 1.",
            _first_layer_only: "Only the first layer counts here. Is the `return` inside the loop?",
            _from_the_end_the_wrong_way_round: "Your rule is right from the last layer back to the picture, but you go through the layers from the first.",
            _half_windows_doubled: "You add half a window on each side, rounded: with an even kernel that is one too many. Use k - 1.",
            _dilation_as_stride: "A dilation stretches its own window only. What makes later steps longer is the stride.",
        },
        variants=(_from_the_end,),
    )
)
