"""Whether a disk has room for a run: its checkpoints and, beside them, the parts made of them."""

import io
import math
import os
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import storage
from pipeline.corpus.documents import DICTIONARY, PROBABILITIES, Shard
from pipeline.corpus.planning.plan import Plan
from pipeline.errors import UsageError
from pipeline.estimates.sample import Sample, take_sample
from pipeline.output.checkpoints import COMPRESSION, output_table
from pipeline.reporting.humanize import size

FOOTER_BYTES = 12 << 10  # of a checkpoint: its statistics, with a few example rows
REST_BYTES = 256 << 10  # plan, manifest and report


def bytes_needed(plan: Plan, sample: Sample) -> int | None:
    """About how many bytes a run writes until it is published; None if nothing tells.

    The sample's rows are written to memory with made-up scores, which no compression makes
    smaller, as it does a model's: so it is rather more than less.

    Args:
        plan: of the run.
        sample: of its rows.
    """
    if sample.rows is None or not sample.shards:
        return 0 if sample.rows == 0 else None
    written = sum(_bytes_of(shard, plan) for shard in sample.shards)
    rows = sum(shard.table.num_rows for shard in sample.shards)
    checkpoints = math.ceil(sample.rows / plan.reading.shard_rows) + len(plan.items)
    return 2 * math.ceil(sample.rows * written / rows) + checkpoints * FOOTER_BYTES + REST_BYTES


def bytes_free(folder: str) -> int:
    """The bytes that may still be written to the disk on which a folder lies, or will lie."""
    path = os.path.abspath(storage.local_path(folder))
    while not os.path.isdir(path) and path != os.path.dirname(path):
        path = os.path.dirname(path)
    return shutil.disk_usage(path).free


def check_room(output: str, work: str, plan: Plan) -> None:
    """Refuses a run for which the disk has no room; in a store, there always is.

    What lies in the work folder already is not needed again.

    Raises:
        UsageError: if less is free than is needed. Not where nobody can tell.
    """
    if not storage.is_local(output):
        return
    try:
        needed = bytes_needed(plan, take_sample(plan))
        free = bytes_free(output)
    except Exception:  # an estimate that cannot be made refuses nothing; the run says what is wrong
        return
    needed = max(0, (needed or 0) - sum(file.size for file in storage.files_in(work)))
    if needed > free:
        raise UsageError(
            f"the disk of {output} has no room: the run needs about {size(needed)} until it is "
            f"published ({needed:,} bytes), {size(free)} are free ({free:,}); make room, or use "
            f"another --output"
        )


def _bytes_of(shard: Shard, plan: Plan) -> int:
    """What a checkpoint's rows take, without its footer."""
    table = _with_scores(shard.table, plan)
    whole = output_table(shard.becomes(table), plan)
    sizes = []
    for rows in (whole, whole.slice(0, 0)):
        stream = io.BytesIO()
        pq.write_table(rows, stream, compression=COMPRESSION)
        sizes.append(stream.tell())
    return sizes[0] - sizes[1]


def _with_scores(table: pa.Table, plan: Plan) -> pa.Table:
    """Documents as if a model had scored them all."""
    labels = plan.settings["labels"]
    draw, rows = np.random.default_rng(0), table.num_rows
    scores = draw.random((rows, len(labels)), np.float32)
    names = pa.DictionaryArray.from_arrays(
        pa.array(scores.argmax(axis=1).astype(np.int32)), pa.array(labels, pa.string())
    ).cast(DICTIONARY)
    offsets = pa.array(np.arange(rows + 1, dtype=np.int32) * len(labels))
    made_up = {
        "label": names,
        "score": pa.array(scores.max(axis=1)),
        "probabilities": pa.ListArray.from_arrays(offsets, pa.array(scores.ravel())).cast(
            PROBABILITIES
        ),
        "tokens": pa.array(draw.integers(0, 1000, rows).astype(np.int32)),
        "model": names,
    }
    for name, values in made_up.items():
        if name not in table.column_names:
            table = table.append_column(name, values)
    return table
