"""TokenizeDocuments: a Table of documents -> the same with token ids."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from apache_beam.metrics import Metrics
from apache_beam.utils.shared import Shared

from pipeline.corpus.documents import with_counts
from pipeline.worker.bundles import open_bundle
from pipeline.worker.failures import failures_told
from pipeline.worker.tensorflow_setup import import_tensorflow

Tokenize = Callable[[pa.Array], tuple[pa.ListArray, pa.Array]]


class TokenizeDocuments(beam.PTransform):
    """Adds `token_ids` and `tokens` to each Table, by the transform that lies in the bundle."""

    def __init__(self, bundle: str, digest: str | None = None, work: str | None = None):
        self._arguments = (bundle, digest, work)

    def expand(self, tables: beam.PCollection) -> beam.PCollection:
        return tables | beam.ParDo(_TokenizeDocuments(*self._arguments))


class _TokenizeDocuments(beam.DoFn):
    def __init__(self, bundle: str, digest: str | None, work: str | None):
        self._bundle, self._digest, self._work = bundle, digest, work
        self._shared = Shared()
        self._milliseconds = Metrics.distribution("newsbeam", "tokenizer_ms")
        self._load_milliseconds = Metrics.distribution("newsbeam", "tokenizer_load_ms")
        self._tokens = Metrics.counter("newsbeam", "tokens")
        self._unknown_tokens = Metrics.counter("newsbeam", "unknown_tokens")

    def setup(self) -> None:
        with failures_told(self._work):
            started = time.perf_counter()
            bundle = open_bundle(self._bundle, self._digest)
            self._unknown = bundle.tokenizer["unknown_id"]
            self._tokenize = self._shared.acquire(lambda: load_tokenizer(bundle.transform_dir))
            self._load_ms: float | None = (time.perf_counter() - started) * 1000

    def process(self, table: pa.Table) -> Iterator[pa.Table]:
        with failures_told(self._work):
            started = time.perf_counter()
            result = tokenize_table(table, self._tokenize)
            flat = result["token_ids"].combine_chunks().flatten().to_numpy()
            counts = {
                "tokenizer_ms": (time.perf_counter() - started) * 1000,
                "tokens": len(flat),
                "unknown_tokens": int(np.count_nonzero(flat == self._unknown)),
            }
            self._milliseconds.update(int(counts["tokenizer_ms"]))
            self._tokens.inc(len(flat))
            self._unknown_tokens.inc(counts["unknown_tokens"])
            if self._load_ms is not None:
                counts["tokenizer_load_ms"] = self._load_ms
                self._load_milliseconds.update(int(self._load_ms))
                self._load_ms = None
            yield with_counts(result, **counts)


def load_tokenizer(transform_dir: str) -> Any:
    """Loads a bundle's `transform` folder as a `Tokenize`."""
    import_tensorflow()
    from model.tokenizers.tokenizer import (
        Tokenizer,  # TensorFlow: in the worker, not in the launcher
    )

    return Tokenizer(transform_dir)


def tokenize_table(table: pa.Table, tokenize: Tokenize) -> pa.Table:
    """Tokenizes the texts of a Table, each different text once.

    Args:
        table: with `text` (string, null where there is an `error`).
        tokenize: strings -> token ids (list of int32) and the tokens before truncation (int32).

    Returns:
        The Table with `token_ids` (list of int32, empty where there is no text) and `tokens`
        (int32, null where there is no text).
    """
    encoded = table["text"].combine_chunks().dictionary_encode()
    if len(encoded.dictionary):
        ids, tokens = tokenize(encoded.dictionary)
    else:
        ids, tokens = pa.array([], pa.list_(pa.int32())), pa.array([], pa.int32())
    token_ids = pc.fill_null(ids.take(encoded.indices), pa.scalar([], pa.list_(pa.int32())))
    return table.append_column("token_ids", token_ids).append_column(
        "tokens", tokens.take(encoded.indices)
    )
