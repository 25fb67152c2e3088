"""Labelled texts of a Parquet file, and a bundle's answers to them; for files that fit into memory.

What the commands share that measure bundles. `pipeline.score` is for anything larger.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from model.bundle.load import Bundle
from model.engines.choose import EngineChoice
from model.engines.loading import load_scorer, load_tokenizer


def read_labelled(bundle: Bundle, file: str, label_column: str) -> tuple[pa.Array, np.ndarray]:
    """Reads a file's texts and true labels.

    Args:
        bundle: Says which columns hold the text, and which labels there are.
        file: A Parquet file with the bundle's text columns.
        label_column: Its column with the true label.

    Returns:
        The texts (string, the columns joined by a space, a null counting as empty) and the true
        labels, int [rows], as indexes into the bundle's.

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
    return texts.combine_chunks(), gold.to_numpy()


class Labeller:
    """A bundle's tokenizer and network, loaded: texts -> probabilities.

    Args:
        bundle: The bundle.
        choice: What runs the network, and in how large batches.
    """

    def __init__(self, bundle: Bundle, choice: EngineChoice):
        self._labels = len(bundle.labels)
        self._tokenize = load_tokenizer(bundle.transform_dir)
        self._scorer = load_scorer(bundle, choice)

    def __call__(self, texts: pa.Array) -> np.ndarray:
        """The probabilities of texts (strings, none null), float32 [rows, labels].

        Raises:
            ValueError: The network fails on one of them.
        """
        ids, _ = self._tokenize(texts)
        values, offsets = ids.values.to_numpy(), ids.offsets.to_numpy()
        probabilities, failures, _ = self._scorer.score(values, offsets, self._labels)
        for row, reason in sorted(failures.items()):
            raise ValueError(f"the network fails on text {row + 1}: {reason}")
        return probabilities
