"""Corpora of random words, in the formats that the pipeline reads."""

import csv
import gzip
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

WORDS = ["the", "team", "market", "war", "won", "chip", "fell", "new", "Ünknown", "京都", "<b>"]


def corpus(rows, seed=1):
    """Rows of random words, some of them blank or null, some twice."""
    draw = np.random.default_rng(seed)
    made = []
    for number in range(rows):
        title = " ".join(draw.choice(WORDS, draw.integers(0, 4)))
        text = " ".join(draw.choice(WORDS, draw.integers(0, 30)))
        row = {"key": f"k{number}", "title": title or None, "description": text}
        made.append(made[-5] | {"key": f"k{number}"} if number % 9 == 8 else row)
    return made


def write_corpus(rows, path):
    if path.name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=37)
        return
    opened = gzip.open if path.name.endswith(".gz") else open
    with opened(path, "wt", newline="") as stream:
        if ".csv" in path.name:
            writer = csv.DictWriter(stream, rows[0])
            writer.writeheader()
            writer.writerows([{k: "" if v is None else v for k, v in r.items()} for r in rows])
        else:
            stream.writelines(json.dumps(row) + "\n" for row in rows)
