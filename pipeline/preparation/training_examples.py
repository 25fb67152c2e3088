"""WriteExamples: a shard of documents -> a file of training examples, and what was counted."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from apache_beam.utils.shared import Shared

from model.data.corpus_profile import TOKEN_EDGES, token_histogram
from model.data.held_out import HASH_COLUMN, text_hashes
from pipeline import durable, storage
from pipeline.corpus.documents import Shard
from pipeline.preparation.prepared import transform_dir
from pipeline.stages.context import RunContext
from pipeline.stages.stage import StageDoFn
from pipeline.stages.tokenizing import count_tokens, load_tokenizer, tokenize_table

NO_LABEL = "no_label"

Counts = dict[str, Any]


@dataclass
class WriteExamples(beam.PTransform):
    """Tokenizes each shard by the fitted transform and writes its examples."""

    context: RunContext

    def expand(self, shards):
        """PCollection of shards with `gold` -> PCollection of one dictionary of counts."""
        return (
            shards
            | "Write" >> beam.ParDo(_WriteExamples(self.context))
            | "Add" >> beam.CombineGlobally(add_counts)
        )


class _WriteExamples(StageDoFn):
    def __init__(self, context: RunContext):
        super().__init__(context)
        self._shared = Shared()

    def load(self) -> None:
        transform = transform_dir(self.context.output)
        self._tokenize = self._shared.acquire(lambda: load_tokenizer(transform))
        self._unknown = self.context.plan.settings["tokenizer"]["unknown_id"]

    def run(self, shard: Shard) -> Iterator[Counts]:
        examples, counts = to_examples(shard.table, self._tokenize, self._unknown)
        if examples.num_rows:
            name = f"examples-{shard.item:06d}-{shard.number:06d}.parquet"
            path = storage.join(self.context.output, name)
            with durable.writing(path, make_folder=False) as stream:
                pq.write_table(examples, stream, compression="zstd")
        yield counts


def to_examples(
    table: pa.Table, tokenize: Callable[..., Any], unknown_id: int
) -> tuple[pa.Table, Counts]:
    """Makes examples of the rows that have a text, and a label or a teacher's probabilities.

    Args:
        table: Documents with `text`, `error` and `gold`; with a teacher, `probabilities` as well.
        tokenize: As `tokenize_table` takes it.
        unknown_id: The id of unknown tokens.

    Returns:
        `token_ids` (list of int32), `label` (string), `text_hash` (uint64) and, with a teacher,
        `probabilities` (list of float32), of which and `label` one is null; and the counts:
        `rows`, `rows_by_label`, `teacher_rows`, `skipped` by reason, `token_histogram` (of lengths
        before the cut), `ids`, `unknown`.
    """
    errors = [error.split(":")[0] for error in table["error"].drop_null().to_pylist()]
    good = table.filter(pc.is_null(table["error"]))
    blank = pc.equal(pc.utf8_trim_whitespace(pc.fill_null(good["gold"], "")), "")
    if "probabilities" in table.schema.names:
        blank = pc.and_(blank, pc.is_null(good["probabilities"]))
    unlabelled = pc.sum(blank).as_py() or 0
    tokenized = tokenize_table(good.filter(pc.invert(blank)), tokenize)
    token_ids = tokenized["token_ids"].combine_chunks()
    seen = count_tokens(token_ids, unknown_id)
    columns = {
        "token_ids": token_ids.dictionary.take(token_ids.indices),
        "label": tokenized["gold"],
        HASH_COLUMN: text_hashes(tokenized["text"]),
    }
    if "probabilities" in table.schema.names:
        columns["probabilities"] = tokenized["probabilities"]
    examples = pa.table(columns)
    counts = {
        "rows": examples.num_rows,
        "rows_by_label": dict(Counter(tokenized["gold"].drop_null().to_pylist())),
        "teacher_rows": tokenized["gold"].null_count,
        "skipped": dict(
            Counter({**Counter(errors), NO_LABEL: unlabelled} if unlabelled else errors)
        ),
        "token_histogram": token_histogram(tokenized["tokens"].to_numpy()),
        "ids": seen["tokens"],
        "unknown": seen["unknown_tokens"],
    }
    return examples, counts


def add_counts(several: Iterable[Counts]) -> Counts:
    """Adds up counts, of which there may be none; Beam calls it on sums again."""
    total: Counts = {
        "rows": 0,
        "rows_by_label": {},
        "teacher_rows": 0,
        "skipped": {},
        "token_histogram": [0] * len(TOKEN_EDGES),
        "ids": 0,
        "unknown": 0,
    }
    for counts in several:
        for name in ("rows", "teacher_rows", "ids", "unknown"):
            total[name] += counts[name]
        for name in ("rows_by_label", "skipped"):
            total[name] = dict(Counter(total[name]) + Counter(counts[name]))
        total["token_histogram"] = np.add(
            total["token_histogram"], counts["token_histogram"]
        ).tolist()
    return total
