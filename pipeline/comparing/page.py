"""Two runs side by side, on a terminal and as a page in the report's style."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from model.console.text_table import text_table
from pipeline.reporting.humanize import count, percent, plural
from pipeline.reporting.page import MOST_ROWS, render

SHOWN = 10  # lines of a table on the terminal
MOST_MAPPED = 30  # labels in a heat map
WIDTH = 60


def facts(compared: dict[str, Any], runs: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What page and terminal say, by the names that the template uses.

    Args:
        compared: what `pipeline.comparing.comparison.compare` found.
        runs: the manifests of the runs, under `left` and `right`.
    """
    confusion = compared["confusion"]
    labels = {side: list(runs[side]["bundle"]["labels"]) for side in ("left", "right")}
    changes = sorted(
        (
            {"left": one, "right": other, "rows": rows}
            for one, row in confusion.items()
            for other, rows in row.items()
            if one != other
        ),
        key=lambda change: (-change["rows"], change["left"], change["right"]),
    )
    by_label = []
    for label in dict.fromkeys([*labels["left"], *labels["right"]]):
        left = sum(confusion.get(label, {}).values())
        right = sum(row.get(label, 0) for row in confusion.values())
        both = confusion.get(label, {}).get(label, 0)
        by_label.append({"label": label, "left": left, "right": right, "both": both})
    return {
        **compared,
        "runs": runs,
        "share": compared["agree"] / compared["labelled"] if compared["labelled"] else None,
        "by_label": by_label,
        "changes": changes,
        "labels": labels,
        "most": MOST_ROWS,
    }


def page(values: dict[str, Any]) -> str:
    """The page, in HTML that needs nothing from outside.

    Args:
        values: what `facts` gives.
    """
    from pipeline.reporting.charts import heat_map

    left, right = values["labels"]["left"], values["labels"]["right"]
    figure = None
    if max(len(left), len(right)) <= MOST_MAPPED and values["labelled"]:
        cells = np.array([[values["confusion"].get(a, {}).get(b, 0) for b in right] for a in left])
        axes = ("label in the left run", "label in the right run")
        figure = heat_map(left, right, cells, "confusion", axes)
    return render("compare.html.j2", {**values, "figure": figure})


def as_lines(values: dict[str, Any]) -> Iterator[str]:
    """The same for a terminal."""
    for side in ("left", "right"):
        run = values["runs"][side]
        yield f"{side}: {run['bundle']['name']}, finished {run['finished']}"
    share = "" if values["share"] is None else f" ({percent(values['share'])})"
    yield (
        f"{plural(values['rows'], 'row')} in both, {count(values['labelled'])} labelled by both: "
        f"{count(values['agree'])}{share} have the same label"
    )
    if values["left_only"] or values["right_only"]:
        yield (
            f"labelled on the left only: {count(values['left_only'])}, on the right only: "
            f"{count(values['right_only'])}"
        )
    for side in ("left", "right"):
        if alone := values[f"{side}_inputs"]:
            more = f" and {len(alone) - 1:,} more" if len(alone) > 1 else ""
            yield f"not compared, since only the {side} run has such an input: {alone[0]}{more}"
    yield ""
    yield from text_table(
        ("label", "left", "right", "both"),
        [
            (row["label"], *(count(row[name]) for name in ("left", "right", "both")))
            for row in values["by_label"]
        ],
        ("left", "right", "both"),
    )
    if values["changes"]:
        yield ""
        yield from text_table(
            ("left", "right", "rows"),
            [(c["left"], c["right"], count(c["rows"])) for c in values["changes"][:SHOWN]],
            ("rows",),
        )
        yield ""
        yield "surest of those that differ:"
        yield from text_table(
            ("left", "right", "row"), [_line(one) for one in values["examples"][:SHOWN]]
        )


def _line(example: dict[str, Any]) -> tuple[str, str, str]:
    said = [f"{example[s]['label']} {example[s]['score']:.3f}" for s in ("left", "right")]
    shown = " ".join(" ".join(value.split()) for value in example["carried"].values())
    text = f"{example['id']} {shown}".strip()
    return said[0], said[1], text if len(text) <= WIDTH else text[: WIDTH - 1] + "…"
