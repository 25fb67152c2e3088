"""PublishRun: finished files -> parts, manifest, `_SUCCESS`. The run's last step, on every runner.

Only names and numbers are shuffled. Each step may be repeated: parts that are there are kept, and
a run that died here is finished by the next one. `_SUCCESS` is the commit: whoever requires it
never sees half a run.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import storage
from pipeline.corpus import METADATA_KEY, document_schema, output_schema
from pipeline.errors import NewsbeamError, TooManyErrorsError
from pipeline.failure import failures_told
from pipeline.manifest import MANIFEST, SUCCESS, guarded, manifest_of
from pipeline.notes import read_notes
from pipeline.plan import Plan, load_plan
from pipeline.read import is_whole
from pipeline.report import REPORT, write_report
from pipeline.stats import Stats, merge
from pipeline.write import COMPRESSION, read_stats

PART_BYTES = 128 << 20  # a useful size: few enough files, small enough to share out
PART_ROWS = 4 << 20
ROW_GROUP_ROWS = 1 << 17
FILES_AT_A_TIME = 200  # footers that one worker reads
CLEARED = "cleared"  # says that the parts of an earlier run are gone


class Part(NamedTuple):
    """A published file.

    Attributes:
        name: `part-00000-of-00012.parquet`.
        files: the finished files in it, in the corpus' order.
    """

    name: str
    files: list[str]


class PublishRun(beam.PTransform):
    """Names of finished files (they only say that all is written) -> the manifest's path."""

    def __init__(self, plan_path: str, work: str, output: str, max_error_rate: float | None):
        self._plan_path, self._work, self._output = plan_path, work, output
        self._max_error_rate = max_error_rate

    def expand(self, written: beam.PCollection) -> beam.PCollection:
        where = (self._plan_path, self._work)
        return (
            written
            | "AllWritten" >> beam.CombineGlobally(beam.combiners.CountCombineFn())
            | "ListFinished" >> beam.FlatMap(_list_finished, *where)
            | "ShareOutFooters" >> beam.Reshuffle()
            | "ReadStatistics" >> beam.Map(_read_many, self._work)
            | "MergeStatistics" >> beam.CombineGlobally(_merge_found)
            | "PlanParts" >> beam.FlatMap(_plan_parts, *where, self._output, self._max_error_rate)
            | "ShareOutParts" >> beam.Reshuffle()
            | "PackPart" >> beam.Map(_pack_part, *where, self._output)
            | "AllPacked" >> beam.combiners.ToList()
            | "Commit" >> beam.Map(_commit, *where, self._output)
        )


def finished_files(plan: Plan, work: str) -> list[storage.FileInfo]:
    """The finished files in the corpus' order.

    Raises:
        NewsbeamError: if a work item is not finished; the same command continues it.
    """
    files = [file for file in storage.files_in(work) if file.name[0].isdigit()]
    tables: dict[int, dict[int, bool]] = {}
    for file in files:
        item, table = file.name.removesuffix(".parquet").split("-")
        tables.setdefault(int(item), {})[int(table.removesuffix(".end"))] = table.endswith(".end")
    missing = [item.number for item in plan.items if not is_whole(tables.get(item.number, {}))]
    if missing:
        raise NewsbeamError(
            f"{len(missing)} of {len(plan.items)} work items are not finished, "
            f"the first of them number {missing[0]}; run the same command again"
        )
    return files


def _list_finished(_: int, plan_path: str, work: str) -> Iterator[list[str]]:
    with failures_told(work):
        names = [file.name for file in finished_files(load_plan(plan_path), work)]
        for start in range(0, len(names), FILES_AT_A_TIME):
            yield names[start : start + FILES_AT_A_TIME]


def _read_many(names: list[str], work: str) -> dict[str, Any]:
    with failures_told(work):
        read = [read_stats(storage.join(work, name)) for name in names]
        bad = {
            source: reason
            for stats, reason, _ in read
            if reason is not None
            for source in stats["sources"]
        }
        return {
            "stats": merge(stats for stats, _, _ in read),
            "bad_files": bad,
            "rows": sum(rows for _, _, rows in read),
        }


def _merge_found(found: Iterable[dict[str, Any]]) -> dict[str, Any]:
    every = list(found)
    return {
        "stats": merge(one["stats"] for one in every),
        "bad_files": {path: why for one in every for path, why in one["bad_files"].items()},
        "rows": sum(one["rows"] for one in every),
    }


def _plan_parts(
    found: dict[str, Any], plan_path: str, work: str, output: str, max_error_rate: float | None
) -> Iterator[Part]:
    with failures_told(work):
        plan = load_plan(plan_path)
        check_counts(plan, found)
        check_error_rate(found["stats"], max_error_rate)
        storage.write_json(storage.join(work, "merged.json"), found)
        if not storage.exists(storage.join(work, CLEARED)):
            storage.delete(published_files(output))
            storage.write_bytes(storage.join(work, CLEARED), b"")
        yield from plan_parts(finished_files(plan, work))


