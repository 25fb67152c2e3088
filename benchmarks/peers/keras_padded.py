"""Peer 1, the notebook's way: Keras `predict` on texts that are all padded to the maximum.

`predict` is called as it stands in Keras' example, with its own batches of 32. Tokenizing is done
by the bundle's transform, which is faster than the example's `TextVectorization`.
"""

import argparse
import os
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.peers.common import read_texts, write_labels
from benchmarks.process import since_start


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Labels the corpus; says when the network was `ready` and when the labels were `done`."""
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    from model.bundle.load import load_bundle
    from model.tokenizers.tokenizer import Tokenizer

    bundle = load_bundle(options.model)
    network = bundle.network()
    tokenize = Tokenizer(bundle.transform_dir)
    tokenize(pa.array(["a word"]))
    network.predict(np.zeros((32, bundle.max_tokens), np.int32), verbose=0)  # compiles
    ready = since_start()
    ids, texts = read_texts(options.input, bundle.text_columns, options.rows)
    token_ids = padded(tokenize(texts)[0], bundle.max_tokens)
    probabilities = network.predict(token_ids, verbose=0)
    write_labels(options.output, ids, probabilities, bundle.labels)
    return {"rows": len(ids), "ready": ready, "done": since_start()}


def padded(token_ids: pa.ListArray, length: int) -> np.ndarray:
    """Token ids as a matrix, int32 [rows, length], padded with 0."""
    lengths = np.diff(token_ids.offsets.to_numpy())
    matrix = np.zeros((len(lengths), length), np.int32)
    matrix[np.arange(length) < lengths[:, None]] = token_ids.flatten().to_numpy()
    return matrix
