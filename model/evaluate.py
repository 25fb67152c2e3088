"""Measures a bundle on labelled texts that it was not trained on: `python -m model.evaluate`.

For a Parquet file that fits into memory; `pipeline.score --gold_column` measures any corpus.
"""

import hashlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from model.arguments import Parser
from model.bundle import Bundle, BundleError, load_bundle, record_metrics
from model.measures import measure

BATCH_SIZE = 256


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    flags = Parser(prog="model.evaluate", description=__doc__)
    flags.add_argument("--model", required=True, help="the bundle")
    flags.add_argument("--input", required=True, help="Parquet file with texts and labels")
    flags.add_argument("--label_column", required=True, help="the column with the true label")
    flags.add_argument("--record", metavar="NAME", help="write it into bundle.json under this name")
    options = flags.parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        bundle = load_bundle(options.model)
        metrics = evaluate(bundle, options.input, options.label_column)
    except (BundleError, OSError, ValueError) as error:
        print(f"model.evaluate: error: {error}", file=sys.stderr)
        return 2
    if options.record:
        record_metrics(bundle, {options.record: metrics})
    recalls = ", ".join(f"{label} {recall:.3f}" for label, recall in metrics["recall"].items())
    print(f"accuracy {metrics['accuracy']:.4f} on {metrics['rows']} rows; recall: {recalls}")
    return 0


def evaluate(bundle: Bundle, file: str, label_column: str) -> dict[str, Any]:
    """Labels a file's texts and compares.

    Args:
        bundle: What to measure.
        file: A Parquet file with the bundle's text columns.
        label_column: Its column with the true label.

    Returns:
        What `model.measures.measure` says, and the file's `data` (name) and `sha256`.

    Raises:
        ValueError: There is no such file, a column is missing, or a row has another label than
            the bundle's.
    """
    if not Path(file).is_file():
        raise ValueError(f"{file}: there is no such file")
    table = pq.read_table(file)
    missing = [
        name for name in (*bundle.text_columns, label_column) if name not in table.schema.names
    ]
    if missing:
        raise ValueError(
            f"{file} has no column {missing[0]}, it has {', '.join(table.schema.names)}"
        )
    gold = pc.index_in(table[label_column].cast(pa.string()), pa.array(bundle.labels))
    if gold.null_count or not len(gold):
        raise ValueError(f"{file} has rows whose {label_column} is none of the bundle's labels")
    columns = [table[name].cast(pa.string()) for name in bundle.text_columns]
    texts = pc.binary_join_element_wise(*columns, " ", null_handling="replace", null_replacement="")
    probabilities = predict(bundle, texts)
    return {
        **measure(probabilities, gold.to_numpy(), bundle.labels),
        "data": Path(file).name,
        "sha256": hashlib.sha256(Path(file).read_bytes()).hexdigest(),
    }


def predict(bundle: Bundle, texts: pa.ChunkedArray) -> np.ndarray:
    """The probabilities of texts, float32 [rows, labels], by TensorFlow in float32."""
    import tensorflow as tf

    from model.tokenizer import Tokenizer

    rows = Tokenizer(bundle.transform_dir)(texts)[0].to_pylist()
    saved_model = tf.saved_model.load(bundle.saved_model_dir)
    probabilities = np.empty((len(rows), len(bundle.labels)), np.float32)
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    for start in range(0, len(order), BATCH_SIZE):
        chosen = order[start : start + BATCH_SIZE]
        padded = tf.ragged.constant([rows[i] for i in chosen], tf.int32).to_tensor()
        probabilities[chosen] = saved_model.serve(padded)
    return probabilities


if __name__ == "__main__":
    sys.exit(main())
