"""A figure is for everybody: labelled axes, colours that stay apart, and words that say what it shows."""

import base64
import html
import io
import math
import weakref

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from coursekit.errors import CourseError

__all__ = [
    "COLORS",
    "DIVERGING",
    "MARKERS",
    "SEQUENTIAL",
    "Picture",
    "alt_text",
    "axes_or_new",
    "describe",
    "logarithmic",
    "show",
]

# Okabe and Ito (2008): stay apart under the common colour-vision deficiencies.
COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#000000", "#F0E442")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), "-", "--")
SEQUENTIAL = "cividis"
DIVERGING = "PuOr"

STYLE = {
    "axes.prop_cycle": mpl.cycler(color=COLORS, linestyle=LINES),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.grid": True,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "figure.dpi": 96,
    "figure.facecolor": "white",
    "figure.figsize": (6.4, 3.8),
    "figure.constrained_layout.use": True,
    "font.size": 10.5,
    "grid.alpha": 0.25,
    "image.cmap": SEQUENTIAL,
    "legend.frameon": False,
    "savefig.facecolor": "white",
}
mpl.rcParams.update(STYLE)

_ALT: weakref.WeakKeyDictionary[Axes, str] = weakref.WeakKeyDictionary()


class Picture:
    """A finished figure as a notebook shows it: a picture, and in the same breath the words for it.

    Only HTML carries alternative text through every front end, so the picture goes out as ``<img alt=...>`` too.
    """

    def __init__(self, png: bytes, alt: str, width: int):
        self.png, self.alt, self.width = png, alt, width

    def __repr__(self) -> str:
        return f"[figure: {self.alt}]"

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        data = base64.b64encode(self.png).decode()
        image = f'<img alt="{html.escape(self.alt)}" width="{self.width}" src="data:image/png;base64,{data}">'
        style = "margin:.5em 0;padding:0;background:white;display:inline-block;max-width:100%"
        return {
            "text/html": f'<figure style="{style}">{image}</figure>',
            "image/png": data,
            "text/plain": repr(self),
        }


def axes_or_new(ax: Axes | None, **subplots) -> Axes:
    """The given axes, or those of a new figure."""
    return plt.subplots(**subplots)[1] if ax is None else ax


def logarithmic(ax: Axes, axis: str) -> None:
    """Make an axis logarithmic, with ticks that can be read on a short range as well as on a long one."""
    getattr(ax, f"set_{axis}scale")("log")
    low, high = sorted(getattr(ax, f"get_{axis}lim")())
    decades = math.log10(high / low)
    which = getattr(ax, f"{axis}axis")
    which.set_major_locator(LogLocator(subs=(1, 2, 5) if decades < 2.5 else (1,)))
    if 1e-3 <= low and high <= 2e6:
        which.set_major_formatter(StrMethodFormatter("{x:,.6g}"))
    which.set_minor_formatter(NullFormatter())


def describe(ax: Axes, text: str) -> Axes:
    """Attach to axes the words that say what they show; :func:`show` puts them together."""
    _ALT[ax] = " ".join(text.split())
    return ax


def alt_text(figure: Figure) -> str:
    """What the axes of a figure say about themselves, in reading order."""
    return " ".join(_ALT[ax] for ax in figure.axes if ax in _ALT)


def show(figure: Figure | Axes, alt: str | None = None) -> None:
    """Show a finished figure with its alternative text, and close it.

    Parameters
    ----------
    figure : Figure or Axes
    alt : str, optional
        What the figure shows. Plot functions of the course bring it themselves, made from the data.

    Raises
    ------
    CourseError
        If there are no such words, an axes holds nothing, or an axis that is drawn has no label.
    """
    figure = _figure_of(figure)
    if not isinstance(alt, str | None):
        raise CourseError(f"alt: expected a text, got a {type(alt).__name__}. Say what the figure shows.")
    words = " ".join((alt or alt_text(figure)).split())
    if len(words) < 20:
        raise CourseError(f"alt: expected a sentence that says what the figure shows, got {words!r}. Pass alt=...")
    _expect_complete(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    width = round(figure.get_figwidth() * figure.dpi)
    plt.close(figure)
    picture = Picture(buffer.getvalue(), words, width)
    from IPython import get_ipython

    if get_ipython() is None:
        print(picture)
        return
    from IPython.display import display

    display(picture)


def _figure_of(thing: Figure | Axes) -> Figure:
    """The figure that is meant, whether it was given itself or by one of its axes."""
    if isinstance(thing, Figure):
        return thing
    if isinstance(thing, Axes):
        return thing.get_figure()
    kind = type(thing).__name__
    raise CourseError(f"figure: expected a figure or axes, got a {kind}. Pass what plt.subplots gives first.")


def _expect_complete(figure: Figure) -> None:
    """There are axes, each holds something that can be seen, and every axis that is drawn says what it measures."""
    if not figure.axes:
        raise CourseError("figure: expected axes, got none. Plot into it before you show it.")
    for number, ax in enumerate(figure.axes, 1):
        if not _shows_something(ax):
            raise CourseError(f"axes {number}: expected something drawn, got nothing. Remove it, or plot into it.")
        if not ax.axison or ax.get_label() == "<colorbar>":
            continue
        for axis in "xy":
            drawn = getattr(ax, f"{axis}axis").get_visible() and len(getattr(ax, f"get_{axis}ticks")()) > 0
            label = getattr(ax, f"get_{axis}label")().strip()
            if drawn and not label and not _label_shared(ax, axis):
                raise CourseError(
                    f"axes {number}: expected a label with its unit on the {axis} axis, got none. Set it."
                )


def _shows_something(ax: Axes) -> bool:
    """Whether axes hold a picture, a patch, a text, or a point with finite coordinates."""
    if ax.images or ax.patches or ax.tables or any(text.get_text().strip() for text in ax.texts):
        return True
    lines = [np.isfinite(np.asarray(line.get_xydata(), float)).all(axis=1).any() for line in ax.lines]
    points = [np.isfinite(np.asarray(c.get_offsets(), float)).all(axis=1).any() for c in ax.collections]
    return any(lines) or any(points) or any(c.get_paths() and c.get_array() is not None for c in ax.collections)


def _label_shared(ax: Axes, axis: str) -> bool:
    """Whether this axis hides its own numbers because another axes of the figure carries numbers and label for it."""
    hides = not any(label.get_visible() and label.get_text() for label in getattr(ax, f"get_{axis}ticklabels")())
    siblings = getattr(ax, f"get_shared_{axis}_axes")().get_siblings(ax)
    return hides and any(getattr(other, f"get_{axis}label")().strip() for other in siblings if other is not ax)
