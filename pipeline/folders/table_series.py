"""Incremental scoring of tables: what is new in a snapshot since the runs of a series.

A table's files never change, but they come and go. Rows of a file that has gone are replaced,
by those of the files that came, if there are any. Where a commit only rewrote files (compaction),
the rows of the new ones are scored already: a cell says which runs have scored what lies in which
files now.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from pipeline.corpus.tables.snapshot import Rewrite
from pipeline.corpus.tables.tables import Tables
from pipeline.folders.series import Series, place
from pipeline.output.manifest_shape import TABLE, misfit
from pipeline.output.published import damaged_manifest

Row = tuple[str, str]  # a run, and the source whose rows it has


class Cell(NamedTuple):
    """Files of a table that hold just the rows that some sources had when they were scored.

    Attributes:
        files: their paths.
        rows: run and source of each.
        fingerprint: of the file, if it is the very one that was scored; None after a rewrite.
        options: digest of the options that it was scored with.
    """

    files: frozenset[str]
    rows: frozenset[Row]
    fingerprint: str | None
    options: str


class Changes(NamedTuple):
    """What is to be done about a table.

    Attributes:
        new: paths of the files to score.
        replaced: run and source of rows that the table has no more, or that are scored again.
        kept: run and source of rows that the table still has.
        moved: cells that rewrites have made, which the next run must know of.
    """

    new: list[str]
    replaced: list[Row]
    kept: set[Row]
    moved: list[Cell]


def cells_of(series: Series, name: str) -> tuple[int | None, list[Cell]]:
    """The version of a table that the latest run saw, and what the runs so far know of it.

    Args:
        series: the runs.
        name: the table's key.
    """
    version: int | None = None
    cells: list[Cell] = []
    for run, manifest in series.manifests():
        table = manifest["series"].get("tables", {}).get(name)
        if table is not None and misfit(table, TABLE) is not None:
            raise damaged_manifest(series.run_folder(run), "series.tables")
        dropped = {(one["run"], one["source"]) for one in manifest.get("replaces", [])}
        moved = [] if table is None else [_cell(one, manifest) for one in table["moved"]]
        dropped |= {row for cell in moved for row in cell.rows}
        cells = [cell for cell in cells if not cell.rows & dropped] + moved
        if table is not None:
            version = table["version"]
            cells += _scored(series, run, manifest, set(table["scored"]))
    gone = series.dropped()  # from a table that was written to
    return version, [
        cell
        for cell in cells
        if not any(gone.get(place(source)) == run for run, source in cell.rows)
    ]


def _cell(one: dict[str, Any], manifest: dict[str, Any]) -> Cell:
    rows = frozenset((run, source) for run, source in one["rows"])
    return Cell(frozenset(one["files"]), rows, None, manifest["series"]["options"])


def _scored(series: Series, run: str, manifest: dict[str, Any], paths: set[str]) -> Iterator[Cell]:
    for _, done in series.done_in(run, manifest):
        path = done.source
        if path in paths:
            yield Cell(frozenset([path]), frozenset([(run, path)]), done.fingerprint, done.options)


def follow(cells: Iterable[Cell], rewrites: Iterable[Rewrite]) -> list[Cell]:
    """Where the rows of cells lie after commits that changed none.

    A rewrite that also touched files which nobody has scored moves nothing: its files are new.
    """
    by_file = {file: cell for cell in cells for file in cell.files}
    for rewrite in rewrites:
        touched = {by_file[file] for file in rewrite.removed if file in by_file}
        files = frozenset(file for cell in touched for file in cell.files)
        options = {cell.options for cell in touched}
        if not rewrite.removed <= files or len(options) != 1:
            continue
        rows = frozenset(row for cell in touched for row in cell.rows)
        merged = Cell(files - rewrite.removed | rewrite.added, rows, None, options.pop())
        for file in files:
            del by_file[file]
        by_file.update(dict.fromkeys(merged.files, merged))
    return list(dict.fromkeys(by_file.values()))


def changes(
    tables: Tables, name: str, series: Series, fingerprint: Callable[[str], str | None]
) -> Changes:
    """Compares a table's snapshot to what the runs of a series have scored.

    Args:
        tables: the snapshots.
        name: the table's key.
        series: the runs so far.
        fingerprint: of a file of the table; None if it can't be read just now.
    """
    version, cells = cells_of(series, name)
    rewrites = tables.rewrites(name, version) if version is not None else None
    now = dict.fromkeys(tables.files(name))
    done: set[str] = set()
    replaced: set[Row] = set()
    kept: set[Row] = set()
    moved = []
    for cell in follow(cells, rewrites or []):
        if _holds(cell, now, series.options, tables, fingerprint):
            done |= cell.files
            kept |= cell.rows
            if cell.fingerprint is None:
                moved.append(cell)
        else:
            replaced |= cell.rows
    new = [path for path in now if path not in done]
    return Changes(new, sorted(replaced), kept, moved)


def _holds(
    cell: Cell,
    now: dict[str, None],
    options: str,
    tables: Tables,
    fingerprint: Callable[[str], str | None],
) -> bool:
    """Whether all rows of a cell are still in the table, and scored as is asked for."""
    if cell.options != options or not all(file in now for file in cell.files):
        return False
    if cell.fingerprint is None:
        return not any(tables.has_deletes(file) for file in cell.files)
    [file] = cell.files
    return fingerprint(file) in (cell.fingerprint, None)


def noted(version: int, found: Changes, scored: set[str]) -> dict[str, Any]:
    """What a run's manifest says of a table.

    Args:
        version: of the table.
        found: what was found to be done.
        scored: paths of the run's sources.
    """
    moved = [{"files": sorted(cell.files), "rows": sorted(cell.rows)} for cell in found.moved]
    return {
        "version": version,
        "scored": [path for path in found.new if path in scored],
        "moved": moved,
    }
