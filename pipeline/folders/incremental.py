"""Incremental scoring: each run scores what is new or changed, in a folder of its own.

DIR/bundle=<short digest>/run=<UTC time>/   one published run: parts, manifest, `_SUCCESS`
DIR/_fingerprints.json                      what was hashed before, so that nothing is read twice

A bundle's runs are a series. An input is done if the latest published run of the series that
scored it saw the same content and was given the same options. A run that scores an input again
says in its manifest which run's rows it replaces.
"""

import dataclasses
import os
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from pipeline import layout, storage
from pipeline.corpus.fingerprint import Fingerprints, fingerprint_input
from pipeline.corpus.planning.plan import Plan
from pipeline.corpus.planning.same_run import continued
from pipeline.corpus.planning.saved_plan import load_plan
from pipeline.corpus.sources import ReadSettings
from pipeline.corpus.tables.tables import TABLE_FORMAT, Tables
from pipeline.errors import BadFileError, UsageError
from pipeline.folders import folder
from pipeline.folders.series import Series, place
from pipeline.folders.table_series import Changes, changes, noted
from pipeline.output.published import published_manifest
from pipeline.output.work import work_folders

Inputs = list[tuple[str, str]]


def known_fingerprints(root: str, verify: bool = False, keep: bool = True) -> Fingerprints:
    """What was hashed for earlier runs, wherever they ran; else as `Fingerprints` takes it."""
    path = None
    if storage.is_local(root):
        path = os.path.join(storage.local_path(root), layout.FINGERPRINTS)
    return Fingerprints(path, verify, keep)


class Selected(NamedTuple):
    """What must be done.

    Attributes:
        inputs: those that are new or changed, or that cannot be read (the plan decides on them).
        replaces: by path of those that were scored before: whose `run` and `source` they replace.
        tables: what has changed in each table, by its key.
    """

    inputs: Inputs
    replaces: dict[str, dict[str, str]]
    tables: dict[str, Changes]

    def is_nothing(self) -> bool:
        """Whether neither rows come nor go."""
        return not self.inputs and not any(one.replaced for one in self.tables.values())

    def kept(self) -> set[str]:
        """Sources whose rows tables still have, though perhaps in other files."""
        return {source for one in self.tables.values() for _, source in one.kept}


def select(
    inputs: Inputs,
    series: Series,
    reading: ReadSettings,
    fingerprints: Fingerprints,
    tables: Tables,
) -> Selected:
    """Finds out what must be scored, without reading what is known.

    Args:
        inputs: pairs of path and format.
        series: the runs so far.
        reading: what the formats must know.
        fingerprints: of files.
        tables: those whose files are among the inputs.
    """

    def look(path: str, kind: str) -> str | None:
        try:
            return tables.see(path, fingerprint_input(path, kind, reading, fingerprints)).digest
        except (OSError, BadFileError):
            return None

    done = series.done()
    chosen: Inputs = []
    replaces: dict[str, dict[str, str]] = {}
    with fingerprints:
        changed = {
            name: changes(tables, name, series, lambda path: look(path, TABLE_FORMAT))
            for name in tables.versions()
        }
        new = {path for one in changed.values() for path in one.new}
        for path, kind in inputs:
            if tables.has(path):
                chosen += [(path, kind)] if path in new else []
                continue
            before = done.get(place(path))
            if before is not None:
                digest = look(path, kind)
                if (digest, series.options) == (before.fingerprint, before.options):
                    continue
                # Also where it can't be read just now: if the plan can, its rows must not be twice.
                replaces[path] = {"run": before.run, "source": before.source}
            chosen.append((path, kind))
    return Selected(chosen, replaces, changed)


def notes_of(
    series: Series, run: str, plan: Plan, selected: Selected, tables: Tables
) -> dict[str, Any]:
    """What a run's manifest says beside what every manifest does."""
    about: dict[str, Any] = {"run": run, "options": series.options, "working_folder": os.getcwd()}
    scored = {source.path for source in plan.sources}
    used = [replaced for path, replaced in selected.replaces.items() if path in scored]
    for name, found in selected.tables.items():
        about.setdefault("tables", {})[name] = noted(tables.versions()[name], found, scored)
        used += [{"run": run, "source": source} for run, source in found.replaced]
    return {"series": about, "replaces": used}


def dead_runs(
    series: Series, plan_again: Callable[[Plan], Plan]
) -> Iterator[tuple[str, Plan, dict[str, Any]]]:
    """Runs that died and can go on, since their inputs and options are still the same.

    Others are taken away: their inputs are new or changed ones for the next run.

    Args:
        series: the runs.
        plan_again: plans the same inputs, tables at the same versions, with this run's options.

    Yields:
        Folder, plan, and notes for the manifest.
    """
    for name, plan in _unpublished(series):
        path = series.run_folder(name)
        notes = _notes_of_dead(path)
        going_on = _going_on(plan, plan_again)
        if going_on is None or notes.get("options") != series.options:
            folder.give_up(path)
        else:
            yield path, going_on, notes["kept"]


def _unpublished(series: Series) -> list[tuple[str, Plan | None]]:
    """Runs that were begun and not published, with their plans; None if there is none to read."""
    unfinished: list[tuple[str, Plan | None]] = []
    for run in series.runs():
        path = series.run_folder(run)
        folder.settle(path)  # it may have died in its last step, or right behind it
        if published_manifest(path) is not None:
            continue
        plans = work_folders(path)
        try:
            plan = load_plan(storage.join(plans[0], layout.PLAN)) if plans else None
            unfinished.append((run, plan))
        except (OSError, ValueError, KeyError, TypeError):
            unfinished.append((run, None))
    return unfinished


def _going_on(plan: Plan | None, plan_again: Callable[[Plan], Plan]) -> Plan | None:
    """A dead run's plan, to go on by; None if its inputs or what is asked for are others now."""
    if plan is None:
        return None
    try:
        again = plan_again(plan)
    except UsageError:
        return None
    return continued(plan, dataclasses.replace(again, skipped=plan.skipped))


def _notes_of_dead(path: str) -> dict[str, Any]:
    """The options' digest of a dead run, and what its manifest was to say."""
    for work in work_folders(path):
        try:
            started = storage.read_json(storage.join(work, layout.STARTED))
        except (OSError, ValueError):
            continue
        if "series" in started:
            kept = {key: started[key] for key in ("series", "replaces")}
            return {"options": started["series"]["options"], "kept": kept}
    return {}
