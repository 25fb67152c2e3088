"""Incremental scoring: each run scores what is new or changed, in a folder of its own.

DIR/bundle=<short digest>/run=<UTC time>/   one published run: parts, manifest, `_SUCCESS`
DIR/_fingerprints.json                      what was hashed before, so that nothing is read twice

A bundle's runs are a series. An input is done if the latest published run of the series that
scored it found the same content and was given the same options. A run that scores an input again
says in its manifest which run's rows it replaces.
"""

import dataclasses
import datetime
import hashlib
import json
import os
from collections.abc import Callable
from typing import Any, NamedTuple

from pipeline import folder, storage
from pipeline.corpus import ReadSettings
from pipeline.errors import BadFileError, UsageError
from pipeline.fingerprint import Fingerprints
from pipeline.folder import SERIES
from pipeline.manifest import SUCCESS
from pipeline.plan import Plan, fingerprint_input, load_plan

RUN = "run="
FINGERPRINTS = "_fingerprints.json"
TIME = "%Y%m%dT%H%M%SZ"
DIGEST_CHARACTERS = 12

Inputs = list[tuple[str, str]]


class Done(NamedTuple):
    """How an input was scored last.

    Attributes:
        run: the name of the run's folder, without `run=`.
        source: the input's path as that run wrote it.
        fingerprint: of its content.
        options: digest of the options that it was scored with.
    """

    run: str
    source: str
    fingerprint: str
    options: str


class Series:
    """The runs of one bundle below an output folder.

    Args:
        root: the output folder, held by us.
        bundle: the bundle's digest.
        options: all that a person chose and that changes results, as JSON values. Not in it: what
            follows from the machine (precision, token budget) and our own version, or a new
            processor would score the whole archive anew.
    """

    def __init__(self, root: str, bundle: str, options: dict[str, Any]):
        self.path = storage.join(root, SERIES + bundle[:DIGEST_CHARACTERS])
        text = json.dumps(options, sort_keys=True)
        self.options = hashlib.sha256(text.encode()).hexdigest()

    def run_folder(self, run: str) -> str:
        """The folder of a run."""
        return storage.join(self.path, RUN + run)

    def runs(self) -> list[str]:
        """Names of all runs, published or not, from the oldest to the latest."""
        return sorted(n[len(RUN) :] for n in storage.folders_in(self.path) if n.startswith(RUN))

    def next_run(self) -> str:
        """The name of a new run: the time, but later than all that are there."""
        now = datetime.datetime.now(datetime.UTC)
        taken = self.runs()
        if taken and now.strftime(TIME) <= taken[-1]:
            latest = datetime.datetime.strptime(taken[-1], TIME)
            now = latest + datetime.timedelta(seconds=1)
        return now.strftime(TIME)

    def done(self) -> dict[str, Done]:
        """The inputs that published runs have scored, by `place`; of each the latest time."""
        found: dict[str, Done] = {}
        for run in self.runs():
            manifest = folder.published_manifest(self.run_folder(run))
            if manifest is None:
                continue
            series = manifest["series"]
            for path, fingerprint in manifest["plan"]["sources"]:
                done = Done(run, path, fingerprint, series["options"])
                if not _gave_nothing(path, manifest):
                    found[place(path, series["working_folder"])] = done
        return found


def _gave_nothing(path: str, manifest: dict[str, Any]) -> bool:
    """Whether an input could not be read at all; it is tried again until it can."""
    bad = {one["path"] for one in manifest["bad_files"]}
    return path in bad and not manifest["stats"]["sources"].get(path, {}).get("rows")


def place(path: str, working_folder: str | None = None) -> str:
    """One name for an input, from whichever folder and however it was named."""
    if not storage.is_local(path) or path.startswith("tfds:"):
        return path
    path = storage.local_path(path)
    return os.path.normpath(os.path.join(working_folder or os.getcwd(), path))


def check_root(root: str) -> None:
    """Refuses an output folder that holds something else than series.

    Raises:
        UsageError: if it does.
    """
    names = [name for name in folder.strange_things(root) if name != FINGERPRINTS]
    strange = [name for name in names if not name.startswith(SERIES)] + [
        storage.local_path(path) for path in folder.work_folders(root)
    ]
    if strange:
        raise UsageError(
            f"{root} holds something else than incremental runs ({strange[0]}); "
            f"use another --output"
        )


