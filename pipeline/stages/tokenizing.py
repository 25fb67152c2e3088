"""TokenizeDocuments: a shard of documents -> the same with token ids."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from apache_beam.utils.shared import Shared

from model.bundle.load import Bundle
from model.engines.loading import Tokenize, load_tokenizer
from model.tokenizers.pieces import ADDED_TOKENS
from pipeline.corpus.documents import NO_TOKENS, Shard
from pipeline.stages.context import RunContext
from pipeline.stages.stage import StageDoFn, milliseconds_since

_TOKENIZERS = Shared()
NO_TOKENS_ERROR = f"{NO_TOKENS}: the text has no word for this model"


@dataclass
class TokenizeDocuments(beam.PTransform):
    """Adds `token_ids` and `tokens` to each Table, by the transform that lies in the bundle."""

    context: RunContext

    def expand(self, shards: beam.PCollection) -> beam.PCollection:
        return shards | beam.ParDo(_TokenizeDocuments(self.context))


class _TokenizeDocuments(StageDoFn):
    def load(self) -> None:
        bundle = self.context.bundle()
        self._unknown = bundle.tokenizer["unknown_id"]
        self._added = ADDED_TOKENS.get(bundle.tokenizer["kind"], 0)
        self._tokenize = tokenizer_of(bundle)

    def run(self, shard: Shard) -> Iterator[Shard]:
        started = time.perf_counter()
        table = without_tokens(tokenize_table(shard.table, self._tokenize), self._added)
        measured = self.measure(
            **count_tokens(table["token_ids"].combine_chunks(), self._unknown),
            tokenizer_ms=milliseconds_since(started),
            **self.took_to_load("tokenizer_load_ms"),
        )
        yield shard.becomes(table, **measured)


def tokenizer_of(bundle: Bundle) -> Tokenize:
    """The tokenizer of the run's bundle, which a process loads once for all stages."""
    return _TOKENIZERS.acquire(lambda: load_tokenizer(bundle.transform_dir), bundle.path)


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


def without_tokens(table: pa.Table, added: int) -> pa.Table:
    """Makes rows errors whose texts have no token of their own: nothing can be said of them.

    Args:
        table: as `tokenize_table` gives it.
        added: tokens that each text has, beside its own.
    """
    is_empty = pc.fill_null(pc.less_equal(table["tokens"].combine_chunks(), added), False)
    if not pc.any(is_empty).as_py():
        return table
    token_ids = table["token_ids"].combine_chunks()
    indices = pc.if_else(is_empty, None, token_ids.indices)
    changed = {
        "text": pc.if_else(is_empty, None, table["text"].combine_chunks()),
        "error": pc.if_else(is_empty, NO_TOKENS_ERROR, table["error"].combine_chunks()),
        "tokens": pc.if_else(is_empty, None, table["tokens"].combine_chunks()),
        "token_ids": pa.DictionaryArray.from_arrays(indices, token_ids.dictionary),
    }
    for name, values in changed.items():
        table = table.set_column(table.column_names.index(name), name, values)
    return table


def count_tokens(token_ids: pa.DictionaryArray, unknown_id: int) -> dict[str, int]:
    """The `tokens` of all rows' texts, as far as the model sees them, and the `unknown_tokens`."""
    texts = token_ids.dictionary
    rows = np.bincount(token_ids.indices.drop_null().to_numpy(), minlength=len(texts))
    offsets = texts.offsets.to_numpy()
    is_unknown = texts.values.to_numpy() == unknown_id
    unknown = np.diff(np.concatenate([[0], np.cumsum(is_unknown)])[offsets])
    return {"tokens": int(rows @ np.diff(offsets)), "unknown_tokens": int(rows @ unknown)}
