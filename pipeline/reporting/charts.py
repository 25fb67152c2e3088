"""The report's figures, drawn with Matplotlib."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import EngFormatter, MaxNLocator, PercentFormatter, StrMethodFormatter

from pipeline.reporting.svg import ACCENT, MUTED, SECOND, as_svg, shortened

MOST_BARS = 30


def bars(counts: dict[str, int], name: str) -> str:
    """Horizontal bars with each one's count and share, the first at the top."""
    names, values = list(counts)[:MOST_BARS], list(counts.values())[:MOST_BARS]
    total = sum(counts.values()) or 1

    def draw(axes: Axes) -> None:
        drawn = axes.barh(range(len(names)), values, color=ACCENT)
        axes.set_yticks(range(len(names)), [shortened(text) for text in names])
        axes.invert_yaxis()
        axes.bar_label(drawn, [f"{value / total:.1%}" for value in values], padding=4)
        axes.set_xlim(0, max(values, default=1) * 1.2 or 1)
        axes.set_xlabel("rows")
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        few = max(values, default=0) < 100_000
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}") if few else EngFormatter())
        axes.grid(axis="x")

    return as_svg(draw, name, height=0.9 + 0.32 * max(len(names), 1))


def histogram(
    counts: Sequence[int],
    ticks: dict[float, str],
    name: str,
    x_label: str,
    other: Sequence[float] | None = None,
    other_label: str = "",
) -> str:
    """Bars side by side, as shares of all; and as steps the shares of another corpus.

    Args:
        counts: rows by bin.
        ticks: where on the axis, in bins, stands what.
        name: distinguishes this figure's elements from those of others in the page.
        x_label: what the bins are of.
        other: the other corpus' rows by bin.
        other_label: what it is.
    """
    shares = np.asarray(counts, float) / max(sum(counts), 1)

    def draw(axes: Axes) -> None:
        axes.bar(np.arange(len(counts)) + 0.5, shares, 0.92, color=ACCENT, label="this run")
        if other is not None and np.any(other):
            steps = np.asarray(other, float) / np.sum(other)
            axes.stairs(steps, np.arange(len(steps) + 1), color=SECOND, lw=1.6, label=other_label)
            axes.legend(frameon=False, fontsize=9, loc="best")
        axes.set_xticks(list(ticks), list(ticks.values()))
        axes.set_xlim(0, len(counts))
        axes.set_xlabel(x_label)
        axes.set_ylabel("share of the rows")
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.grid(axis="y")

    return as_svg(draw, name, height=2.7)


def heat_map(
    rows: Sequence[str],
    columns: Sequence[str],
    cells: np.ndarray,
    name: str,
    axis_labels: tuple[str, str] = ("true label", "label that the model gave"),
) -> str:
    """Shares of each row as shades, with counts in them.

    Args:
        rows: names of the rows, which are labels.
        columns: names of the columns.
        cells: counts, int [rows, columns].
        name: distinguishes this figure's elements from those of others in the page.
        axis_labels: what rows and columns are.
    """
    shares = cells / np.maximum(cells.sum(axis=1, keepdims=True), 1)
    has_room = len(columns) <= 8

    def draw(axes: Axes) -> None:
        for (row, column), share in np.ndenumerate(shares):
            axes.add_patch(Rectangle((column, row), 1, 1, facecolor=ACCENT, alpha=0.75 * share))
            if has_room and cells[row, column]:
                text = EngFormatter(places=0 if cells[row, column] < 1000 else 1, sep="")
                axes.text(
                    column + 0.5, row + 0.5, text(int(cells[row, column])), ha="center", va="center"
                )
        axes.set_xlim(0, len(columns))
        axes.set_ylim(len(rows), 0)
        axes.set_xticks(
            np.arange(len(columns)) + 0.5,
            [shortened(text, 14) for text in columns],
            rotation=40,
            ha="right",
            rotation_mode="anchor",
        )
        axes.set_yticks(np.arange(len(rows)) + 0.5, [shortened(text) for text in rows])
        axes.tick_params(length=0)
        axes.set_xlabel(axis_labels[1])
        axes.set_ylabel(axis_labels[0])

    return as_svg(draw, name, height=1.6 + 0.42 * max(len(rows), 2))


def reliability(
    scores: Sequence[float], accuracy: Sequence[float], rows: Sequence[int], name: str
) -> str:
    """Accuracy over confidence and the line where they are equal; larger dots are more rows."""

    def draw(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=MUTED, ls="--", lw=1, label="as sure as right")
        sizes = 8 + 160 * np.asarray(rows) / max(rows, default=1)
        axes.scatter(scores, accuracy, sizes, color=ACCENT, label="this run", zorder=3)
        axes.set_xlabel("confidence")
        axes.set_ylabel("share of right labels")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.set_xlim(0, 1.03)
        axes.set_ylim(0, 1.03)
        axes.grid()
        axes.legend(frameon=False, fontsize=9, loc="lower right")

    return as_svg(draw, name, height=3.2)


def over_time(
    times: Sequence[str], values: dict[str, Sequence[float | None]], name: str, y_label: str
) -> str:
    """Lines over runs, which stand side by side however long lies between them.

    Args:
        times: when each run was.
        values: by what a line is called; None where a run has no value.
        name: distinguishes this figure's elements from those of others in the page.
        y_label: what the values are.
    """
    styles = ("-", "--", ":", "-.")

    def draw(axes: Axes) -> None:
        for number, (label, line) in enumerate(values.items()):
            axes.plot(
                [np.nan if value is None else value for value in line],
                color=(ACCENT, SECOND)[number % 2],
                ls=styles[number // 2 % 4],
                marker="o",
                ms=3,
                label=shortened(label),
            )
        shown = sorted({0, len(times) - 1} if len(times) > 1 else {0})
        axes.set_xticks(shown, [times[number] for number in shown])
        most = max((value or 0 for line in values.values() for value in line), default=0)
        axes.set_ylim(0, most * 1.1 or 1)
        axes.set_ylabel(y_label)
        if "share" in y_label:
            axes.yaxis.set_major_formatter(PercentFormatter(1))
        elif most >= 10_000:
            axes.yaxis.set_major_formatter(EngFormatter())
        axes.grid(axis="y")
        if len(values) > 1:
            axes.legend(
                frameon=False, fontsize=9, loc="upper center", ncols=2, bbox_to_anchor=(0.5, -0.12)
            )

    return as_svg(draw, name, height=2.4 + 0.12 * (len(values) if len(values) > 1 else 0))