def check_counts(plan: Plan, found: dict[str, Any]) -> None:
    """Compares the rows read with the rows in the files.

    Raises:
        NewsbeamError: if they don't add up.
    """
    read, written, planned = found["stats"].get("rows", 0), found["rows"], plan.rows()
    if read != written or (planned is not None and planned != read and not found["bad_files"]):
        raise NewsbeamError(
            f"the rows don't add up: {planned or 'an unknown number'} planned, {read} read, "
            f"{written} written; nothing was published"
        )


def check_error_rate(stats: Stats, most: float | None) -> None:
    """Holds the share of rows in error against its bound.

    Raises:
        TooManyErrorsError: if it is larger; the message counts the reasons.
    """
    rows, errors = stats.get("rows", 0), sum(stats.get("errors", {}).values())
    if most is not None and rows and errors / rows > most:
        reasons = ", ".join(f"{code} {count:,}" for code, count in sorted(stats["errors"].items()))
        raise TooManyErrorsError(
            f"{errors:,} of {rows:,} rows are in error ({errors / rows:.2%}, --max_error_rate "
            f"allows {most:.2%}): {reasons}; nothing was published, the finished work is kept"
        )


def published_files(output: str) -> list[str]:
    """What a run publishes beside `_SUCCESS`, as far as it lies in `output`."""
    files = storage.files_in(output)
    return [
        file.path
        for file in files
        if file.name in (MANIFEST, REPORT) or file.name.startswith("part-")
    ]


def plan_parts(files: list[storage.FileInfo]) -> list[Part]:
    """Shares finished files out over parts of a useful size, in the corpus' order."""
    groups: list[list[str]] = [[]]
    size = 0
    for file in files:
        if groups[-1] and size + file.size > PART_BYTES:
            groups.append([])
            size = 0
        groups[-1].append(file.name)
        size += file.size
    total = len(groups)
    return [
        Part(f"part-{number:05d}-of-{total:05d}.parquet", names)
        for number, names in enumerate(groups)
    ]


def _pack_part(part: Part, plan_path: str, work: str, output: str) -> dict[str, Any]:
    with failures_told(work):
        path = storage.join(output, part.name)
        if not storage.exists(path):
            pack(part, load_plan(plan_path), work, path)
        with storage.open_input(path) as stream:
            rows = pq.read_metadata(stream).num_rows
        return {"name": part.name, "rows": rows, "bytes": storage.size(path)}


def pack(part: Part, plan: Plan, work: str, path: str) -> None:
    """Writes one part from its finished files."""
    schema = output_schema(document_schema(plan.schema, plan.columns))
    about = {"bundle": plan.settings["bundle"], "version": plan.settings["version"]}
    schema = schema.with_metadata({METADATA_KEY: json.dumps({**about, "plan": plan.digest})})
    with (
        storage.writing(path) as stream,
        pq.ParquetWriter(stream, schema, compression=COMPRESSION) as writer,
    ):
        pending: list[pa.Table] = []
        rows = 0
        for name in part.files:
            with storage.open_input(storage.join(work, name)) as finished:
                table = pq.read_table(finished).replace_schema_metadata(schema.metadata)
            pending.append(table)
            rows += table.num_rows
            if rows >= ROW_GROUP_ROWS:
                writer.write_table(_joined(pending), row_group_size=ROW_GROUP_ROWS)
                pending, rows = [], 0
        if pending:
            writer.write_table(_joined(pending), row_group_size=ROW_GROUP_ROWS)


def _joined(tables: list[pa.Table]) -> pa.Table:
    return pa.concat_tables(tables).unify_dictionaries().combine_chunks()


def _commit(parts: list[dict[str, Any]], plan_path: str, work: str, output: str) -> str:
    path = storage.join(output, MANIFEST)
    if not storage.exists(plan_path) and storage.exists(storage.join(output, SUCCESS)):
        return path  # a retry of what was done
    with failures_told(work):
        plan = load_plan(plan_path)
        found = storage.read_json(storage.join(work, "merged.json"))
        parts = sorted(parts, key=lambda part: part["name"])
        published = sum(part["rows"] for part in parts)
        if published != found["rows"]:
            raise NewsbeamError(
                f"the parts hold {published} rows, {found['rows']} were finished; not published"
            )
        started = storage.read_json(storage.join(work, "started.json"))
        manifest = manifest_of(plan, found, parts, started, read_notes(work))
        guarded("report", manifest["problems"], lambda: write_report(output, manifest))
        storage.write_json(path, manifest)
        storage.write_bytes(storage.join(output, SUCCESS), b"")
        storage.delete_folder(work)
        return path
