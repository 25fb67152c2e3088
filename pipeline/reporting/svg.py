"""A Matplotlib figure as SVG to stand in a page.

Colours are names of the page's style sheet, so that figures follow it into the dark; text stays
text, in the page's font. A figure is about as wide as a telephone, where it is read without
zooming.
"""

import io
import logging
import re
from collections.abc import Callable
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Stand-ins, each replaced by a property of the style sheet.
INK, MUTED, ACCENT, SECOND, GRID = "#010101", "#020202", "#030303", "#040404", "#050505"
PROPERTIES = {INK: "ink", MUTED: "muted", ACCENT: "accent", SECOND: "second", GRID: "grid"}
WIDTH = 4.6  # inches
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "newsbeam",
    "text.parse_math": False,  # a label may hold a dollar sign
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": GRID,
}

logging.getLogger("matplotlib").setLevel(logging.ERROR)  # fonts that it misses, we don't use


def shortened(text: str, most: int = 22) -> str:
    """A name that fits beside a bar, without what is no printable character."""
    text = "".join(sign if sign.isprintable() else " " for sign in text)
    return text if len(text) <= most else text[: most - 1] + "…"


def as_svg(draw: Callable[[Axes], None], name: str, height: float) -> str:
    """A figure of one diagram.

    Args:
        draw: draws on the axes it is given, in the colours above.
        name: distinguishes this figure's elements from those of others in the page.
        height: in inches.
    """
    with rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        draw(figure.add_subplot())
        stream = io.StringIO()
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    return _for_page(stream.getvalue(), name)


def _for_page(svg: str, name: str) -> str:
    """Cuts the SVG out of its file, and fits ids and colours to the page."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", svg, flags=re.S)
    svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", svg)
    box = re.search(r'viewBox="[^"]*"', svg)
    assert box is not None
    svg = re.sub("<svg [^>]*>", f'<svg {box[0]} aria-hidden="true">', svg, count=1)
    for colour, variable in PROPERTIES.items():
        svg = svg.replace(colour, f"var(--{variable})")
    return svg
