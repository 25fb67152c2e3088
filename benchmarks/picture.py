"""The picture of the table: every row that has a bar, as a share of it."""

import statistics
from pathlib import Path

from benchmarks.rows import Row
from benchmarks.sessions import Session, latest

PASSES, FAILS = "#2b6a4d", "#b5532a"


def draw(rows: list[Row], sessions: list[Session], file: Path) -> bool:
    """Draws the rows that have a bar and figures; the length of a bar is figure over bar.

    Args:
        rows: of the table.
        sessions: what was measured.
        file: an SVG or PNG to write.

    Returns:
        Whether there was anything to draw.
    """
    found = [(row, latest(row, sessions)) for row in rows if row.bar is not None]
    shown = [(row, one[1]) for row, one in found if one is not None]
    if not shown:
        return False
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "newsbeam"  # the same figures give the same file
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(10, 0.42 * len(shown) + 1.3))
    for place, (row, figures) in enumerate(shown):
        median = statistics.median(figures)
        length = row.over_bar(median) or 0.0
        ends = sorted(row.over_bar(one) or 0.0 for one in (min(figures), max(figures)))
        color = PASSES if row.passes(median) else FAILS
        axes.barh(place, length, color=color, height=0.62)
        axes.plot(ends, [place, place], color="#222222", linewidth=1.2)
        way = "at most" if row.at_most else "at least"
        unit = f" {row.unit}" if row.unit else ""
        said = f"{median:.3g}{unit}  ({way} {row.bar:g})"
        place_of_text = max(length, ends[1]) + 0.03
        ground = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
        axes.text(place_of_text, place, said, va="center", fontsize=8.5, bbox=ground)
    axes.axvline(1, color="#222222", linewidth=1, linestyle="--", zorder=1.5)
    axes.set_yticks(range(len(shown)), [row.what for row, _ in shown], fontsize=8.5)
    axes.invert_yaxis()
    longest = max(row.over_bar(one) or 0.0 for row, many in shown for one in many)
    axes.set_xlim(0, longest * 1.3 + 0.2)
    axes.set_xlabel("how far beyond its bar (dashed: just passes; line: range over the rounds)")
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, metadata={"Date": None} if file.suffix == ".svg" else None)
    plt.close(figure)
    return True
