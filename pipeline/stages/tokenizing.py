"""TokenizeDocuments: a shard of documents -> the same with token ids."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import apache_beam as beam
import numpy as np
import pyarrow as pa
from apache_beam.utils.shared import Shared

from model.engines.loading import Tokenize, load_tokenizer
from pipeline.corpus.documents import Shard
from pipeline.stages.context import RunContext
from pipeline.stages.stage import StageDoFn, milliseconds_since


@dataclass
class TokenizeDocuments(beam.PTransform):
    """Adds `token_ids` and `tokens` to each Table, by the transform that lies in the bundle."""

    context: RunContext

    def expand(self, shards: beam.PCollection) -> beam.PCollection:
        return shards | beam.ParDo(_TokenizeDocuments(self.context))


class _TokenizeDocuments(StageDoFn):
    def __init__(self, context: RunContext):
        super().__init__(context)
        self._shared = Shared()

    def load(self) -> None:
        bundle = self.context.bundle()
        self._unknown = bundle.tokenizer["unknown_id"]
        self._tokenize = self._shared.acquire(lambda: load_tokenizer(bundle.transform_dir))

    def run(self, shard: Shard) -> Iterator[Shard]:
        started = time.perf_counter()
        table = tokenize_table(shard.table, self._tokenize)
        measured = self.measure(
            **count_tokens(table["token_ids"].combine_chunks(), self._unknown),
            tokenizer_ms=milliseconds_since(started),
            **self.took_to_load("tokenizer_load_ms"),
        )
        yield shard.becomes(table, **measured)


def tokenize_table(table: pa.Table, tokenize: Tokenize) -> pa.Table:
    """Tokenizes the texts of a Table, each different text once.

    Args:
        table: with `text` (string, null where there is an `error`).
        tokenize: strings -> token ids (list of int32) and the tokens before truncation (int32).

    Returns:
        The Table with `token_ids` (dictionary of list of int32: each different text's ids, once)
        and `tokens` (int32), both null where there is no text.
    """
    encoded = table["text"].combine_chunks().dictionary_encode()
    if len(encoded.dictionary):
        ids, tokens = tokenize(encoded.dictionary)
    else:
        ids, tokens = pa.array([], pa.list_(pa.int32())), pa.array([], pa.int32())
    token_ids = pa.DictionaryArray.from_arrays(encoded.indices, ids)
    return table.append_column("token_ids", token_ids).append_column(
        "tokens", tokens.take(encoded.indices)
    )


def count_tokens(token_ids: pa.DictionaryArray, unknown_id: int) -> dict[str, int]:
    """The `tokens` of all rows' texts, as far as the model sees them, and the `unknown_tokens`."""
    texts = token_ids.dictionary
    rows = np.bincount(token_ids.indices.drop_null().to_numpy(), minlength=len(texts))
    offsets = texts.offsets.to_numpy()
    is_unknown = texts.values.to_numpy() == unknown_id
    unknown = np.diff(np.concatenate([[0], np.cumsum(is_unknown)])[offsets])
    return {"tokens": int(rows @ np.diff(offsets)), "unknown_tokens": int(rows @ unknown)}
