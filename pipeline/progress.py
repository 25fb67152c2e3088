"""Follows a run from another terminal: `python -m pipeline.progress --output DIR`."""

import os
import socket
import sys
import time
from contextlib import suppress
from typing import IO

from model.console.terminal import say
from pipeline import layout, storage
from pipeline.corpus.planning.saved_plan import load_plan
from pipeline.errors import NewsbeamError, UsageError
from pipeline.folders import folder
from pipeline.launcher.command import folder_parser, main
from pipeline.output.completion import Done, FinishedWork
from pipeline.output.published import damaged_manifest, published, readable_manifest
from pipeline.reporting.humanize import count, duration, plural
from pipeline.reporting.progress_bar import LOOK_SECONDS, REST, Display, Speed, sentence, so_far


def watch(output: str, stream: IO[str], once: bool = False) -> int:
    """Follows the run in an output folder until it is published.

    Args:
        output: the folder.
        stream: where to show it.
        once: say how far it is and return.

    Returns:
        The exit code.

    Raises:
        UsageError: if there is no run.
        NewsbeamError: if nobody works on the run any more.
    """
    path = find_run(output)
    works = folder.unfinished_works(path)
    if works:
        before = published(path)
        plan = load_plan(storage.join(works[0], layout.PLAN))
        finished = FinishedWork(plan, works[0])
        if once:
            say(sentence(finished.look(), _resting()), stream)
            return 0
        _follow(path, output, works[0], finished, Display(stream))
        if published(path) == before:
            raise NewsbeamError(f"the run in {path} was given up")
    manifest = readable_manifest(path)
    if manifest is None:
        raise damaged_manifest(path, "another one")
    say(
        f"done: {plural(manifest['rows'], 'row')}, {count(manifest['in_error'])} in error, "
        f"finished {manifest['finished']} after {duration(manifest['seconds'])}: {path}",
        stream,
    )
    return 0


def find_run(output: str) -> str:
    """The folder of the run in `output`: itself, or that of its latest incremental run.

    Raises:
        UsageError: if there is none.
    """
    runs = [run.path for run in layout.runs_in(output)]
    under_way = [run for run in runs if folder.unfinished_works(run)]
    done = [run for run in runs if storage.exists(storage.join(run, layout.SUCCESS))]
    if not under_way and not done:
        raise UsageError(f"there is no run in {output}")
    return (under_way or done)[-1]


def _resting() -> Speed:
    speed = Speed()
    speed.add(Done(0, 0, None, 0.0), 0.0)
    return speed


def _follow(path: str, root: str, work: str, finished: FinishedWork, display: Display) -> None:
    """Shows a run until its work folder's plan is gone, which is when it is published.

    Raises:
        NewsbeamError: if nobody works on it.
    """
    pause = 0.0
    before = published(path)
    try:
        while storage.exists(storage.join(work, layout.PLAN)):
            time.sleep(pause)
            started = time.monotonic()
            done = None
            with suppress(OSError):  # files that go away while they are read
                done = finished.look()
                display.show(done)
            if published(path) != before:
                return
            if done is not None and _is_abandoned(root) and _is_abandoned(path):
                if published(path) != before:  # it has ended just now
                    return
                raise NewsbeamError(
                    f"nobody works on the run in {path} ({so_far(done)}); "
                    "the same command continues it"
                )
            pause = max(LOOK_SECONDS, REST * (time.monotonic() - started))
    finally:
        display.close()


def _is_abandoned(output: str) -> bool:
    """Whether the process that holds a folder on this machine has ended, or none holds it."""
    if not storage.is_local(output):
        return False  # a store's lease runs out by itself; meanwhile we can't know
    try:
        holder = storage.read_json(storage.join(output, layout.LOCK))
        if holder["host"] != socket.gethostname():
            return False
        os.kill(holder["pid"], 0)
    except (FileNotFoundError, ProcessLookupError):
        return True
    except (OSError, ValueError, KeyError):
        return False  # of another user, or just being written
    return False


def progress(argv: list[str]) -> int:
    """Shows how far the run in a folder is, until it is done."""
    parser = folder_parser("pipeline.progress", __doc__)
    parser.add_argument("--once", action="store_true", help="say how far it is, and end")
    options = parser.parse_args(argv)
    return watch(options.output, sys.stdout, options.once)


if __name__ == "__main__":
    main(progress)
