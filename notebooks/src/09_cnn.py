# %% [markdown]
r"""
# Convolution: one small window for every place

**The question.** A dense layer gives every pixel its own weights, as if a picture were a list of unrelated numbers. What does a network gain that knows two things beforehand: neighbours belong together, and a pattern means the same wherever it is? And what does it *not* gain, although people say so?

**After this notebook you will be able to**

- write a convolution, its gradient and pooling, and say what padding, stride and dilation do to sizes and to what a number can see;
- make a convolution much faster without changing what it computes;
- measure equivariance and invariance, and tell which of the two pooling gives, and how much of it;
- build and train LeNet and a residual network, and show what a path around the layers does for depth;
- look into a trained network: what its filters answer to, what can be read from each layer, and which of it was there before training.

**Builds on** 08 PyTorch (tensors, modules, the loop); 02 Forward pass (dense layers); 06 Generalization (batch norm, augmentation); 07 Deep or classical (HOG). **Time** about 90 minutes, of which your computer needs one or two.
"""

# %%
import time

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC
from torch import nn
from torch.nn import functional as F

from coursekit import datasets, device, plot
from coursekit.checks import exercise
from coursekit.claims import claim
from coursekit.metrics import mean_and_spread
from coursekit.models import cnn
from coursekit.predict import predict, reveal
from coursekit.scratch import hog
from coursekit.settings import course_rng, course_seed

fashion = datasets.load("fashion_mnist")
pictures = datasets.to_float(fashion.x_train).reshape(
    -1, 28, 28
)  # (60000, 28, 28), from 0 to 1
shirt, boot = (pictures[np.flatnonzero(fashion.y_train == k)[0]] for k in (0, 9))

# %% [markdown]
r"""
## 1. A window that slides

Take a small table of weights, 3 by 3: a **filter**. Lay it on the top left corner of a picture, multiply each weight by the pixel under it, add up. That is one number of the output. Push the window one pixel to the right: the next number. And so on, row by row.

$$y_{hw} = b + \sum_{i=0}^{k-1}\sum_{j=0}^{k-1} w_{ij}\, x_{h+i,\,w+j}$$

Here $x$ is the picture, $w$ the filter with $k$ rows and columns, $b$ a bias, and $(h, w)$ the **place**. Networks call this a **convolution**. (Mathematics turns the filter round first and calls the version above a cross-correlation. Since the weights are learned, it makes no difference: a network would learn them turned round.)

The formula as loops, for one picture and one filter:
"""


# %%
def convolve_by_loops(x, w):
    """One picture (H, W), one filter (k, k), the formula word by word."""
    k = len(w)
    y = np.zeros((x.shape[0] - k + 1, x.shape[1] - k + 1))
    for row in range(y.shape[0]):
        for column in range(y.shape[1]):
            for i in range(k):
                for j in range(k):
                    y[row, column] += w[i, j] * x[row + i, column + j]
    return y


