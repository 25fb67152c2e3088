"""Helps to choose a cascade's threshold: `python -m model.cascade --model small --then large`.

A cascade (`pipeline.score --then --confidence`) labels every text with a small bundle, and those
of which it is less sure than the threshold with a large one. Both label a file of labelled texts
here, as `pipeline.score` would, and the table says what each threshold gives. Use a file that
neither was trained on, and another one to measure what was chosen.
"""

import sys
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from model.bundle.load import Bundle, load_bundle
from model.commands import run_command
from model.console.arguments import Parser, program
from model.console.terminal import say
from model.console.text_table import text_table
from model.engines.cascade_rules import check_pair, is_unsure, model_names, other_columns
from model.engines.choose import choose_engine
from model.engines.cost import WARM_UP
from model.engines.labelled import Labeller, read_labelled

THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.92, 0.94, 0.95, 0.97, 0.98, 0.99, 0.995, 0.999)
HEADER = ("confidence", "passed on", "accuracy", "cost")
COST = (
    "cost: this machine's seconds for the file by the cascade over those by {then} alone, loading",
    "left out: all of {model}'s, and of {then}'s the share that the passed on rows are of all.",
)


class Measured(NamedTuple):
    """What one bundle made of the texts.

    Attributes:
        name: what it is called.
        probabilities: float32 [rows, labels].
        seconds: how long tokenizing and running the network took.
    """

    name: str
    probabilities: np.ndarray
    seconds: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    flags = Parser(prog=program("model.cascade"), description=__doc__)
    flags.add_argument("--model", required=True, help="the small bundle, which sees every text")
    flags.add_argument("--then", required=True, help="the large bundle, for unsure texts")
    flags.add_argument("--input", required=True, help="Parquet file with texts and labels")
    flags.add_argument("--label_column", required=True, help="the column with the true label")
    options = flags.parse_args(arguments)

    def command() -> None:
        small, large = load_bundle(options.model), load_bundle(options.then)
        order = check_pair(small, large)
        if small.text_columns != large.text_columns:
            raise ValueError(other_columns(small, large))
        texts, gold = read_labelled(small, options.input, options.label_column)
        names = model_names(small, large)
        first, then = (
            label(bundle, texts)._replace(name=name)
            for bundle, name in zip((small, large), names, strict=True)
        )
        then = then._replace(probabilities=then.probabilities[:, order])
        for line in as_lines(first, then, gold):
            say(line)

    return run_command("model.cascade", command)


def label(bundle: Bundle, texts: pa.Array) -> Measured:
    """Labels texts with the engine that `pipeline.score` would take, and takes the time."""
    labeller = Labeller(bundle, choose_engine(bundle.model["kind"]))
    labeller(texts[:WARM_UP])
    started = time.perf_counter()
    probabilities = labeller(texts)
    return Measured(bundle.name, probabilities, time.perf_counter() - started)


def compare(small: Measured, large: Measured, gold: np.ndarray) -> list[dict[str, Any]]:
    """What each threshold gives.

    Args:
        small: of the small bundle.
        large: of the large one, with its labels in the small one's order.
        gold: int [rows], indexes of the true labels.

    Returns:
        For each of `THRESHOLDS` the `confidence`, `passed_on` (share of the rows), `accuracy` and
        `cost` (see `COST`).
    """
    score = small.probabilities.max(axis=1)
    right = [one.probabilities.argmax(axis=1) == gold for one in (small, large)]
    rows = []
    for confidence in THRESHOLDS:
        passed = is_unsure(score, confidence)
        share = float(passed.mean())
        rows.append(
            {
                "confidence": confidence,
                "passed_on": share,
                "accuracy": float(np.where(passed, right[1], right[0]).mean()),
                "cost": small.seconds / large.seconds + share,
            }
        )
    return rows


def as_lines(small: Measured, large: Measured, gold: np.ndarray) -> list[str]:
    """The two bundles alone, and the table of `compare`."""
    lines = [f"{len(gold):,} texts"]
    width = max(len(small.name), len(large.name))
    for one in (small, large):
        accuracy = (one.probabilities.argmax(axis=1) == gold).mean()
        lines.append(
            f"{one.name:{width}}  alone: accuracy {accuracy:.4f}, "
            f"cost {one.seconds / large.seconds:.3f} ({len(gold) / one.seconds:,.0f} a second)"
        )
    rows, before = [], -1.0
    for row in compare(small, large, gold):
        if row["passed_on"] != before:  # else it passes on the very rows of the one above
            cells = f"{row['passed_on']:.2%}", f"{row['accuracy']:.4f}", f"{row['cost']:.3f}"
            rows.append([str(row["confidence"]), *cells])
        before = row["passed_on"]
    table = text_table(HEADER, rows, right=HEADER[1:])
    notes = [line.format(model=small.name, then=large.name) for line in COST]
    return [*lines, "", *table, "", *notes]


if __name__ == "__main__":
    sys.exit(main())
