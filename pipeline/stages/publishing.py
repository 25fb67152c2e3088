"""PublishRun: checkpoints -> parts, manifest, `_SUCCESS`. The run's last step, on every runner.

Only names and numbers are shuffled. Each step may be repeated: parts are packed in the work folder,
where those that are there are known by their content, and a run that died here is finished by the
next one. The last step puts all of it in the place of what is published: see `output/swap.py`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam

from pipeline import durable, layout, storage
from pipeline.corpus.planning.plan import rows_of
from pipeline.errors import DamagedCheckpointError, NewsbeamError
from pipeline.folders.folder import read_started
from pipeline.folders.launch_context import read_notes
from pipeline.output.checkpoints import read_stats
from pipeline.output.checks import (
    check_bad_files,
    check_counts,
    check_error_rate,
    complete_files,
)
from pipeline.output.counts import settled_plan
from pipeline.output.manifest import guarded, manifest_of
from pipeline.output.moves import TakenOverError
from pipeline.output.parts import Part, described, is_packed, pack, plan_parts
from pipeline.output.published import published_manifest
from pipeline.output.swap import publish
from pipeline.output.work import remove_work
from pipeline.quality.stats import merge
from pipeline.reporting.page import page
from pipeline.stages.context import RunContext
from pipeline.worker.failures import report_failures

FILES_AT_A_TIME = 200  # footers that one worker reads


@dataclass
class PublishRun(beam.PTransform):
    """Names of checkpoints (they only say that all is written) -> the manifest's path."""

    context: RunContext

    def expand(self, written: beam.PCollection) -> beam.PCollection:
        context = self.context
        return (
            written
            | "AllWritten" >> beam.CombineGlobally(beam.combiners.CountCombineFn())
            | "ListFinished" >> beam.FlatMap(_list_finished, context)
            | "ShareOutFooters" >> beam.Reshuffle()
            | "ReadStatistics" >> beam.Map(_read_many, context.work)
            | "MergeStatistics" >> beam.CombineGlobally(_merge_all)
            | "PlanParts" >> beam.FlatMap(_plan_parts, context)
            | "ShareOutParts" >> beam.Reshuffle()
            | "PackPart" >> beam.Map(_pack_part, context)
            | "AllPacked" >> beam.combiners.ToList()
            | "Commit" >> beam.Map(_commit, context)
        )


def _list_finished(_: int, context: RunContext) -> Iterator[list[str]]:
    with report_failures(context.work):
        names = [file.name for file in complete_files(context.plan, context.work)]
        for start in range(0, len(names), FILES_AT_A_TIME):
            yield names[start : start + FILES_AT_A_TIME]


def _read_many(names: list[str], work: str) -> dict[str, Any]:
    """Merges what a few checkpoints say; `bad_files` holds reason and file name by source."""
    with report_failures(work):
        read, damaged = [], []
        for name in names:
            try:
                read.append((name, *read_stats(storage.join(work, name))))
            except DamagedCheckpointError as error:
                damaged.append(error)
        if damaged:
            durable.delete([error.path for error in damaged])
            raise damaged[0]
        bad = {
            source: [reason, name]
            for name, stats, reason, _ in read
            if reason is not None
            for source in stats["sources"]
        }
        return {
            "stats": merge(stats for _, stats, _, _ in read),
            "bad_files": bad,
            "rows": sum(rows for _, _, _, rows in read),
        }


def _merge_all(several: Iterable[dict[str, Any]]) -> dict[str, Any]:
    every = list(several)
    return {
        "stats": merge(one["stats"] for one in every),
        "bad_files": {path: why for one in every for path, why in one["bad_files"].items()},
        "rows": sum(one["rows"] for one in every),
    }


def _plan_parts(merged: dict[str, Any], context: RunContext) -> Iterator[Part]:
    work = context.work
    with report_failures(work):
        plan = context.plan
        if not context.skip_bad_files:
            check_bad_files(merged["bad_files"], work)
        check_counts(merged, rows_of(settled_plan(plan, work)))
        check_error_rate(merged["stats"], context.max_error_rate)
        bad = {source: reason for source, (reason, _) in sorted(merged["bad_files"].items())}
        merged_file = storage.join(work, layout.MERGED)
        durable.write_json(merged_file, {**merged, "bad_files": bad}, make_folder=False)
        yield from plan_parts(complete_files(plan, work))


def _pack_part(part: Part, context: RunContext) -> dict[str, Any]:
    work = context.work
    with report_failures(work):
        path = storage.join(work, part.name)
        if not is_packed(part, context.plan, path):
            try:
                pack(part, context.plan, work, path)
            except DamagedCheckpointError as error:
                durable.delete([error.path])
                raise
        return described(part, path)


def _commit(parts: list[dict[str, Any]], context: RunContext) -> str:
    work, output = context.work, context.output
    path = storage.join(output, layout.MANIFEST)
    with report_failures(work):
        try:
            plan = context.plan
            started = read_started(work)
            merged = storage.read_json(storage.join(work, layout.MERGED))
            notes = read_notes(work)
            if context.chooses:
                notes["threshold"] = storage.read_json(context.threshold_path)
        except FileNotFoundError as error:
            if not _is_done(output, work):
                raise TakenOverError(output) from error
            remove_work(work)
            return path  # a retry of what was done
        parts = sorted(parts, key=lambda part: part["name"])
        packed = sum(part["rows"] for part in parts)
        if packed != merged["rows"]:
            raise NewsbeamError(
                f"the parts hold {packed} rows, {merged['rows']} were finished; not published"
            )
        manifest = manifest_of(plan, merged, parts, started, notes)
        report = guarded("report", manifest["problems"], lambda: page(manifest).encode())
        publish(output, work, manifest, report, started.get("over"))
        return path


def _is_done(output: str, work: str) -> bool:
    manifest = published_manifest(output)
    name = manifest and layout.work_name(manifest["plan"]["digest"])
    return name == layout.last_part(work)
