"""A bundle without a network, and what plays the model there: for tests of everything around it.

No TensorFlow is loaded, so a run takes a second, and a process may fork.
"""

import hashlib
import json
import time
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa

from model.engines.scorer import KNOWN_GOOD

LABELS = ("Business", "Sci/Tech", "Sports", "World")


def fake_bundle(folder: Path, name: str = "fake", conformal: dict | None = None) -> str:
    """Writes a bundle that `load_bundle` takes, with an empty model in it.

    Args:
        folder: its place.
        name: its name.
        conformal: what it makes label sets by, if it does.
    """
    (folder / "transform").mkdir(parents=True)
    files = {"transform/vocabulary": name}
    if conformal is not None:
        files["conformal.json"] = json.dumps(conformal)
    for file, content in files.items():
        (folder / file).write_text(content)
    described = {
        "format": 1,
        "name": name,
        "labels": LABELS,
        "max_tokens": 16,
        "text_columns": ["title", "description"],
        "tokenizer": {"kind": "words", "vocab_size": 100, "pad_id": 0, "unknown_id": 1},
        "model": {"kind": "fake"},
        "training": {},
        "metrics": {},
        "profile": None,
        "created": "2026-11-22T00:00:00+00:00",
        "versions": {},
        "files": {k: hashlib.sha256(text.encode()).hexdigest() for k, text in files.items()},
    }
    (folder / "bundle.json").write_text(json.dumps(described))
    return str(folder)


def fake_tokenizer(texts: pa.Array) -> tuple[pa.ListArray, pa.Array]:
    """Ids 2 to 99 of words by their checksum; the first 16 of a text."""
    words = [text.as_py().split() for text in texts]
    ids = [[2 + zlib.crc32(w.encode("utf-8", "replace")) % 98 for w in some[:16]] for some in words]
    return pa.array(ids, pa.list_(pa.int32())), pa.array(map(len, words), pa.int32())


class FakeEngine:
    """Probabilities from the sum of a text's token ids; padding and neighbours don't matter.

    Args:
        seconds: how long a batch takes.
    """

    def __init__(self, seconds: float = 0.0):
        self.seconds = seconds
        self.batches = 0

    def __call__(self, token_ids: np.ndarray) -> np.ndarray:
        """Token ids (int32 [batch, length]) -> probabilities (float32 [batch, 4])."""
        if token_ids is not KNOWN_GOOD:  # what a worker tries when it has loaded an engine
            self.batches += 1
            time.sleep(self.seconds)
        total = token_ids.sum(axis=1, dtype=np.int64)
        logits = np.stack([np.sin(total * (k + 1)) for k in range(len(LABELS))], axis=1)
        weights = np.exp(3 * logits)
        return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def play_model(seconds: float = 0.0) -> None:
    """Puts tokenizer and engine in the places where a worker loads the bundle's."""
    import model.engines.loading
    import pipeline.stages.tokenizing

    pipeline.stages.tokenizing.load_tokenizer = lambda _: fake_tokenizer
    model.engines.loading.load_engine = lambda *_: FakeEngine(seconds)


def write_jsonl(path: Path, rows: int, seed: int = 0) -> Path:
    """Writes articles of a few words, some of them blank or broken."""
    draw = np.random.default_rng(seed)
    lines = []
    for row in range(rows):
        words = " ".join(f"w{number}" for number in draw.integers(0, 50, draw.integers(1, 20)))
        article = {"id": f"{seed}-{row}", "title": words, "description": "the end"}
        if row % 17 == 5:
            article = {"id": f"{seed}-{row}", "title": " ", "description": None}
        line = json.dumps(article)
        lines.append(line[:-3] if row % 23 == 7 else line)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path
