"""Measures a bundle on labelled texts that it was not trained on: `python -m model.evaluate`.

For a Parquet file that fits into memory; `pipeline.score --gold_column` measures any corpus.
"""

import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from model.bundle.load import Bundle, load_bundle
from model.bundle.save import record_metrics
from model.commands import run_command
from model.console.arguments import Parser, program
from model.console.terminal import say
from model.engines.choose import choose_engine
from model.engines.labelled import Labeller, read_labelled
from model.training.measures import measure


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    flags = Parser(prog=program("model.evaluate"), description=__doc__)
    flags.add_argument("--model", required=True, help="the bundle")
    flags.add_argument("--input", required=True, help="Parquet file with texts and labels")
    flags.add_argument("--label_column", required=True, help="the column with the true label")
    flags.add_argument("--record", metavar="NAME", help="keep it in the bundle under this name")
    options = flags.parse_args(arguments)

    def command() -> None:
        bundle = load_bundle(options.model)
        metrics = evaluate(bundle, options.input, options.label_column)
        if options.record:
            record_metrics(bundle, {options.record: metrics})
        recalls = ", ".join(f"{label} {recall:.3f}" for label, recall in metrics["recall"].items())
        say(
            f"accuracy {metrics['accuracy']:.4f} on {metrics['rows']} rows; recall: {recalls}; "
            f"expected calibration error {metrics['calibration_error']:.4f}"
        )

    return run_command("model.evaluate", command)


def evaluate(bundle: Bundle, file: str, label_column: str) -> dict[str, Any]:
    """Labels a file's texts and compares.

    Args:
        bundle: What to measure.
        file: A Parquet file with the bundle's text columns.
        label_column: Its column with the true label.

    Returns:
        What `model.training.measures.measure` says, and the file's `data` (name) and `sha256`.

    Raises:
        ValueError: There is no such file, a column is missing, or a row has another label than
            the bundle's.
    """
    texts, gold = read_labelled(bundle, file, label_column)
    # The same on every machine: what is recorded is the bundle's and not a processor's.
    choice = choose_engine(bundle.model["kind"], "tensorflow", on_gpu=False)
    probabilities = Labeller(bundle, choice)(texts)
    return {
        **measure(probabilities, gold, bundle.labels),
        "data": Path(file).name,
        "sha256": hashlib.sha256(Path(file).read_bytes()).hexdigest(),
    }


if __name__ == "__main__":
    sys.exit(main())
