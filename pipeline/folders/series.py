"""The runs of one bundle below an output folder, and which inputs they have scored.

DIR/bundle=<short digest>/run=<UTC time>/   one published run: parts, manifest, `_SUCCESS`

An input is done if the latest published run that scored it saw the same content and was given
the same options.
"""

import datetime
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from pipeline import durable, layout, storage
from pipeline.corpus.formats.registry import by_prefix
from pipeline.output.manifest_shape import SERIES, misfit
from pipeline.output.published import damaged_manifest, gave_nothing, readable_manifest

TIME = "%Y%m%dT%H%M%SZ"


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
        root: the output folder, locked by us.
        bundle: the bundle's digest.
        options: all that a person chose and that changes results, as JSON values. Not in it: what
            follows from the machine (precision, token budget) and our own version, or a new
            processor would score the whole archive anew.
    """

    def __init__(self, root: str, bundle: str, options: dict[str, Any]):
        self.path = storage.join(root, layout.series_name(bundle))
        text = json.dumps(options, sort_keys=True)
        self.options = hashlib.sha256(text.encode()).hexdigest()

    def run_folder(self, run: str) -> str:
        """The folder of a run."""
        return storage.join(self.path, layout.RUN_PREFIX + run)

    def runs(self) -> list[str]:
        """Names of all runs, published or not, from the oldest to the latest."""
        return [run.run for run in layout.runs_of(self.path)]

    def next_run(self) -> str:
        """The name of a new run: the time, but later than all that are there."""
        now = datetime.datetime.now(datetime.UTC)
        taken = self.runs()
        if taken and now.strftime(TIME) <= taken[-1]:
            latest = datetime.datetime.strptime(taken[-1], TIME)
            now = latest + datetime.timedelta(seconds=1)
        return now.strftime(TIME)

    def done(self) -> dict[str, Done]:
        """The inputs that need not be scored again, if they are as they were: see `scored`.

        Those that were dropped from a table are scored again when they are there again.
        """
        dropped = self.dropped()
        return {path: done for path, done in self.scored().items() if dropped.get(path) != done.run}

    def gone(self, inputs: Iterable[str]) -> dict[str, Done]:
        """The inputs that were scored and are none any more, by `place`."""
        here = {place(path) for path in inputs}
        return {path: done for path, done in self.scored().items() if path not in here}

    def note_dropped(self, gone: dict[str, Done]) -> None:
        """Notes that the rows of inputs leave the table, before they do."""
        before = self.dropped()
        dropped = {**before, **{path: done.run for path, done in gone.items()}}
        if dropped != before:
            durable.write_json(storage.join(self.path, layout.DROPPED), dropped)

    def dropped(self) -> dict[str, str]:
        """By `place`: the run of which an input's rows have left the table."""
        content = storage.read_if_there(storage.join(self.path, layout.DROPPED))
        return {} if content is None else json.loads(content)

    def scored(self) -> dict[str, Done]:
        """The inputs that published runs have scored, by `place`; of each the latest time."""
        done_by_place: dict[str, Done] = {}
        for run, manifest in self.manifests():
            done_by_place.update(self.done_in(run, manifest))
        return done_by_place

    def manifests(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Names and manifests of the published runs, from the oldest to the latest.

        Raises:
            NewsbeamError: if somebody has changed one.
        """
        for run in self.runs():
            manifest = readable_manifest(self.run_folder(run))
            if manifest is None:
                continue
            if misfit(manifest.get("series", {}), SERIES) is not None:
                raise damaged_manifest(self.run_folder(run), "series")
            yield run, manifest

    def done_in(self, run: str, manifest: dict[str, Any]) -> Iterator[tuple[str, Done]]:
        """The inputs that one run has scored, by `place`."""
        series = manifest["series"]
        for path, fingerprint in manifest["plan"]["sources"]:
            if not gave_nothing(path, manifest):
                done = Done(run, path, fingerprint, series["options"])
                yield place(path, series["working_folder"]), done


def all_series(root: str) -> Iterator[Series]:
    """The series of all bundles below an output folder."""
    for name in storage.folders_in(root):
        if name.startswith(layout.SERIES_PREFIX):
            yield Series(root, name.removeprefix(layout.SERIES_PREFIX), {})


def place(path: str, working_folder: str | None = None) -> str:
    """One name for an input, from whichever folder and however it was named."""
    if not storage.is_local(path) or by_prefix(path) is not None:
        return path
    path = storage.local_path(path)
    return os.path.normpath(os.path.join(working_folder or os.getcwd(), path))