def known_fingerprints(root: str) -> Fingerprints:
    """What was hashed for earlier runs, wherever they ran."""
    if not storage.is_local(root):
        return Fingerprints()
    return Fingerprints(os.path.join(storage.local_path(root), FINGERPRINTS))


def select(
    inputs: Inputs, series: Series, reading: ReadSettings, fingerprints: Fingerprints
) -> tuple[Inputs, dict[str, dict[str, str]]]:
    """Finds out what must be scored, without reading what is known.

    Args:
        inputs: pairs of path and format.
        series: the runs so far.
        reading: what the formats must be told.
        fingerprints: of files.

    Returns:
        The inputs that are new or changed, or that cannot be read (the plan decides on them); and
        by path, for each that was scored before, the `run` and `source` whose rows it replaces.
    """
    done = series.done()
    chosen: Inputs = []
    replaces: dict[str, dict[str, str]] = {}
    with fingerprints:
        for path, kind in inputs:
            before = done.get(place(path))
            if before is not None:
                try:
                    seen = fingerprint_input(path, kind, reading, fingerprints)
                except (OSError, BadFileError):
                    seen = None
                wanted = (before.fingerprint, before.options)
                if seen is not None and (seen.digest, series.options) == wanted:
                    continue
                if seen is not None:
                    replaces[path] = {"run": before.run, "source": before.source}
            chosen.append((path, kind))
    return chosen, replaces


def dead_runs(series: Series) -> list[tuple[str, Plan | None]]:
    """Runs that were begun and not published, with their plans; None if there is none to read."""
    found: list[tuple[str, Plan | None]] = []
    for run in series.runs():
        path = series.run_folder(run)
        if storage.exists(storage.join(path, SUCCESS)):
            folder.clean_up(path)  # it may have died right behind the commit
            continue
        plans = folder.work_folders(path)
        try:
            found.append((run, load_plan(storage.join(plans[0], folder.PLAN)) if plans else None))
        except (OSError, ValueError, KeyError, TypeError):
            found.append((run, None))
    return found


def notes_of(
    series: Series, run: str, plan: Plan, replaces: dict[str, dict[str, str]]
) -> dict[str, Any]:
    """What a run's manifest says beside what every manifest does."""
    about = {"run": run, "options": series.options, "working_folder": os.getcwd()}
    used = [replaces[source.path] for source in plan.sources if source.path in replaces]
    return {"series": about, "replaces": used}


def continue_dead(
    series: Series, plan_inputs: Callable[[Inputs], Plan], run: Callable[[str, Plan, dict], None]
) -> list[str]:
    """Finishes runs that died, if their inputs and options are still the same.

    Others are taken away: their inputs are new or changed ones for the next run.

    Args:
        series: the runs.
        plan_inputs: plans a run over some inputs, with the options of this one.
        run: scores: folder, plan, notes for the manifest.

    Returns:
        The folders of the runs that are finished now.
    """
    finished = []
    for name, plan in dead_runs(series):
        path = series.run_folder(name)
        notes = _notes_of_dead(path)
        again = _plan_again(plan, plan_inputs)
        if plan is None or again is None or notes.get("options") != series.options:
            storage.delete_folder(path)
            continue
        settings = {**plan.settings, "on_bad_file": again.settings["on_bad_file"]}
        run(path, dataclasses.replace(plan, settings=settings), notes["kept"])
        finished.append(path)
    return finished


def _plan_again(plan: Plan | None, plan_inputs: Callable[[Inputs], Plan]) -> Plan | None:
    """The same inputs planned now; None if that gives another plan."""
    if plan is None:
        return None
    try:
        again = plan_inputs([(source.path, source.format) for source in plan.sources])
    except UsageError:
        return None
    same = {**plan.identity(), "skipped": []} == {**again.identity(), "skipped": []}
    return again if same else None


def _notes_of_dead(path: str) -> dict[str, Any]:
    """The options' digest of a dead run, and what its manifest was to say."""
    for work in folder.work_folders(path):
        try:
            started = storage.read_json(storage.join(work, folder.STARTED))
        except (OSError, ValueError):
            continue
        if "series" in started:
            kept = {key: started[key] for key in ("series", "replaces")}
            return {"options": started["series"]["options"], "kept": kept}
    return {}
