"""Checkpoints: the scored Tables in a run's work folder, and which work items they complete.

`000012-000003.parquet` is Table 3 of work item 12; `000012-000004.end.parquet` says that the item
ends with Table 4. A checkpoint is there whole or not at all, in any order, carries its statistics
in its footer, and writing it twice gives the same rows.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import durable, layout, storage
from pipeline.corpus.documents import CARRIED, METADATA_KEY, Shard
from pipeline.corpus.planning.plan import Plan
from pipeline.errors import DamagedCheckpointError, NewsbeamError
from pipeline.quality.stats import Stats, shard_stats

COMPRESSION = "zstd"


def whole(names: Iterable[str]) -> list[str] | None:
    """The files that make up one work item, in order; None while one is missing.

    The item ends at the first `.end`: where two workers read one item and only one of them came
    to the source's end (a store that failed for a moment, `--on_bad_file skip`), the files of the
    shorter reading are a whole, and the others must not count beside them.
    """
    tables: dict[tuple[int, bool], str] = {}
    for name in names:
        numbers = layout.parse_checkpoint(name)
        if numbers is not None:
            tables[numbers[1:]] = name
    ends = [table for table, is_end in tables if is_end]
    if not ends:
        return None
    keys = [(table, False) for table in range(min(ends))] + [(min(ends), True)]
    return [tables[key] for key in keys] if all(key in tables for key in keys) else None


def finished_of(work: str | None, item: int) -> list[str]:
    """The names of an item's checkpoints, as far as they follow each other.

    A store lists them by their prefix. A disk would have to read the whole folder, for each item;
    so it is asked for one after the other, until there is none. One behind a gap, which a machine
    that was lost may leave, is only written once more.
    """
    if work is None:
        return []
    if not storage.is_local(work):
        return [file.name for file in storage.named(work, layout.checkpoints_of(item))]
    found: list[str] = []
    table = 0
    while here := _of_table(work, item, table):
        found += here
        table += 1
    return found


def _of_table(work: str, item: int, table: int) -> list[str]:
    names = [layout.checkpoint_name(item, table, is_last) for is_last in (False, True)]
    return [name for name in names if storage.exists(storage.join(work, name))]


def find_checkpoints(plan: Plan, work: str) -> tuple[list[storage.FileInfo], list[int]]:
    """All checkpoints that count, in the corpus' order, and the items that are not complete."""
    by_item: dict[int, dict[str, storage.FileInfo]] = {}
    for file in storage.files_in(work):
        numbers = layout.parse_checkpoint(file.name)
        if numbers is not None:
            by_item.setdefault(numbers[0], {})[file.name] = file
    files: list[storage.FileInfo] = []
    missing: list[int] = []
    for item in plan.items:
        infos = by_item.get(item.number, {})
        names = whole(infos)
        if names is None:
            missing.append(item.number)
        else:
            files += [infos[name] for name in names]
    return files, missing


def write_checkpoint(shard: Shard, plan: Plan, work: str, stats: Stats | None = None) -> str:
    """Writes one checkpoint.

    Args:
        shard: its Table has the columns of the documents and of the scores.
        plan: what the output looks like.
        work: the folder to write to.
        stats: the Table's statistics, if they are known already.

    Returns:
        The file's name.
    """
    stats = stats or shard_stats(shard, plan.settings["max_tokens"])
    metadata = {"stats": stats, "bad_file": shard.bad_file, **plan.origin()}
    output = output_table(shard, plan)
    output = output.replace_schema_metadata({METADATA_KEY: json.dumps(metadata)})
    with durable.writing(storage.join(work, shard.file_name), make_folder=False) as stream:
        pq.write_table(output, stream, compression=COMPRESSION, write_page_checksum=True)
    return shard.file_name


def output_table(shard: Shard, plan: Plan) -> pa.Table:
    """A scored shard with the columns of what is published."""
    table = shard.table
    source = pa.DictionaryArray.from_arrays(
        pa.array([0] * table.num_rows, pa.int32()), [shard.source]
    )
    carried = {name for name in table.column_names if name.startswith(CARRIED)}
    columns = {
        **{name: table[name] for name in table.column_names if name not in carried},
        **{name.removeprefix(CARRIED): table[name] for name in carried},
        "source": source,
    }
    schema = plan.output_schema()
    return pa.Table.from_arrays([columns[name] for name in schema.names], schema=schema)


def read_stats(path: str) -> tuple[Stats, str | None, int]:
    """Reads a checkpoint's footer.

    Returns:
        Its statistics, why its source could not be read further (if so), and how many rows the
        file itself holds.

    Raises:
        DamagedCheckpointError: if it is damaged.
    """
    with storage.open_input(path) as stream, _telling_damage(path):
        footer = pq.read_metadata(stream)
        metadata = json.loads(footer.metadata[METADATA_KEY])
        return metadata["stats"], metadata["bad_file"], footer.num_rows


def read_checkpoint(path: str, size: int) -> pa.Table:
    """Reads a checkpoint's rows.

    Args:
        path: where it lies.
        size: its bytes when the work was shared out.

    Raises:
        DamagedCheckpointError: if it is damaged.
        NewsbeamError: if it has been written anew.
    """
    content = storage.read_bytes(path)
    if len(content) != size:
        raise NewsbeamError(
            f"{layout.last_part(path)} was written anew while it was packed; "
            "the same command continues"
        )
    with _telling_damage(path):
        return pq.read_table(pa.BufferReader(content), page_checksum_verification=True)


@contextmanager
def _telling_damage(path: str) -> Iterator[None]:
    """Tells a checkpoint that is no Parquet file of ours from a disk or a store that fails.

    Raises:
        DamagedCheckpointError: in the place of what Parquet, or our own footer, is read with.
    """
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        # What Arrow finds wrong with the content comes as a plain OSError without a number; a disk
        # or a store that fails is another thing, and says nothing of the content.
        if isinstance(error, OSError) and (type(error) is not OSError or error.errno is not None):
            raise
        raise DamagedCheckpointError(path) from error