below_minus_above = np.array([[-1.0, -1.0, -1.0], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
right_minus_left = below_minus_above.T
mean_of_nine = np.full((3, 3), 1 / 9)

# %%
predict(
    "conv.which-edges",
    "The filter `below_minus_above` slides over a bright square on black. Where is its answer far from 0?",
    [
        "everywhere on the square",
        "along its upper and lower edge",
        "along its left and right edge",
        "along all four edges alike",
    ],
)

# %%
square = np.zeros((16, 16))
square[4:12, 4:12] = 1
answer = np.abs(convolve_by_loops(square, below_minus_above))  # (14, 14)
middle = {
    "inside": answer[6, 6],
    "upper edge": answer[3, 6],
    "lower edge": answer[10, 6],
    "left edge": answer[6, 3],
    "right edge": answer[6, 10],
}
level, upright = middle["upper edge"], middle["left edge"]
reveal(
    "conv.which-edges",
    ", ".join(f"{place}: {size:.0f}" for place, size in middle.items()),
    0
    if middle["inside"]
    else 1
    if level and not upright
    else 2
    if upright and not level
    else 3,
)
filters = {
    "below - above": below_minus_above,
    "right - left": right_minus_left,
    "mean of nine": mean_of_nine,
}
seen = [picture[1:-1, 1:-1] for picture in (shirt, boot)]
shown = []
for picture, cut in zip((shirt, boot), seen, strict=True):
    answers = [np.abs(convolve_by_loops(picture, w)) for w in filters.values()]
    shown += [cut, *[a / a.max() for a in answers]]
plot.show(
    plot.images(
        np.array(shown),
        ["picture", *filters] * 2,
        columns=4,
        title="What three filters answer (size only, dark is large)",
    )
)

# %% [markdown]
r"""
The first filter subtracts the row above from the row below. Where nothing changes from row to row the answer is 0; at the shoulder and the hem it is large. The second does the same across. The third only blurs. Nine numbers, and a picture has become a map of its edges. In notebook 07 you took such differences by hand to build HOG. Here the nine numbers will be *learned*.

## 2. Sizes: padding, stride, dilation

A window of 3 finds 26 places along 28 pixels, so the output is smaller than the picture. Three dials change how the window moves:

- **Padding** $p$: a frame of $p$ zeros around the picture. With $p = 1$ and $k = 3$ the size stays.
- **Stride** $s$: the window moves by $s$ pixels at a time. With $s = 2$ the output has half the height and half the width.
- **Dilation** $d$: the pixels under the window are $d$ apart, so that few weights look at a wide area.

With all three, the weight $(i, j)$ at place $(h, w)$ lies on the pixel $(s h + d i,\ s w + d j)$ of the padded picture.
"""


# %%
def under_the_window(place, stride, dilation, size=9, k=3):
    """Which pixels of a picture lie under the window at a place."""
    mask = 0.15 * (np.indices((size, size)).sum(axis=0) % 2)  # a chequered background
    rows, columns = (stride * p + dilation * np.arange(k) for p in place)
    mask[np.ix_(rows, columns)] = 1
    return mask


kinds = {
    "1st place": ((0, 0), 1, 1),
    "2nd place": ((0, 1), 1, 1),
    "2nd, stride 2": ((0, 1), 2, 1),
    "1st, dilation 2": ((0, 0), 1, 2),
    "2nd, dilation 2": ((0, 1), 1, 2),
}
plot.show(
    plot.images(
        np.array([under_the_window(*kind) for kind in kinds.values()]),
        list(kinds),
        columns=5,
        title="Which of 9 by 9 pixels lie under a window of 3 by 3",
    )
)


# %% tags=["exercise"]
@exercise("windows.output_size")
def output_size(size, kernel, stride=1, padding=0, dilation=1):
    """How many places a window finds along one axis: a whole number.

    size : pixels, without padding. kernel : weights along the axis, `dilation` pixels apart.
    stride : how far the window moves. padding : zeros added on each side. A window that hangs
    over the edge does not count.
    """
    ### BEGIN SOLUTION
    span = dilation * (kernel - 1) + 1  # pixels from the first to the last that it touches
    return (size + 2 * padding - span) // stride + 1
    ### END SOLUTION


# %%
for dials in (
    {"kernel_size": 3},
    {"kernel_size": 3, "padding": 1},
    {"kernel_size": 5, "padding": 2},
    {"kernel_size": 3, "padding": 1, "stride": 2},
    {"kernel_size": 3, "padding": 2, "dilation": 2},
):
    torchs = nn.Conv2d(1, 1, **dials)(torch.zeros(1, 1, 28, 28)).shape[-1]
    others = {name: size for name, size in dials.items() if name != "kernel_size"}
    mine = output_size(28, dials["kernel_size"], **others)
    words_for_it = ", ".join(
        f"{name.replace('_size', '')} {size}" for name, size in dials.items()
    )
    print(f"28 pixels, {words_for_it}: {mine} places (PyTorch: {torchs})")

# %% [markdown]
r"""
## 3. Many channels, many filters, many pictures

Real layers see more than one picture and more than one **channel**: red, green and blue, or the 16 maps that the layer before has made. Then a filter is as deep as its input, one table of weights for each input channel, and adds up over all of them. A layer has many filters; each makes one channel of the output. With $N$ pictures, $C$ channels in and $O$ out:

$$y_{nohw} = b_o + \sum_{c}\sum_{i}\sum_{j} w_{ocij}\; x_{n,\,c,\,sh+i,\,sw+j}$$

Here $x$ has its frame of zeros already. The shapes are PyTorch's: pictures $(N, C, H, W)$, weights $(O, C, k_h, k_w)$, bias $(O,)$.
"""


# %% tags=["exercise"]
@exercise("conv.conv2d")
def conv2d(x, weight, bias, stride=1, padding=0):
    """Slide O filters over N pictures.

    x : (N, C, H, W). weight : (O, C, kh, kw). bias : (O,). stride, padding : whole numbers;
    padding means so many zeros on each side. Returns (N, O, H', W'). Loops over the places are
    fine, or over the numbers of the window; loops over pictures are slow.
    """
    ### BEGIN SOLUTION
    (kh, kw), s, p = weight.shape[2:], stride, padding
    x = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
    H, W = (x.shape[2] - kh) // s + 1, (x.shape[3] - kw) // s + 1
    y = np.empty((len(x), len(weight), H, W), x.dtype)
    for h in range(H):
        for w in range(W):
            under = x[:, None, :, s * h : s * h + kh, s * w : s * w + kw]  # (N, 1, C, kh, kw)
            y[:, :, h, w] = (under * weight).sum(axis=(2, 3, 4)) + bias
    return y
    ### END SOLUTION


# %% [markdown]
r"""
Your function and PyTorch's, on the same random numbers in double precision:
"""

# %%
rng = course_rng(0)
x, weight, bias = (rng.normal(size=shape) for shape in ((4, 3, 12, 11), (5, 3, 3, 3), (5,)))
for dials in ({}, {"padding": 1}, {"stride": 2, "padding": 1}):
    theirs = F.conv2d(*(torch.tensor(a) for a in (x, weight, bias)), **dials).numpy()
    gap = np.abs(conv2d(x, weight, bias, **dials) - theirs).max()
    print(
        f"{dials or 'no dials'}: shape {theirs.shape}, largest difference below 1e-12: {gap < 1e-12}"
    )

# %% [markdown]
r"""
## 4. The same sum, much faster

How the sum is *written* decides how long it takes. Four ways, all with the same result:

1. **Loops**: one multiplication at a time, in Python.
2. **Shifted pictures**: for each of the $k^2$ weights, the whole picture, shifted, times that weight.
3. **Sliding windows**: NumPy can show the same memory under other **strides** (the number of bytes from one element to the next along each axis). `sliding_window_view` makes an array of shape $(N, C, H', W', k, k)$ without copying a single pixel; neighbouring windows overlap in memory. Then one `tensordot`.
4. **im2col**: copy what lies under the window at each place into one *row* of a matrix. The convolution is then a single matrix product, the operation for which processors and their libraries are tuned best (Chellapilla, Puri and Simard, 2006).

The price of the fourth is memory: with windows of 3 by 3, every pixel is copied into up to nine rows.
"""


# %%
def by_shifted_pictures(x, weight):
    k = weight.shape[-1]
    H, W = x.shape[2] - k + 1, x.shape[3] - k + 1
    y = np.zeros((len(x), len(weight), H, W), x.dtype)
    for i in range(k):
        for j in range(k):
            y += np.einsum("nchw,oc->nohw", x[:, :, i : i + H, j : j + W], weight[:, :, i, j])
    return y


def by_sliding_windows(x, weight):
    windows = sliding_window_view(
        x, weight.shape[2:], axis=(2, 3)
    )  # (N, C, H', W', k, k), no copy
    return np.tensordot(windows, weight, axes=((1, 4, 5), (1, 2, 3))).transpose(0, 3, 1, 2)


def im2col(x, k):
    """What lies under the window at each place, as one row: (N H' W', C k k)."""
    windows = sliding_window_view(x, (k, k), axis=(2, 3))  # (N, C, H', W', k, k)
    return windows.transpose(0, 2, 3, 1, 4, 5).reshape(-1, x.shape[1] * k * k)


def by_matrix_product(x, weight):
    k = weight.shape[-1]
    y = im2col(x, k) @ weight.reshape(len(weight), -1).T  # (N H' W', O)
    H, W = x.shape[2] - k + 1, x.shape[3] - k + 1
    return y.reshape(len(x), H, W, len(weight)).transpose(0, 3, 1, 2)


def by_pytorch(x, weight):
    return F.conv2d(torch.from_numpy(x), torch.from_numpy(weight)).numpy()


x = pictures[:64, None].astype(np.float32)  # (64, 1, 28, 28)
weight = course_rng(1).normal(size=(16, 1, 3, 3)).astype(np.float32)
ways = {
    "shifted pictures": by_shifted_pictures,
    "sliding windows": by_sliding_windows,
    "im2col, matrix product": by_matrix_product,
    "PyTorch": by_pytorch,
}
by_loops = convolve_by_loops(x[0, 0], weight[0, 0])
for name, way in ways.items():
    print(
        f"{name:>22}: agrees with the loops: {np.allclose(way(x, weight)[0, 0], by_loops, atol=1e-4)}"
    )
rows = im2col(x, 3)
print(f"the rows of im2col hold {rows.size / x.size:.2f} times as many numbers as the pictures")

# %%
predict(
    "conv.how-much-faster",
    "64 pictures, 16 filters of 3 by 3. How many times faster than the four loops is im2col with a matrix product?",
    ["about 3 times", "about 30 times", "about 300 times", "about 3,000 times"],
)


# %% tags=["volatile"]
def seconds(f, repeats):
    """The fastest of some runs."""
    found = []
    for _ in range(repeats):
        start = time.perf_counter()
        f()
        found.append(time.perf_counter() - start)
    return min(found)


per_filter = {"loops": seconds(lambda: convolve_by_loops(x[0, 0], weight[0, 0]), 3)}
for name, way in ways.items():
    per_filter[name] = seconds(lambda way=way: way(x, weight), 5) / (len(x) * len(weight))
for name, each in per_filter.items():
    print(f"{name:>22}: {1e6 * each:9.2f} microseconds for one picture and one filter")
gain = per_filter["loops"] / per_filter["im2col, matrix product"]
reveal(
    "conv.how-much-faster",
    f"{gain:,.0f} times",
    int(np.argmin(np.abs(np.log([3, 30, 300, 3000]) - np.log(gain)))),
)

# %% [markdown]
r"""
Nothing was computed differently, only arranged differently. Python's loop pays for every multiplication by itself; the matrix product pays once and then lets the processor work on rows that lie side by side in memory. PyTorch does much the same inside, on a GPU too. Which of the last three lines is the fastest depends on the sizes and on your computer; that all of them leave the loops far behind does not.

## 5. The way back

To train a filter we need $\partial L / \partial w$. Let $G = \partial L / \partial y$ come from above, as in notebook 03. The weight $w_{ocij}$ was used at *every place of every picture*, each time with another pixel. A number that is used many times collects its gradient from all uses (notebook 04's rule of the diamond). So

$$\frac{\partial L}{\partial w_{ocij}} = \sum_{n}\sum_{h}\sum_{w} G_{nohw}\; x_{n,\,c,\,sh+i,\,sw+j}$$

Look at its form: $G$ slides over the picture. The gradient of a convolution is a convolution again. (A layer further down also needs $\partial L / \partial x$: the same products, added up for each pixel instead of each weight. From section 8 on PyTorch does both.)
"""


# %% tags=["exercise"]
@exercise("filters.weight_grad")
def conv2d_weight_grad(x, G, kernel_size, stride=1, padding=0):
    """The derivative of the loss with respect to the filters.

    x : (N, C, H, W), the pictures before padding. G : (N, O, H', W'), the derivative with
    respect to the output. kernel_size : (kh, kw). Returns (O, C, kh, kw).
    """
    ### BEGIN SOLUTION
    (kh, kw), s, p = kernel_size, stride, padding
    x = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
    H, W = G.shape[2:]
    dW = np.empty((G.shape[1], x.shape[1], kh, kw), x.dtype)
    for i in range(kh):
        for j in range(kw):
            rows = slice(i, i + s * (H - 1) + 1, s)
            columns = slice(j, j + s * (W - 1) + 1, s)
            met = x[
                :, :, rows, columns
            ]  # (N, C, H', W'): what weight (i, j) was multiplied with
            dW[:, :, i, j] = np.einsum("nohw,nchw->oc", G, met)
    return dW
    ### END SOLUTION


# %% [markdown]
r"""
Two uses of it. First against PyTorch's autograd. Then a small experiment: somebody filtered 30 pictures with a filter that we do not know, and gives us pictures and answers. Can gradient descent find the nine weights, with nothing but your two functions?
"""

# %%
predict(
    "conv.learn-a-filter",
    "Gradient descent on 30 pictures, starting from zeros, 60 steps. What comes out?",
    [
        "the hidden filter, nearly exactly",
        "another filter with the same answers",
        "a blurred version of it",
        "no filter can be found from pictures",
    ],
)

# %%
x = pictures[100:130, None].astype(float)  # (30, 1, 28, 28)
hidden, no_bias = right_minus_left[None, None], np.zeros(1)
wanted = conv2d(x, hidden, no_bias, padding=1)

tw = torch.zeros(1, 1, 3, 3, dtype=torch.float64, requires_grad=True)
loss = (F.conv2d(torch.tensor(x), tw, padding=1) - torch.tensor(wanted)).square().mean()
loss.backward()
G = 2 * (conv2d(x, np.zeros_like(hidden), no_bias, padding=1) - wanted) / wanted.size
gap = np.abs(conv2d_weight_grad(x, G, (3, 3), padding=1) - tw.grad.numpy()).max()
print(f"your gradient and autograd's: largest difference below 1e-12: {gap < 1e-12}")

found, velocity = np.zeros_like(hidden), 0
for _ in range(60):
    G = 2 * (conv2d(x, found, no_bias, padding=1) - wanted) / wanted.size
    velocity = 0.9 * velocity + conv2d_weight_grad(x, G, (3, 3), padding=1)
    found = found - 0.3 * velocity
print(found[0, 0].round(2))
off = np.abs(found - hidden).max()
reveal(
    "conv.learn-a-filter",
    f"largest error of a weight: {off:.2f}, loss {np.mean((conv2d(x, found, no_bias, padding=1) - wanted) ** 2):.4f}",
    0 if off < 0.1 else 1 if np.mean(G**2) < 1e-9 else 2,
)

# %% [markdown]
r"""
## 6. Pooling, and how far a number can see

A layer need not keep every place. **Max pooling** cuts each channel into windows and keeps the largest number of each: *is the pattern anywhere around here?* It has no weights. Windows of 2 side by side leave a quarter of the numbers, so all later layers cost a quarter.
"""


# %% tags=["exercise"]
@exercise("pooling.max_pool")
def max_pool(x, size, stride=None):
    """The largest number of each window of size by size, channel by channel.

    x : (N, C, H, W). stride : how far the window moves; None means `size`, side by side.
    Returns (N, C, H', W'); what is left over at the far edges is not seen.
    """
    ### BEGIN SOLUTION
    stride = size if stride is None else stride
    H, W = output_size(x.shape[2], size, stride), output_size(x.shape[3], size, stride)
    y = np.empty((*x.shape[:2], H, W), x.dtype)
    for h in range(H):
        for w in range(W):
            window = x[:, :, stride * h : stride * h + size, stride * w : stride * w + size]
            y[:, :, h, w] = window.max(axis=(2, 3))
    return y
    ### END SOLUTION


# %%
edges = np.abs(conv2d(np.array([shirt, boot])[:, None], right_minus_left[None, None], no_bias))
sizes = [edges, max_pool(edges, 2), max_pool(edges, 4)]
tiles = [
    np.kron(one[:, 0], np.ones((k, k)))[:, :24, :24]
    for one, k in zip(sizes, (1, 2, 4), strict=True)
]
plot.show(
    plot.images(
        np.concatenate([np.stack(three) for three in zip(*tiles, strict=True)]),
        [f"{one.shape[2]} by {one.shape[3]}" for one in sizes] * 2,
        columns=3,
        title="Edges, pooled by 2, by 4",
    )
)

# %% [markdown]
r"""
The outline survives; where exactly it ran, within a window, is forgotten.

A number in the second layer looks at 3 by 3 numbers of the first, and each of those at 3 by 3 pixels. So it sees 5 by 5 pixels. The pixels that can change a number at all are its **receptive field**. Strides and pooling make it grow fast: after them, neighbours are several pixels apart.
"""


# %% tags=["exercise"]
@exercise("windows.receptive_field")
def receptive_field(layers):
    """How many pixels, along one axis, one number after the last layer can see.

    layers : a list of (kernel, stride, dilation), from the picture on; a pooling counts as a
    layer. Returns a whole number. No layer at all: 1, the pixel itself.
    """
    ### BEGIN SOLUTION
    field, step = 1, 1  # pixels seen; pixels between two neighbours of this layer
    for kernel, stride, dilation in layers:
        field += dilation * (kernel - 1) * step
        step *= stride
    return field
    ### END SOLUTION


# %%
three_stages = [(3, 1, 1), (2, 2, 1)] * 3  # convolution of 3, pooling by 2; three times
predict(
    "conv.field",
    "Three times: convolution of 3 by 3, then pooling by 2. How many pixels wide is what one number at the end can see?",
    ["7", "10", "22", "all 28"],
)

# %% [markdown]
r"""
The function computes it. The second way is to ask autograd: the derivative of one output number with respect to each pixel is different from zero exactly where the pixel can be seen. While we are at it, *how much* does each pixel count? We take many random networks and add up the squares of the derivatives. (They pool by the mean, so that every pixel of a window counts; the field is the same.)
"""

# %%
width = receptive_field(three_stages)
options = [7, 10, 22, 28]


def sensitivity(layers, size=45, nets=24, seed=0):
    """Mean square of the derivative of the middle output number by each pixel, over random networks."""
    torch.manual_seed(course_seed(seed))
    total = torch.zeros(size, size)
    for _ in range(nets):
        x = torch.randn(1, 1, size, size, requires_grad=True)
        h, channels = x, 1
        for k, stride, _ in layers:
            if k == 2:
                h = F.avg_pool2d(h, 2)  # a layer of 2 by 2 is a pooling here
            else:
                h = F.relu(nn.Conv2d(channels, 8, k, stride=stride, padding=k // 2)(h))
                channels = 8
        middle = h.shape[-1] // 2
        h[0, :, middle, middle].sum().backward()
        total += x.grad[0, 0] ** 2
    return total.numpy() / total.max().item()


def seen_width(map_):
    """Pixels from the first to the last column in which a pixel counts."""
    columns = np.flatnonzero(map_.max(axis=0) > 0)
    return int(columns[-1] - columns[0] + 1)


towers = {f"{n} of 3 by 3": [(3, 1, 1)] * n for n in (1, 4, 10)}
towers["3, each pooled"] = three_stages
maps = {name: sensitivity(layers) for name, layers in towers.items()}
for (name, layers), counts in zip(towers.items(), maps.values(), strict=True):
    inner = np.sort(counts.ravel())[::-1]
    needed = int(np.searchsorted(np.cumsum(inner), 0.9 * inner.sum()) + 1)
    print(
        f"{name:>22}: computed {receptive_field(layers):>2} wide, measured {seen_width(counts):>2}; "
        f"nine tenths of the influence come from {needed / receptive_field(layers) ** 2:.0%} of its pixels"
    )
reveal("conv.field", f"{width} pixels", options.index(width))
plot.show(
    plot.images(
        np.sqrt(np.array(list(maps.values()))),
        list(maps),
        columns=4,
        title="Influence of each pixel on the middle",
    )
)

# %% [markdown]
r"""
The square of possible influence is as wide as computed. The influence itself is not spread evenly: pixels in the middle reach the output on many paths, those at the rim on one. The **effective** receptive field is a blob in the middle (Luo, Li, Urtasun and Zemel, 2016). A field as wide as the picture does not mean that the whole picture is looked at.

## 7. What weight sharing saves

A layer that makes 16 maps of 28 by 28 from one picture of 28 by 28 could be built in three ways: **dense** (every output number has a weight for every pixel), **local** (a window of 3 by 3, but other weights at every place), **convolution** (a window, and the same weights everywhere).
"""

# %%
predict(
    "conv.parameters",
    "The dense layer has about ten million weights. How many has the convolution, biases included?",
    ["160", "about 7,000", "about 125,000", "about 600,000"],
)

# %%
pixels, maps_out, k = 28 * 28, 16, 3
counts = {
    "dense": (pixels + 1) * maps_out * pixels,
    "local": (k * k + 1) * maps_out * pixels,
    "convolution": sum(p.numel() for p in nn.Conv2d(1, maps_out, k, padding=1).parameters()),
}
for name, count in counts.items():
    print(f"{name:>12}: {count:>10,} weights")
multiplications = k * k * maps_out * pixels
print(
    f"multiplications of the convolution: {multiplications:,}, {multiplications // counts['convolution']:,} for each weight"
)
near = [160, 7_000, 125_000, 600_000]
reveal(
    "conv.parameters",
    f"{counts['convolution']:,}",
    int(np.argmin(np.abs(np.log(near) - np.log(counts["convolution"])))),
)

# %% [markdown]
r"""
Far fewer weights than even the local layer, and the convolution works on a picture of any size. But a convolution is not cheap to *compute*: every weight is used at hundreds of places. Few weights, much arithmetic: the opposite of a dense layer.

## 8. Equivariant is not invariant

Shift a picture, and the output of a convolution shifts with it: $\operatorname{conv}(\operatorname{shift}(x)) = \operatorname{shift}(\operatorname{conv}(x))$. That is called **equivariance**, and it is what weight sharing means. **Invariance** is something else: the output does not change at all. A classifier wants invariance in the end (a boot stays a boot), and one reads everywhere that pooling gives it.

First untrained layers. Pictures stand in the middle of a black canvas, so that nothing is lost when they are shifted. For each kind of layer we measure two numbers: does the output *move along* (equivariance error), and does it *stay* (invariance error)? Both are relative to how much the outputs of different pictures differ from each other.
"""

# %%
predict(
    "conv.after-pooling",
    "A picture is shifted right by one pixel. After two convolutions, each followed by max pooling by 2, the output ...",
    [
        "stays exactly the same",
        "is shifted by a quarter of a place, exactly",
        "changes: it neither stays nor moves along exactly",
        "changes completely",
    ],
)

# %%
torch.manual_seed(course_seed(0))
first, second = (nn.Conv2d(c, 16, 3, padding=1, bias=False) for c in (1, 16))
canvas = F.pad(torch.tensor(pictures[:60, None]), (12, 12, 12, 12))  # (60, 1, 52, 52)


def body(x, pool):
    """Two convolutions; after each of them, pooling by `pool`."""
    h = pool(F.relu(first(x)))
    return pool(F.relu(second(h)))


layers = {
    "convolutions only": (lambda x: body(x, lambda h: h), 1),
    "stride in place of pooling": (lambda x: body(x, lambda h: h[:, :, ::2, ::2]), 4),
    "max pooling by 2, twice": (lambda x: body(x, lambda h: F.max_pool2d(h, 2)), 4),
    "mean over all places": (
        lambda x: body(x, lambda h: h).mean(dim=(2, 3), keepdim=True),
        None,
    ),
}
shifts = np.arange(0, 9)
stays, moves = {}, {}
with torch.no_grad():
    for name, (layer, step) in layers.items():
        plain = layer(canvas)
        spread = (plain - plain.mean(dim=0)).norm()  # how much pictures differ from each other
        stays[name], moves[name] = [], []
        for d in shifts:
            shifted = layer(torch.roll(canvas, int(d), dims=3))
            stays[name].append(((shifted - plain).norm() / spread).item())
            if step and d % step == 0:
                gap = (shifted - torch.roll(plain, int(d) // step, dims=3)).norm() / spread
                moves[name].append((int(d), gap.item()))
for name, gaps in moves.items():
    if gaps:
        print(
            f"{name}: moves along with shifts of {', '.join(str(d) for d, _ in gaps)}; largest error below 1e-5: {max(g for _, g in gaps) < 1e-5}"
        )
after_one = {name: values[1] for name, values in stays.items()}
print(
    "changed by a shift of one pixel: "
    + ", ".join(f"{n} {v:.2f}" for n, v in after_one.items())
)
plot.show(
    plot.lines(
        shifts,
        {name: np.array(values) for name, values in stays.items()},
        xlabel="shift (pixels)",
        ylabel="change of the output (spread of pictures = 1)",
        title="Does the output stay when the picture is shifted?",
    )
)
moved = after_one["max pooling by 2, twice"]
reveal(
    "conv.after-pooling",
    f"after a shift of one pixel the pooled output has changed by {moved:.2f} of what pictures differ by",
    0 if moved < 1e-5 else 2 if moved < 0.9 else 3,
)

# %% [markdown]
r"""
Read the printed lines first. Convolutions alone move along with every shift, to the last digit. Layers with pooling or stride move along exactly only when the shift fits their grid (four pixels, after two of them); in between they do something else. And now the curves: **no curve is flat except the last**. For a shift of a pixel or two, pooling makes the output change less than a stride does; it does not make it stay. What stays is the mean over *all* places, which has forgotten where everything was.

Perhaps a *trained* network makes more of it. The pictures are halved in size here and stand on a canvas of 20 by 20, so that they can be shifted by 3 pixels (6 of the original) without losing anything. Three networks of three convolutions, and one of them a second time, trained on pictures that were shifted at random. All are tested on pictures that stand 0, 1, 2, 3 pixels right of the middle.

The training loop is that of notebook 08, written out once. `channels_last` stores the channels of a pixel side by side: the same numbers, and faster convolutions.
"""


# %%
def fit(build, x, y, *, epochs, lr, seed=0, batch=128, augment=None):
    """Train a new network by AdamW with a one-cycle rate; returns it, ready to predict."""
    torch.manual_seed(course_seed(seed))
    rng = torch.Generator().manual_seed(course_seed(seed))
    net = build().to(memory_format=torch.channels_last)
    total = epochs * (len(x) // batch)
    optimizer = torch.optim.AdamW(net.parameters(), lr=lr, weight_decay=0.02, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total, pct_start=0.25)
    for _ in range(epochs):
        order = torch.randperm(len(x), generator=rng)
        for rows in order[: len(x) // batch * batch].split(batch):
            inputs = x[rows] if augment is None else augment(x[rows], rng)
            loss = F.cross_entropy(net(inputs), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return net.eval()


@torch.no_grad()
def classes(net, x):
    """The predicted class of each picture."""
    return torch.cat([net(part).argmax(dim=1) for part in x.split(1000)])


def share_right(net, x, y):
    return (classes(net, x) == y).float().mean().item()


def unit(block, *more):
    """Batch norm and ReLU after a convolution, and what else there is to do in between."""
    return [block, *more, nn.BatchNorm2d(block.out_channels), nn.ReLU()]


y_all, y_test = torch.tensor(fashion.y_train), torch.tensor(fashion.y_test)
x_all = torch.tensor(pictures, dtype=torch.float32)[:, None]  # (60000, 1, 28, 28)
x_test = torch.tensor(datasets.to_float(fashion.x_test), dtype=torch.float32).reshape(
    -1, 1, 28, 28
)
centre, scale = x_all.mean(), x_all.std()


def on_canvas(x):
    """Half the size, on a black canvas of 20 by 20."""
    return (F.pad(F.avg_pool2d(x, 2), (3, 3, 3, 3)) - centre) / scale


def conv(inputs, outputs, stride=1, k=3):
    """A convolution that keeps the size, but for its stride; batch norm follows, so no bias."""
    return nn.Conv2d(inputs, outputs, k, stride=stride, padding=k // 2, bias=False)


def strided():
    layers = unit(conv(1, 8)) + unit(conv(8, 16, 2)) + unit(conv(16, 16, 2))
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(400, 10))


def pooled():
    layers = (
        unit(conv(1, 8))
        + unit(conv(8, 16), nn.MaxPool2d(2))
        + unit(conv(16, 16), nn.MaxPool2d(2))
    )
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(400, 10))


def mean_at_the_end():
    layers = (
        unit(conv(1, 8))
        + unit(conv(8, 16), nn.MaxPool2d(2))
        + unit(conv(16, 32), nn.MaxPool2d(2))
    )
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10))


def shifted(x, rng, most=3):
    """Each eighth of the batch is shifted its own way, by up to `most` pixels."""
    moves = torch.randint(-most, most + 1, (8, 2), generator=rng).tolist()
    return torch.cat(
        [
            torch.roll(part, move, dims=(2, 3))
            for part, move in zip(x.chunk(8), moves, strict=True)
        ]
    )


# %%
predict(
    "conv.trained-shift",
    "Trained on pictures in the middle, tested on pictures 3 pixels to the right. What is left of the accuracy of the network with max pooling?",
    [
        "nearly all of it",
        "most of it: up to a quarter is lost",
        "much less: more than a quarter is lost",
        "nothing: it answers at random",
    ],
)

# %%
contestants = {
    "stride, no pooling": (strided, None),
    "max pooling": (pooled, None),
    "max pooling, mean at the end": (mean_at_the_end, None),
    "max pooling, trained on shifts": (pooled, shifted),
}
small, small_test = on_canvas(x_all[:2500]), on_canvas(x_test[:2000])
offsets, shift_seeds = range(4), 2
by_shift, same_answer = {}, {}
for name, (build, augment) in contestants.items():
    by_shift[name], same_answer[name] = [], []
    for seed in range(shift_seeds):
        net = fit(
            build, small, y_all[:2500], epochs=3, lr=6e-3, seed=seed, batch=64, augment=augment
        )
        answers = [classes(net, torch.roll(small_test, d, dims=3)) for d in offsets]
        by_shift[name].append([(a == y_test[:2000]).float().mean().item() for a in answers])
        same_answer[name].append([(a == answers[0]).float().mean().item() for a in answers])
    by_shift[name], same_answer[name] = np.array(by_shift[name]), np.array(same_answer[name])
    print(
        f"{name:>30}: accuracy "
        + ", ".join(f"{a:.1%}" for a in by_shift[name].mean(axis=0))
        + f" at shifts 0 to 3; same answer after 1 pixel: {same_answer[name].mean(axis=0)[1]:.1%}"
    )

# %%
ax = plot.lines(
    list(offsets),
    {name: 100 * runs for name, runs in by_shift.items()},
    xlabel="shift of the test pictures (pixels of 14)",
    ylabel="test accuracy (%)",
    title="Trained in the middle, tested off the middle (2 seeds)",
)
ax.set_xticks(list(offsets))
plot.show(ax)
kept = {name: runs.mean(axis=0) for name, runs in by_shift.items()}
left = kept["max pooling"][3] / kept["max pooling"][0]
reveal(
    "conv.trained-shift",
    f"{kept['max pooling'][0]:.1%} in the middle, {kept['max pooling'][3]:.1%} 3 pixels off: {left:.0%} of it is left",
    0 if left > 0.96 else 1 if left > 0.75 else 2 if kept["max pooling"][3] > 0.13 else 3,
)
gain_of_pooling = kept["max pooling"][1] - kept["stride, no pooling"][1]
loss_pooled = kept["max pooling"][0] - kept["max pooling"][3]
loss_taught = (
    kept["max pooling, trained on shifts"][0] - kept["max pooling, trained on shifts"][3]
)
claim("pooling-translation-invariance").judge(
    gain_of_pooling > 0.03 and loss_pooled > 0.2 and loss_taught < 0.07,
    evidence=f"shift by 1 pixel: with pooling {100 * gain_of_pooling:.1f} points more right than with stride; shift by 3: the network with pooling loses {100 * loss_pooled:.1f} points, trained on shifts {100 * loss_taught:.1f} ({shift_seeds} seeds)",
)

# %% [markdown]
r"""
Pooling softens a shift by one pixel, as one would expect of windows of two. It does not make the network invariant: at three pixels a large part of the accuracy is lost, because the dense layer at the end still asks *where* on the map something was found. Two things do help: to take the mean over all places before the last layer, and to show shifted pictures in training. Each pays for it in the middle, where all test pictures of Fashion-MNIST happen to stand: in this short training you can read off the figure how much.

So: convolution gives equivariance (but for the grid of strides), pooling gives a little tolerance, and invariance comes from the mean at the end or from the data.

## 9. LeNet, and what it knows beforehand

The network with which convolution became famous read the numbers on cheques (LeCun, Bottou, Bengio and Haffner, 1998): convolution of 5 by 5, pooling, convolution of 5 by 5, pooling, three dense layers. It stands in `coursekit.models.cnn`; use `cnn.LeNet??` to read it.
"""

# %%
lenet = cnn.LeNet()
x = torch.zeros(1, 1, 28, 28)
for layer in [*lenet.features, *lenet.classifier]:
    x = layer(x)
    weights = sum(p.numel() for p in layer.parameters())
    print(
        f"{type(layer).__name__:>10}: {tuple(x.shape[1:])!s:>13}"
        + (f", {weights:>6,} weights" if weights else "")
    )
print(
    f"together {sum(p.numel() for p in lenet.parameters()):,} weights, {sum(p.numel() for p in lenet.classifier.parameters()) / sum(p.numel() for p in lenet.parameters()):.0%} of them in the dense layers; a number of the last pooling sees {receptive_field([(5, 1, 1), (2, 2, 1)] * 2)} pixels"
)

# %% [markdown]
r"""
Nearly all weights are in the dense layers. We set LeNet beside a plain network with one hidden layer and *as many weights*. Both get batch norm (1998 did not know it), the same pictures, the same number of epochs and the same rate.

And there is a control. Draw one order of the 784 pixels by lot, and rearrange *all* pictures, for training and for testing, in that order. Not a single number is lost. A person sees only noise. What do the two networks see?
"""

# %%
order = torch.tensor(course_rng(3).permutation(784))


def rearranged(x):
    """The same pixels, in an order drawn by lot."""
    return x.flatten(1)[:, order].reshape(x.shape)


samples = torch.stack(
    [x_all[0, 0], rearranged(x_all[:1])[0, 0], x_all[3, 0], rearranged(x_all[3:4])[0, 0]]
)
plot.show(
    plot.images(
        samples.numpy(),
        ["picture", "rearranged"] * 2,
        columns=4,
        title="The same pixels, rearranged by lot",
    )
)
predict(
    "conv.shuffle",
    "All pictures are rearranged in the same way. LeNet and the dense network of equal size are trained anew. What happens to their accuracies?",
    [
        "both stay as they were",
        "both fall to chance",
        "the dense network stays, LeNet falls to it or below",
        "LeNet stays, the dense network falls",
    ],
)


# %%
def lenet_with_norm():
    return nn.Sequential(
        *unit(nn.Conv2d(1, 6, 5, padding=2, bias=False), nn.MaxPool2d(2)),  # (N, 6, 14, 14)
        *unit(nn.Conv2d(6, 16, 5, bias=False), nn.MaxPool2d(2)),  # (N, 16, 5, 5)
        *(
            nn.Flatten(),
            nn.Linear(400, 120),
            nn.ReLU(),
            nn.Linear(120, 84),
            nn.ReLU(),
            nn.Linear(84, 10),
        ),
    )


def dense(hidden):
    """A function that builds a network with one hidden layer."""
    return lambda: nn.Sequential(
        *(
            nn.Flatten(),
            nn.Linear(784, hidden, bias=False),
            nn.BatchNorm1d(hidden),
            nn.ReLU(),
            nn.Linear(hidden, 10),
        )
    )


def size(net):
    return sum(p.numel() for p in net.parameters())


x_all, x_test = (x_all - centre) / scale, (x_test - centre) / scale
few, few_labels = x_all[:16000], y_all[:16000]
builders = {"LeNet": lenet_with_norm, "dense": dense(78)}
arrangements = {"as they are": lambda x: x, "rearranged": rearranged}
contest = {}
for net_name, build in builders.items():
    for how, arrange in arrangements.items():
        nets = [
            fit(build, arrange(few), few_labels, epochs=2, lr=1.2e-2, seed=seed)
            for seed in range(2)
        ]
        contest[net_name, how] = np.array(
            [share_right(net, arrange(x_test[:5000]), y_test[:5000]) for net in nets]
        )
        print(
            f"{net_name:>6} ({size(nets[0]):,} weights), pixels {how:>11}: {mean_and_spread(contest[net_name, how], percent=True)}"
        )

# %%
means = {key: runs.mean() for key, runs in contest.items()}
lead = means["LeNet", "as they are"] - means["dense", "as they are"]
lead_rearranged = means["LeNet", "rearranged"] - means["dense", "rearranged"]
dense_moved = abs(means["dense", "rearranged"] - means["dense", "as they are"])
falls = means["LeNet", "as they are"] - means["LeNet", "rearranged"]
reveal(
    "conv.shuffle",
    f"dense network: {means['dense', 'as they are']:.1%} and {means['dense', 'rearranged']:.1%}; LeNet: {means['LeNet', 'as they are']:.1%} and {means['LeNet', 'rearranged']:.1%}",
    2
    if dense_moved < 0.01 and falls > 0.015
    else 0
    if falls <= 0.015
    else 1
    if max(means.values()) < 0.3
    else 3,
)
plot.show(
    plot.intervals(
        {
            f"{net}, {how}": tuple(100 * np.array([runs.mean(), runs.min(), runs.max()]))
            for (net, how), runs in contest.items()
        },
        xlabel="test accuracy (%), with the range of 2 seeds",
        ylabel="network, pixels",
        kinds={f"{net}, {how}": net for net, how in contest},
        title="About 62,000 weights each, 16,000 pictures",
    )
)
claim("cnn-needs-neighbours").judge(
    lead - lead_rearranged > 0.008 and lead_rearranged < 0.5 * lead and dense_moved < 0.01,
    evidence=f"LeNet's lead of {100 * lead:+.1f} points becomes {100 * lead_rearranged:+.1f} when the pixels are rearranged; the dense network moves by {100 * dense_moved:.1f} points",
)

# %% [markdown]
r"""
For the dense network the two data sets are the same: rearranging the pixels only renames its weights. LeNet lives on the order of the pixels. Take it away, and what was an advantage is a handicap: a window of 5 by 5 over unrelated pixels. **A network is not better in itself. It is better if what it takes for granted is true of the data**: its inductive bias (notebook 07).
"""

# %% [markdown]
r"""
## 10. As well as half a minute allows

Now all 60,000 pictures and the official test set of 10,000, with a small network: three times convolution, pooling, batch norm, ReLU, with 16, 32 and 64 channels, and one dense layer.

One detail is worth a line. Usually ReLU comes before pooling. But it makes no difference whether negative numbers become 0 before the largest is taken or after: ReLU and max pooling can be exchanged. If pooling comes first, ReLU and batch norm have a quarter of the numbers to work on. (Batch norm and pooling cannot be exchanged exactly: the norm then sees other numbers. It learns as well.)

Beside it stand a dense network of as many weights, logistic regression, and support vectors on HOG. The support vectors learn from 8,000 pictures only, since their time grows much faster than the number of pictures: keep that in mind.

`EPOCHS` is the budget: more make it a little better. The cell prints how long it took.
"""

# %%
EPOCHS = 3


def three_stages_of(width=16):
    """A function that builds it: three times convolution, pooling, batch norm, ReLU; then ten scores."""

    def build():
        layers, channels = [], 1
        for outputs in (width, 2 * width, 4 * width):
            layers += unit(conv(channels, outputs), nn.MaxPool2d(2))
            channels = outputs
        return nn.Sequential(*layers, nn.Flatten(), nn.Linear(9 * channels, 10))

    return build


x = torch.randn(2, 3, 8, 8)
exchanged = torch.equal(F.relu(F.max_pool2d(x, 2)), F.max_pool2d(F.relu(x), 2))
print(
    f"ReLU and max pooling can be exchanged: {exchanged}; {size(three_stages_of()()):,} weights"
)
predict(
    "conv.contest",
    "Test accuracy on all of Fashion-MNIST. Support vectors on HOG were ahead of convolutions in notebook 07, with 2,500 pictures. And now?",
    [
        "convolutions lead everything measured here",
        "support vectors on HOG still lead",
        "the dense network of equal size leads",
        "all three within half a point",
    ],
)

# %% tags=["volatile"]
start = time.perf_counter()
best = fit(three_stages_of(16), x_all, y_all, epochs=EPOCHS, lr=1e-2, batch=256)
print(
    f"{EPOCHS} epochs in {time.perf_counter() - start:.0f} s on {torch.get_num_threads()} thread(s)"
)

# %%
reached = {"convolutions": share_right(best, x_test, y_test)}
dense_twin = fit(dense(36), x_all, y_all, epochs=EPOCHS, lr=1e-2, batch=256)
reached["dense, as many weights"] = share_right(dense_twin, x_test, y_test)
logistic = fit(
    lambda: nn.Sequential(nn.Flatten(), nn.Linear(784, 10)),
    x_all,
    y_all,
    epochs=EPOCHS,
    lr=3e-3,
    batch=256,
)
reached["logistic regression"] = share_right(logistic, x_test, y_test)
rows = course_rng(4).permutation(60000)[:8000]
vectors = make_pipeline(
    PCA(80, svd_solver="randomized", random_state=course_seed(0)), SVC(C=10)
)
vectors.fit(hog.hog(fashion.x_train[rows]), fashion.y_train[rows])
tested = course_rng(5).permutation(10000)[:4000]
right = vectors.predict(hog.hog(fashion.x_test[tested])) == fashion.y_test[tested]
reached["support v. on HOG, 8,000 pictures"] = right.mean()
for name, value in reached.items():
    print(f"{name:>34}: {value:.2%}")
print(
    f"weights: convolutions {size(best):,}, dense {size(dense_twin):,}, logistic regression {size(logistic):,}"
)
print(
    f"support vectors were tested on {len(tested):,} of the 10,000 test pictures, to save time"
)

# %%
order_of = sorted(reached, key=lambda name: -reached[name])
reveal(
    "conv.contest",
    ", ".join(f"{name} {reached[name]:.1%}" for name in order_of),
    0
    if order_of[0] == "convolutions" and reached["convolutions"] - reached[order_of[1]] > 0.005
    else 1
    if order_of[0].startswith("support")
    else 2
    if order_of[0].startswith("dense")
    else 3,
)
lead_at_full_size = reached["convolutions"] - reached["dense, as many weights"]
claim("cnn-beats-mlp-on-images").judge(
    lead > 0.003 and lead_at_full_size > 0.025,
    evidence=f"LeNet with 16,000 pictures leads a dense network of as many weights by {100 * lead:.1f} points (2 seeds); with all 60,000 convolutions lead by {100 * lead_at_full_size:.1f} ({size(best):,} and {size(dense_twin):,} weights, 1 seed)",
)

# %%
published = {  # from the list in the data set's repository, github.com/zalandoresearch/fashion-mnist
    "HOG + support vectors": 92.6,
    "2 convolutions + batch norm": 93.4,
    "ResNet18": 94.9,
    "WRN-28-10 with random erasing": 96.3,
    "people, untrained, from a crowd": 83.5,
}
print("published (the data set's own list, not measured here):")
for name, percent in published.items():
    print(f"{name:>36}: {percent} %")

# %% [markdown]
r"""
The published figures are quoted, not measured: other people's networks, longer trainings, all pictures (WRN is a wide residual network; random erasing is an augmentation that blots out a patch of each picture). Two are worth a thought. Support vectors on HOG, with all 60,000 pictures to learn from, stand *above* what three epochs of our small network give: the lead in the table above is a lead over 8,000 pictures. And the people of the list, who had not been trained, are at about the level of logistic regression: at 28 by 28 pixels a shirt and a coat are hard to tell apart.

## 11. Depth, and the way around

If depth is good, why not forty layers? Until 2015 deeper networks became *worse*, and not by overfitting: already the training loss was higher (He, Zhang, Ren and Sun, 2016). That is odd. The deeper network could copy the shallow one and let the extra layers do nothing. But "do nothing" must be learned: a convolution with random weights is far from the identity.

The **residual block** turns it round. Two convolutions compute a *change*, and the input goes around them and is added:

$$y = \operatorname{relu}\bigl(x + \text{change}(x)\bigr)$$

Weights near zero now mean "do nothing", and the gradient has a way back that passes no weights. Where the block changes the shape (stride, channels), the way around is a convolution of 1 by 1 with batch norm.
"""


# %% tags=["exercise"]
@exercise("residual.block")
class ResidualBlock(nn.Module):
    """relu(x + change(x)); change: conv 3x3, batch norm, ReLU, conv 3x3, batch norm.

    Only the first convolution has the stride. No biases (batch norm follows). Way around: the
    input itself where the shape stays, else a convolution of 1 by 1 with the stride, and batch
    norm.
    """

    def __init__(self, in_channels, out_channels, stride=1):
        ### BEGIN SOLUTION
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.shortcut = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            around = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)
            self.shortcut = nn.Sequential(around, nn.BatchNorm2d(out_channels))
        ### END SOLUTION

    def forward(self, x):
        ### BEGIN SOLUTION
        h = torch.relu(self.bn1(self.conv1(x)))
        h = self.bn2(self.conv2(h))
        return torch.relu(h + self.shortcut(x))
        ### END SOLUTION


# %% [markdown]
r"""
Towers of 4, 14 and 34 layers, all of the same width, on pictures of half the size: once from your blocks, once from the same layers without the way around (`residual=False` in `coursekit.models.cnn`). The same steps, the same rates, two seeds.
"""

# %%
predict(
    "residual.depth",
    "After the same number of steps, the training loss of the *plain* tower (no way around) with 34 layers, compared with the plain tower of 4 layers, is ...",
    ["lower", "about the same", "higher"],
)


# %%
def tower(depth, residual, width=12):
    """A function that builds a network of so many layers."""

    def plain(inputs, outputs):
        return cnn.ResidualBlock(inputs, outputs, residual=False)

    block = ResidualBlock if residual else plain
    return lambda: nn.Sequential(
        *unit(conv(1, width, stride=2)),  # (N, 12, 7, 7)
        *[block(width, width) for _ in range((depth - 2) // 2)],
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 10)),
    )


def losses_of(build, x, y, steps, lr, seed, batch=48):
    """The loss of every step, and the size of the first layer's gradient at the start."""
    torch.manual_seed(course_seed(seed))
    rng = torch.Generator().manual_seed(course_seed(seed))
    net, found, at_start = build(), [], None
    optimizer = torch.optim.AdamW(net.parameters(), lr=lr, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, steps, pct_start=0.25)
    for _ in range(steps):
        rows = torch.randint(len(x), (batch,), generator=rng)
        loss = F.cross_entropy(net(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        at_start = at_start or net[0].weight.grad.norm().item()
        optimizer.step()
        schedule.step()
        found.append(loss.item())
    return found, at_start


depths, depth_seeds = (4, 14, 34), 2
half = F.avg_pool2d(x_all[:20000], 2)  # (20000, 1, 14, 14)
final = {"plain": [], "residual": []}
start_gradient = {"plain": [], "residual": []}
for kind in final:
    for depth in depths:
        runs = [
            losses_of(tower(depth, kind == "residual"), half, y_all[:20000], 80, 3e-3, seed)
            for seed in range(depth_seeds)
        ]
        final[kind].append([np.mean(found[-20:]) for found, _ in runs])
        start_gradient[kind].append(np.mean([gradient for _, gradient in runs]))
        print(
            f"{kind:>8}, {depth:>2} layers: training loss {mean_and_spread(final[kind][-1], decimals=2)}; first layer's gradient at the start {start_gradient[kind][-1]:.2g}"
        )
final = {kind: np.array(values).T for kind, values in final.items()}  # (seeds, depths)

# %%
plot.show(
    plot.lines(
        depths,
        final,
        xlabel="layers",
        ylabel="training loss of the last 20 steps (nats)",
        title="Depth with and without the way around, 80 steps, 2 seeds",
        reference={"guessing: log 10": np.log(10)},
    )
)
plain, residual = (final[kind].mean(axis=0) for kind in ("plain", "residual"))
reveal(
    "residual.depth",
    ", ".join(f"{d} layers: {p:.2f}" for d, p in zip(depths, plain, strict=True)),
    0 if plain[-1] < plain[0] - 0.1 else 2 if plain[-1] > plain[0] + 0.1 else 1,
)
claim("residuals-let-depth-train").judge(
    plain[-1] - residual[-1] > 0.4
    and residual[-1] < residual[0]
    and plain[-1] > plain.min() + 0.1,
    evidence=f"training loss with 4, 14, 34 layers: plain {', '.join(f'{v:.2f}' for v in plain)}; residual {', '.join(f'{v:.2f}' for v in residual)} (mean of {depth_seeds} seeds)",
)

# %% [markdown]
r"""
The same layers, the same number of weights, one addition a block. Without it the tower of 34 layers ends with a higher loss than the shallowest one, although it could represent everything that the shallow one can. It is not a matter of what a network *can represent* but of what gradient descent *finds*. The last number of each printed line hints at why: in the plain tower the first layer's gradient at the start grows many times over with depth, in the residual one hardly. There a small change of the first filters shakes everything behind them, and one direction downhill says little about the next step.

A residual network for real use has stages: each halves the picture and doubles the channels. `cnn.ResNet` is built that way. And it is trained with **augmentation**: every picture is mirrored or shifted by a pixel or two at random, as if there were more of them. On a clothing picture both are true: a mirrored boot is a boot. Here with few pictures, so that it fits into seconds.
"""

# %%
predict(
    "residual.augmentation",
    "A residual network learns 500 pictures for 16 epochs, with and without mirrored and shifted pictures. In this short training, augmentation ...",
    [
        "raises the test accuracy by a point or more",
        "changes it by less than a point",
        "lowers it by a point or more",
    ],
)


# %%
def mirrored_and_shifted(x, rng):
    """Half of the pictures are mirrored; each eighth of the batch is shifted by up to 2 pixels."""
    mirror = torch.rand(len(x), 1, 1, 1, generator=rng) < 0.5
    return shifted(torch.where(mirror, x.flip(3), x), rng, most=2)


def small_resnet():
    return cnn.ResNet(blocks=(1, 1), widths=(16, 32), stem_stride=2)


little, little_labels = x_all[:500], y_all[:500]
augmented = {}
for name, augment in (("as they are", None), ("mirrored and shifted", mirrored_and_shifted)):
    net = fit(
        small_resnet, little, little_labels, epochs=16, lr=1e-2, batch=64, augment=augment
    )
    augmented[name] = share_right(net, x_test[:3000], y_test[:3000])
    print(
        f"{size(net):,} weights, 500 pictures {name:>20}: training {share_right(net, little, little_labels):.1%}, test {augmented[name]:.1%}"
    )
gain = augmented["mirrored and shifted"] - augmented["as they are"]
reveal(
    "residual.augmentation",
    f"{100 * gain:+.1f} points (1 seed)",
    0 if gain >= 0.01 else 2 if gain <= -0.01 else 1,
)

# %% [markdown]
r"""
Compare the two columns of each line. With augmentation the gap between training and test is much smaller, since the network cannot learn by heart what it never sees twice. But a small gap is not the goal, a high test accuracy is; and a harder task takes longer to learn. Try more epochs before you believe either.

With an accelerator the same network can be larger and learn longer, with the same augmentation. The next cell shows a run that was recorded at full size, if there is one.
"""

# %% tags=["gpu"]
print(device.recorded("resnet"))

# %% [markdown]
r"""
## 12. What is inside

Three questions to the network of section 10, and to twins of it that were *never trained*: what do the filters of the first layer look like, which directions do they prefer, and what can be read from each layer? The twins matter. A measurement on a trained network says nothing about training until an untrained one is beside it.

First look.
"""

# %%
boot_in = x_all[torch.tensor(np.flatnonzero(fashion.y_train == 9)[:1])]  # (1, 1, 28, 28)


def stages(net, x):
    """The output of every ReLU: what the stages of a network hand on."""
    found = []
    with torch.no_grad():
        for layer in net:
            x = layer(x)
            if isinstance(layer, nn.ReLU):
                found.append(x)
    return found


def twin(seed):
    """The same network untrained; only its batch norms have seen pictures."""
    torch.manual_seed(course_seed(seed))
    net = three_stages_of(16)()
    with torch.no_grad():
        for part in x_all[:5000].split(500):
            net(part)
    return net.eval()


twins = [twin(10 + k) for k in range(3)]
plot.show(
    plot.images(
        np.kron(best[0].weight.detach()[:, 0].numpy(), np.ones((8, 8))),
        columns=8,
        title="The 16 filters of 3 by 3 of the first layer, after training",
    )
)
chosen_maps = []
for stage in stages(best, boot_in):
    strongest = stage[0].mean(dim=(1, 2)).argsort(descending=True)[:6]
    repeat = 28 // stage.shape[-1]
    grown = np.kron(stage[0][strongest].numpy(), np.ones((repeat, repeat)))
    grown = np.pad(grown, ((0, 0), (0, 28 - grown.shape[1]), (0, 28 - grown.shape[2])))
    chosen_maps.append(grown / grown.max())
plot.show(
    plot.images(
        np.concatenate(chosen_maps),
        [
            f"{s}: {stage.shape[-1]} by {stage.shape[-1]}"
            for s, stage in enumerate(stages(best, boot_in), 1)
            for _ in range(6)
        ],
        columns=6,
        title="A boot, seen by the six strongest channels of each stage",
    )
)

# %% [markdown]
r"""
In the first stage one recognises the boot, with this or that edge stressed. In the last, 3 by 3 numbers are left of each channel, and no person can say what they mean.

Now measure. A **grating** is a pattern of stripes. How strongly a filter answers to stripes in the direction $\theta$, at the best position, is the size of a Fourier coefficient, $A(\theta) = |\sum_{ij} w_{ij}\, e^{2\pi i f (j\cos\theta + i\sin\theta)}|$ with $f$ stripes a pixel. **Orientation selectivity** sums that up, as physiologists do for cells of the visual cortex: 0 if all directions are alike, 1 if only one direction is answered.

$$\text{selectivity} = \frac{\left|\sum_\theta A(\theta)^2 e^{2i\theta}\right|}{\sum_\theta A(\theta)^2}$$

And **what can be read** from a stage: a linear readout (ridge regression on the class, as simple as it gets) learns from 1,500 pictures as that stage sees them, and is tested on 2,000 others. It has the same number of pictures everywhere, so what changes is only the stage.
"""

# %%
predict(
    "conv.random-filters",
    "Orientation selectivity of the first layer's filters: trained, and in networks that were never trained.",
    [
        "trained far above untrained: edges are learned",
        "about the same",
        "untrained far above trained",
    ],
)
predict(
    "conv.readout",
    "How does what can be read change with depth, in the trained network and in the untrained?",
    [
        "it rises in both",
        "it rises in the trained one, it does not in the untrained",
        "it falls in the trained one: details are lost",
    ],
)


# %%
def selectivity(filters, directions=12, frequencies=(0.1, 0.15, 0.2, 0.25)):
    """Of each filter (k, k): how much it prefers one direction of stripes, at its best frequency."""
    k = filters.shape[-1]
    at = np.arange(k) - (k - 1) / 2
    theta = np.pi * np.arange(directions) / directions
    i, j = np.meshgrid(at, at, indexing="ij")
    along = j[..., None] * np.cos(theta) + i[..., None] * np.sin(theta)  # (k, k, directions)
    power = [
        np.abs(np.einsum("oij,ijt->ot", filters, np.exp(2j * np.pi * f * along))) ** 2
        for f in frequencies
    ]
    power = np.array(power)  # (frequencies, O, directions)
    best_frequency = power.mean(axis=2).argmax(axis=0)
    power = power[best_frequency, np.arange(len(filters))]  # (O, directions)
    return np.abs((power * np.exp(2j * theta)).sum(axis=1)) / power.sum(axis=1)


known = {
    "right - left": right_minus_left,
    "below - above": below_minus_above,
    "mean of nine": mean_of_nine,
}
for name, filter_ in known.items():
    print(f"{name:>16}: selectivity {selectivity(filter_[None])[0]:.2f}")
of_trained = np.median(selectivity(best[0].weight.detach()[:, 0].numpy()))
of_random = [np.median(selectivity(net[0].weight.detach()[:, 0].numpy())) for net in twins]
reveal(
    "conv.random-filters",
    f"median of 16 filters: trained {of_trained:.2f}, untrained {', '.join(f'{v:.2f}' for v in of_random)}",
    0
    if of_trained > 1.6 * np.mean(of_random)
    else 2
    if of_trained < np.mean(of_random) / 1.6
    else 1,
)


# %%
def readout(features, labels, features_new, labels_new):
    """The accuracy of a linear readout: ridge regression on the class, one number of ridge for all."""
    middle, width = features.mean(dim=0), features.std(dim=0) + 1e-3
    a, b = (features - middle) / width, (features_new - middle) / width
    gram = a @ a.T / a.shape[1]
    answers = torch.linalg.solve(gram + 0.05 * torch.eye(len(a)), F.one_hot(labels, 10).float())
    return ((b @ a.T / a.shape[1]) @ answers).argmax(dim=1).eq(labels_new).float().mean().item()


probe, probe_labels = x_all[:1500], y_all[:1500]
probed, probed_labels = x_test[:2000], y_test[:2000]


def by_stage(net):
    """What can be read from the pixels and from each stage."""
    learn = [probe, *stages(net, probe)]
    new = [probed, *stages(net, probed)]
    return [
        readout(a.flatten(1), probe_labels, b.flatten(1), probed_labels)
        for a, b in zip(learn, new, strict=True)
    ]


readable = {
    "trained": np.array([by_stage(best)]),
    "untrained, 3 networks": np.array([by_stage(net) for net in twins]),
}
ax = plot.lines(
    range(4),
    {name: 100 * runs for name, runs in readable.items()},
    xlabel="stage",
    ylabel="accuracy of a linear readout (%)",
    title="What can be read from each stage with 1,500 pictures",
)
ax.set_xticks(range(4), ["pixels", "1", "2", "3"])
plot.show(ax)
trained, untrained = (runs.mean(axis=0) for runs in readable.values())
rises = trained[3] - trained[0], untrained[3] - untrained[0]
reveal(
    "conv.readout",
    f"trained {', '.join(f'{v:.1%}' for v in trained)}; untrained {', '.join(f'{v:.1%}' for v in untrained)}",
    2 if rises[0] < 0 else 0 if rises[1] > 0.02 else 1,
)
first_gain, last_gain = trained[1] - untrained[1], trained[3] - untrained[3]
claim("early-layers-find-edges").judge(
    0.1 < of_trained < 1.6 * np.mean(of_random)
    and first_gain < 0.5 * last_gain
    and last_gain > 0.03,
    evidence=f"median selectivity of the first filters {of_trained:.2f} after training, {np.mean(of_random):.2f} before (3 networks); training adds {100 * first_gain:.1f} points to what can be read from the first stage, {100 * last_gain:.1f} to the last",
)

# %% [markdown]
r"""
The famous pictures of first-layer filters are real: after training, filters do answer to edges in one direction or another. But 3 by 3 random numbers do so almost as much, simply because nine numbers are rarely the same in all directions. And what can be read from the first stage hardly grows by training. (With larger filters and far more pictures the difference is larger: Krizhevsky's filters were 11 by 11 and saw a million of them.) What training makes is in the depth: with each stage the classes come apart more, until a linear readout suffices. In the untrained network they do not.

## When it breaks

Four mistakes that do not raise an error, or raise the wrong one.

**`view` where `permute` is meant.** Pictures from a file are often $(N, H, W, C)$. Both calls give the shape that the layer wants; only one of them gives pictures.
"""

# %%
colour = torch.tensor(np.stack([boot, boot.T, 1 - boot], axis=-1), dtype=torch.float32)[
    None
]  # (1, 28, 28, 3)
right_way, wrong_way = colour.permute(0, 3, 1, 2), colour.reshape(1, 3, 28, 28)
print(
    f"the same shape: {right_way.shape == wrong_way.shape}; the same numbers: {torch.equal(right_way, wrong_way)}"
)
plot.show(
    plot.images(
        np.stack([right_way[0, 0].numpy(), wrong_way[0, 0].numpy()]),
        ["permute", "reshape"],
        columns=2,
        title="First channel",
    )
)

# %% [markdown]
r"""
*How to see it:* look at what goes into the network, not at its shape. No error will tell you: as with the rearranged pixels of section 9, the network still learns something.

**Still in training mode.** Batch norm in training mode uses the statistics of the batch that it is given. So the answer to one picture depends on which other pictures are in the batch, and a batch with one class only is normalised until it looks like all of them.
"""

# %%
predict(
    "conv.train-mode",
    "The network of section 10 is left in training mode and gets test pictures sorted by class, 100 at a time. Its accuracy ...",
    ["stays the same", "falls by a point or two", "falls by more than ten points"],
)

# %%
by_class = torch.argsort(y_test[:5000], stable=True)
sorted_pictures, sorted_labels = x_test[:5000][by_class], y_test[:5000][by_class]
kept_state = {name: value.clone() for name, value in best.state_dict().items()}
with torch.no_grad():
    best.train()
    forgot = (
        torch.cat([best(part).argmax(dim=1) for part in sorted_pictures.split(100)])
        .eq(sorted_labels)
        .float()
        .mean()
        .item()
    )
best.load_state_dict(kept_state)
best.eval()
usual = share_right(best, sorted_pictures, sorted_labels)
reveal(
    "conv.train-mode",
    f"evaluation mode {usual:.1%}, training mode {forgot:.1%}",
    2 if usual - forgot > 0.1 else 1 if usual - forgot > 0.005 else 0,
)

# %% [markdown]
r"""
*How to see it:* predict one picture alone and in a batch; in evaluation mode both answers are the same. (And the running statistics were changed by looking: that is why the cell puts the state back.)

**The size of the picture is baked into the dense layer.** Convolutions take any size, the dense layer after `Flatten` does not.
"""

# %%
try:
    best(torch.zeros(1, 1, 32, 32))
except RuntimeError as error:
    print(f"RuntimeError: {error}")
print(
    f"a network that ends with the mean over places takes it: {tuple(small_resnet().eval()(torch.zeros(1, 1, 32, 32)).shape)}"
)

# %% [markdown]
r"""
*How to see it:* the message speaks of a product of matrices, far from the cause. Print the shape after each layer, as section 9 does.

**An augmentation that is not true.** A mirrored boot is a boot. A mirrored letter is another letter; an upside-down boot is not in the test set. *How to see it:* draw a batch as the network gets it, and try to name the classes yourself.

## Explain it back

**Q1.** A convolution of 3 by 3 with padding 1 and stride 2 looks at a picture of 15 by 15. How large is the output?

<details><summary>A. 7 by 7</summary>

**No.** With the padding there are 17 pixels; the window can be pushed on 14 pixels, 7 steps of 2, and it also stands where it begins.

</details>
<details><summary>B. 8 by 8</summary>

**Right.** $\lfloor (15 + 2 - 3) / 2 \rfloor + 1 = 8$.

</details>
<details><summary>C. 15 by 15</summary>

**No.** That would be stride 1.

</details>

**Q2.** Why is the gradient of a filter a *sum* over all places?

<details><summary>A. Because the loss is a mean over the pictures.</summary>

**No.** That explains a factor of 1/N inside G, not the sum over places.

</details>
<details><summary>B. Because the same weight was used at each place, and a number that is used many times collects its gradient from all uses.</summary>

**Right.** It is the rule of the diamond in the graph, from notebook 04.

</details>
<details><summary>C. To make the gradient larger.</summary>

**No.** The learning rate is there for that. The sum is what the chain rule says.

</details>

**Q3.** A colleague says: "our network has max pooling, so it does not matter where the object is." What do you answer?

<details><summary>A. Right, that is what pooling is for.</summary>

**No.** Measured above: with three pixels of shift a large part of the accuracy was gone.

</details>
<details><summary>B. It needs average pooling instead.</summary>

**No.** In windows of two by two it has the same limit. What helps is the mean over *all* places, or shifted pictures in training.

</details>
<details><summary>C. Pooling tolerates a shift of about its window. Measure it: shift the test pictures.</summary>

**Right.** A single line of code, and it is seldom run.

</details>

**Q4.** A plain network with 34 layers had a higher *training* loss than one with fewer. Why is that not overfitting?

<details><summary>A. Overfitting means a low training loss and a high test loss. Here training itself fails.</summary>

**Right.** The deep network could represent everything the shallow one can; gradient descent does not find it.

</details>
<details><summary>B. It is overfitting: it has more weights.</summary>

**No.** More weights that overfit would give a *lower* training loss.

</details>
<details><summary>C. Because batch norm was missing.</summary>

**No.** Batch norm was in both.

</details>

**Q5.** (From notebook 06.) You want to tune the learning rate of both networks of section 9. On which pictures do you choose?

<details><summary>A. On the test set, since that is what is reported.</summary>

**No.** Then the reported accuracy is too good: the test set has chosen.

</details>
<details><summary>B. On validation pictures that are kept back from training, and with as many trials for each of the two.</summary>

**Right.** And report how many trials each had.

</details>
<details><summary>C. On the training pictures.</summary>

**No.** There the rate that learns by heart best would win.

</details>

**Q6.** (From notebook 07.) In section 10 convolutions with 60,000 pictures lead over support vectors on HOG with 8,000. What follows?

<details><summary>A. Learned features are better than hand-made ones.</summary>

**No.** The two did not learn from the same pictures. With all 60,000 the published figure for HOG is above ours.

</details>
<details><summary>B. What a small network reaches in this time, and nothing about which is better with the same pictures.</summary>

**Right.** Rule 1 of notebook 07: the same rows for everybody. Here the budget was time, and the page says so.

</details>
<details><summary>C. HOG becomes worse with more pictures.</summary>

**No.** It becomes better with them, as nearly every method does.

</details>

## Go further

**A project.** Raise `EPOCHS` and the width, put `mirrored_and_shifted` in, and see how far Fashion-MNIST goes on your computer in five minutes. Before each run write down what you expect. Then make the network *invariant* where it should be: end it with the mean over all places, train it on shifts, and measure section 8's curve again. How many points in the middle does it cost now that training is longer? Azulay and Weiss blur before each stride; try that too.

**Sources.**
K. Fukushima (1980), *Neocognitron*.
Y. LeCun, L. Bottou, Y. Bengio and P. Haffner (1998), *Gradient-based learning applied to document recognition*.
K. Chellapilla, S. Puri and P. Simard (2006), *High performance convolutional neural networks for document processing*: im2col.
A. Krizhevsky, I. Sutskever and G. Hinton (2012), *ImageNet classification with deep convolutional neural networks*.
M. Zeiler and R. Fergus (2014), *Visualizing and understanding convolutional networks*.
S. Ioffe and C. Szegedy (2015), *Batch normalization*.
K. He, X. Zhang, S. Ren and J. Sun (2016), *Deep residual learning for image recognition*.
V. Dumoulin and F. Visin (2016), *A guide to convolution arithmetic for deep learning*.
W. Luo, Y. Li, R. Urtasun and R. Zemel (2016), *Understanding the effective receptive field in deep convolutional neural networks*.
G. Alain and Y. Bengio (2017), *Understanding intermediate layers using linear classifier probes*.
H. Xiao, K. Rasul and R. Vollgraf (2017), *Fashion-MNIST*, with a list of what methods reach.
A. Azulay and Y. Weiss (2019), *Why do deep convolutional networks generalize so poorly to small image transformations?*
"""
