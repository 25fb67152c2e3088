"""What the peers share: their options, the texts, and the file they write."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq


def parse(peers: Sequence[str], description: str) -> tuple[str, argparse.Namespace]:
    """Parses the command line that all peers take.

    Returns:
        The peer's name, and its options: `model`, `input`, `output`, `rows`, `engine`.
    """
    flags = argparse.ArgumentParser(prog="benchmarks.peers", description=description)
    flags.add_argument("peer", choices=peers)
    flags.add_argument("--model", required=True, help="a bundle, or a Hugging Face directory")
    flags.add_argument(
        "--input",
        required=True,
        help="a Parquet file, or a folder of them, with `id` and the texts",
    )
    flags.add_argument("--output", help="the Parquet file to write, with `id` and `label`")
    flags.add_argument("--rows", type=int, help="take the first ones only")
    flags.add_argument("--engine", default="auto")
    options = flags.parse_args()
    return options.peer, options


def read_texts(
    file: str | Path, columns: Sequence[str], rows: int | None = None
) -> tuple[pa.Array, pa.Array]:
    """Reads the first rows of a corpus, and no more row groups than it must.

    Returns:
        Their ids, and their texts: the columns joined by a space.
    """
    files = sorted(Path(file).glob("*.parquet")) if Path(file).is_dir() else [Path(file)]
    parts: list[pa.Table] = []
    for one in files:
        with pq.ParquetFile(one) as opened:
            for group in range(opened.num_row_groups):
                if rows is None or sum(part.num_rows for part in parts) < rows:
                    parts.append(opened.read_row_group(group, columns=["id", *columns]))
    table = pa.concat_tables(parts).slice(0, rows).combine_chunks()
    texts = pc.binary_join_element_wise(
        *(table[name] for name in columns), " ", null_handling="replace", null_replacement=""
    )
    return table["id"].combine_chunks(), texts.combine_chunks()


def write_labels(
    file: str | None, ids: pa.Array, probabilities: np.ndarray, labels: Sequence[str]
) -> None:
    """Writes `id`, `label` and `score`; does nothing where no file is named."""
    if file is None:
        return
    label = pa.DictionaryArray.from_arrays(
        pa.array(probabilities.argmax(axis=1).astype(np.int32)), pa.array(labels, pa.string())
    )
    score = pa.array(probabilities.max(axis=1).astype(np.float32))
    pq.write_table(pa.table({"id": ids, "label": label, "score": score}), file, compression="zstd")
