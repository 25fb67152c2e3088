"""Runs one contender as a process of its own, and measures it from outside."""

import json
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

STARTED = "NEWSBEAM_BENCHMARK_STARTED"  # the machine's monotonic clock when the process was started
SAMPLE_SECONDS = 0.25
LOOK_SECONDS = 0.05
LIMIT_SECONDS = 3600
ROOT = Path(__file__).parent.parent


class Failed(Exception):
    """A contender ended with an error; the message is the last of what it printed."""


def run_process(
    command: Sequence[str], environment: Mapping[str, str], watched: Path | None = None
) -> dict[str, Any]:
    """Runs a command to its end.

    Args:
        command: what to run, in the repository's folder.
        environment: is added to ours.
        watched: an output folder in whose work folder the first checkpoint is waited for.

    Returns:
        `seconds` from start to end; `peak_bytes`, the highest sum of the resident memory of the
        process and its children, looked at four times a second; `first_file`, seconds
        until there was one (None: none seen); and what its last
        line of output holds, if that is a JSON object.

    Raises:
        Failed: if the exit code isn't 0, or there is none within an hour.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        started = time.monotonic()
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **environment, STARTED: repr(started)},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=errors,
        )
        watcher = _Watcher(process.pid, watched, started)
        try:
            code = process.wait(LIMIT_SECONDS)
            seconds = time.monotonic() - started
        except subprocess.TimeoutExpired:
            kill_tree(process.pid)
            raise Failed(f"no end after {LIMIT_SECONDS} s") from None
        except BaseException:
            kill_tree(process.pid)
            raise
        finally:
            watcher.stop()
        if code:
            errors.seek(0)
            lines = errors.read().decode(errors="replace").strip().splitlines()
            raise Failed(f"exit code {code}: {lines[-1] if lines else 'no word'}")
        out.seek(0)
        result = _last_object(out.read().decode(errors="replace"))
    return {"seconds": seconds, **watcher.seen(), **result}


def since_start() -> float:
    """Seconds since the process that calls this was started by `run_process`."""
    if STARTED in os.environ:
        return time.monotonic() - float(os.environ[STARTED])
    return time.time() - psutil.Process().create_time()


def kill_tree(pid: int) -> None:
    """Kills a process and its children."""
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        for one in [*process.children(recursive=True), process]:
            with suppress(psutil.Error):
                one.kill()


class _Watcher:
    """Looks at a process from a thread: its memory, and its first checkpoint."""

    def __init__(self, pid: int, watched: Path | None, started: float):
        self._pid, self._watched, self._started = pid, watched, started
        self._peak = 0
        self._first_file: float | None = None
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._end.set()
        self._thread.join()

    def seen(self) -> dict[str, Any]:
        return {"peak_bytes": self._peak, "first_file": self._first_file}

    def _look(self) -> None:
        sampled = 0.0
        while True:
            now = time.monotonic()
            if now - sampled >= SAMPLE_SECONDS:
                self._peak, sampled = max(self._peak, resident_bytes(self._pid)), now
            if self._watched is not None and self._first_file is None:
                self._look_for_file(self._watched)
                pause = LOOK_SECONDS
            else:
                pause = SAMPLE_SECONDS
            if self._end.wait(pause):
                return

    def _look_for_file(self, watched: Path) -> None:
        with suppress(OSError):  # the work folder may be deleted while it is listed
            if any(watched.glob("_work-*/[0-9]*.parquet")):
                self._first_file = time.monotonic() - self._started


def resident_bytes(pid: int) -> int:
    """The resident memory of a process and all its children; pages they share count for each."""
    total = 0
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        for one in [process, *process.children(recursive=True)]:
            with suppress(psutil.Error):
                total += one.memory_info().rss
    return total


def _last_object(text: str) -> dict[str, Any]:
    lines = text.strip().splitlines()
    if not lines or not lines[-1].startswith("{"):
        return {}
    try:
        return json.loads(lines[-1])
    except ValueError:
        return {}
