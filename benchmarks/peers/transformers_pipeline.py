"""Peer 2: the Hugging Face pipeline on PyTorch, as its guide shows it.

It takes what `benchmarks.hugging_face export` writes: the same fine-tuned weights.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.common import read_texts, write_labels
from benchmarks.process import since_start

BATCH = 32


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Labels the corpus; says when the network was `ready` and when the labels were `done`."""
    import transformers

    transformers.logging.set_verbosity_error()
    settings = json.loads(Path(options.model, "newsbeam.json").read_text())
    classify = transformers.pipeline("text-classification", model=options.model, device="cpu")
    how = {"batch_size": BATCH, "truncation": True, "max_length": settings["max_tokens"]}
    classify(["a word"] * BATCH, **how)
    ready = since_start()
    ids, texts = read_texts(options.input, settings["text_columns"], options.rows)
    found = classify(texts.to_pylist(), **how)
    names = [name for _, name in sorted(classify.model.config.id2label.items())]
    scores = np.zeros((len(found), len(names)), np.float32)
    for row, one in enumerate(found):
        scores[row, names.index(one["label"])] = one["score"]
    write_labels(options.output, ids, scores, names)
    return {"rows": len(ids), "ready": ready, "done": since_start()}
