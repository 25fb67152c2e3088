"""WriteExamples: a Table of documents -> a file of training examples, and what was counted."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from apache_beam.utils.shared import Shared

from model.training.corpus_profile import TOKEN_EDGES, token_histogram
from model.training.held_out import HASH_COLUMN, text_hashes
from pipeline import storage
from pipeline.corpus.documents import piece_of
from pipeline.stages.tokenizing import tokenize_table
from pipeline.worker.failures import failures_told

NO_LABEL = "no_label"

Counts = dict[str, Any]


class WriteExamples(beam.PTransform):
    """Tokenizes each Table by a fitted transform and writes its examples.

    Args:
        transform_dir: The folder that `FitTokenizer` wrote.
        unknown_id: The id of unknown tokens.
        output: The folder of the examples.
        work: Where workers leave what went wrong.
    """

    def __init__(self, transform_dir: str, unknown_id: int, output: str, work: str):
        super().__init__()
        self._arguments = (transform_dir, unknown_id, output, work)

    def expand(self, tables):
        """PCollection of Tables with `gold` -> PCollection of one dictionary of counts."""
        return (
            tables
            | "Write" >> beam.ParDo(_WriteExamples(*self._arguments))
            | "Add" >> beam.CombineGlobally(add_counts)
        )


class _WriteExamples(beam.DoFn):
    def __init__(self, transform_dir: str, unknown_id: int, output: str, work: str):
        self._transform_dir, self._unknown_id = transform_dir, unknown_id
        self._output, self._work = output, work
        self._shared = Shared()

    def setup(self) -> None:
        with failures_told(self._work):
            self._tokenize = self._shared.acquire(self._load)

    def _load(self) -> Any:
        from model.tokenizers.tokenizer import (
            Tokenizer,  # TensorFlow: in the worker, not in the launcher
        )

        return Tokenizer(self._transform_dir)

    def process(self, table: pa.Table) -> Iterator[Counts]:
        with failures_told(self._work):
            examples, counts = to_examples(table, self._tokenize, self._unknown_id)
            if examples.num_rows:
                piece = piece_of(table)
                name = f"examples-{piece.item:06d}-{piece.table:06d}.parquet"
                with storage.writing(storage.join(self._output, name)) as stream:
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
    ids = token_ids.flatten().to_numpy()
    columns = {
        "token_ids": token_ids,
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
        "ids": len(ids),
        "unknown": int(np.count_nonzero(ids == unknown_id)),
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
