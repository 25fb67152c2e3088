"""What a run prints when it is done: a few rows, the counts, and where the Parquet lies."""

from collections.abc import Iterator
from typing import Any

import pyarrow.parquet as pq

from model.console.terminal import say
from model.console.text_table import text_table
from pipeline import storage
from pipeline.layout import REPORT
from pipeline.output.published import table_of
from pipeline.reporting.findings import (
    of_a_failing_model,
    of_the_cascade,
    of_the_promise,
    of_the_sets,
)
from pipeline.reporting.language_sections import of_other_languages

ROWS = 8
WIDTH = 44
LEFT_OUT = ("probabilities", "source", "source_row")


def print_summary(output: str, manifest: dict[str, Any], seconds: float | None) -> None:
    """Prints rows read, labelled and in error, and the first of them.

    Args:
        output: the published folder.
        manifest: its manifest.
        seconds: how long this run took; None if it had nothing to do.
    """
    for line in (*first_rows(output, manifest), *_counts(manifest, seconds), *_quality(manifest)):
        say(line)
    say(f"labels lie in {storage.join(output, 'part-*.parquet')}")
    if (table := table_of(manifest)) is not None:
        say(f"they are in the table {table}{_partitions(manifest['table'], manifest['rows'])}")
    if storage.exists(report := storage.join(output, REPORT)):
        say(f"the report lies in {report}")


def first_rows(output: str, manifest: dict[str, Any]) -> list[str]:
    """The first rows of a published run, as the lines of a table in plain text."""
    part = next((part for part in manifest["parts"] if part["rows"]), None)
    if part is None:
        return ["(no rows)"]
    with storage.open_input(storage.join(output, part["name"])) as stream:
        file = pq.ParquetFile(stream)
        names = [name for name in file.schema_arrow.names if name not in LEFT_OUT]
        head = next(file.iter_batches(ROWS, columns=names)).to_pylist()
    return text_table(names, [[_cell(row[name]) for name in names] for row in head])


def _counts(manifest: dict[str, Any], seconds: float | None) -> Iterator[str]:
    rows, stats = manifest["rows"], manifest["stats"]
    speed = f", {rows / seconds:,.0f} documents a second" if seconds else ""
    yield (
        f"{rows:,} rows read, {manifest['labelled']:,} labelled, "
        f"{manifest['in_error']:,} in error{speed}"
    )
    counts = stats.get("rows_by_label", {})
    yield "labels: " + ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items()))
    if decided := of_the_cascade(manifest):
        yield "; ".join([f"models: {decided}", *of_a_failing_model(manifest)])
    if promise := of_the_promise(manifest):
        yield f"agreement: {promise}"
    if sets := of_the_sets(manifest):
        yield f"label sets: {sets}"
    if others := of_other_languages(manifest):
        yield f"languages: {others}"
    if errors := stats.get("errors", {}):
        yield "errors: " + ", ".join(f"{code} {count:,}" for code, count in sorted(errors.items()))
    for bad in manifest["bad_files"]:
        yield f"skipped: {bad['path']}: {bad['reason']}"


def _quality(manifest: dict[str, Any]) -> Iterator[str]:
    for sentence in (manifest["drift"] or {}).get("moved", []):
        yield f"drift: {sentence}"
    for problem in manifest["problems"]:
        yield f"incomplete: {problem}"
    if evaluation := manifest["evaluation"]:
        low, high = evaluation["interval"]
        yield (
            f"accuracy {evaluation['accuracy']:.2%} ({low:.2%} to {high:.2%}), "
            f"macro F1 {evaluation['macro_f1']:.3f}, on {evaluation['rows']:,} rows"
        )


def _partitions(table: dict[str, Any], rows: int) -> str:
    """Into how many files the columns have cut it that the table is partitioned by."""
    if not (count := table.get("partitions")):
        return ""
    by = ",".join(table["partition_by"])
    return f", in {count:,} partitions by {by} of {rows // count:,} rows on average"


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    text = f"{value:.3f}" if isinstance(value, float) else " ".join(str(value).split())
    return text if len(text) <= WIDTH else text[: WIDTH - 1] + "…"
