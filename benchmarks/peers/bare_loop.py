"""Peer 4: our tokenizer and our engine on sorted batches, without Beam and without files.

The bound on what a pipeline around them can reach. The texts lie in memory before it starts, and
are taken in as many rows at a time as travel in a Table.
"""

import argparse
from typing import Any

import numpy as np

from benchmarks.peers.common import read_texts, write_labels
from benchmarks.process import since_start


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Labels the corpus; says when all was `ready` and when the last label was `done`."""
    from model.bundle.load import load_bundle
    from model.engines.choose import choose_engine
    from model.engines.loading import load_scorer, load_tokenizer
    from pipeline.launcher.shared_options import SHARD_ROWS

    bundle = load_bundle(options.model)
    tokenize = load_tokenizer(bundle.transform_dir)
    scorer = load_scorer(bundle, choose_engine(bundle.model["kind"], options.engine))
    ids, texts = read_texts(options.input, bundle.text_columns, options.rows)
    scores: list[np.ndarray] = []

    def label(part: Any) -> np.ndarray:
        token_ids = tokenize(part)[0]
        values, offsets = token_ids.values.to_numpy(), token_ids.offsets.to_numpy()
        return scorer.score(values, offsets, len(bundle.labels))[0]

    label(texts.slice(0, 256))  # the first batches of each shape are slower
    ready = since_start()
    for start in range(0, len(texts), SHARD_ROWS):
        scores.append(label(texts.slice(start, SHARD_ROWS)))
    done = since_start()
    write_labels(options.output, ids, np.concatenate(scores), bundle.labels)
    return {"rows": len(ids), "ready": ready, "done": done}
