"""Shows how far a run is: a bar on one line of a terminal, plain lines in a log or a pipe."""

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

from tqdm import tqdm

from model.console.terminal import say
from pipeline.corpus.planning.plan import Plan
from pipeline.output.completion import Done, FinishedWork
from pipeline.reporting.humanize import count, duration, percent, plural

LINE_SECONDS = 30.0
LOOK_SECONDS = 0.5
REST = 10  # at least so many times as long as a look takes lies between two of them
WINDOW_SECONDS = 60.0  # over which speed is taken
TICKS = 10_000  # of a bar


class Speed:
    """Rows a second over the last minute, and the time that is left."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, Done]] = deque()

    def add(self, done: Done, now: float) -> None:
        """Notes how far the run is at a time in seconds."""
        self._seen.append((now, done))
        while len(self._seen) > 2 and self._seen[1][0] < now - WINDOW_SECONDS:
            self._seen.popleft()

    def rows_a_second(self) -> float | None:
        """None as long as nothing moves."""
        (before, first), (now, last) = self._seen[0], self._seen[-1]
        return (last.rows - first.rows) / (now - before) if last.rows > first.rows else None

    def seconds_left(self) -> float | None:
        """None as long as nothing moves."""
        (before, first), (now, last) = self._seen[0], self._seen[-1]
        gained = last.share - first.share
        return (1 - last.share) * (now - before) / gained if gained > 0 else None


def so_far(done: Done) -> str:
    """What is done, whether or not anybody goes on."""
    if done.total is not None:
        return f"{count(done.rows)} of {plural(done.total, 'row')}"
    return f"{plural(done.rows, 'row')} (about {percent(done.share)})"


def sentence(done: Done, speed: Speed) -> str:
    """How far a run is, in one line."""
    parts = [so_far(done)]
    rate, left = speed.rows_a_second(), speed.seconds_left()
    if not done.rows:
        parts.append("starting up")
    if rate is not None:
        parts.append(f"{count(rate)} documents a second")
    if done.share >= 1:
        parts.append("publishing")
    elif left is not None:
        parts.append(f"{duration(left)} left")
    if done.errors:
        parts.append(f"{count(done.errors)} in error")
    return ", ".join(parts)


class Display:
    """Shows sentences on a stream: as a bar if it is a terminal, else a line now and then."""

    def __init__(self, stream: IO[str]):
        self._stream = stream
        self._bar: tqdm | None = None
        if stream.isatty():
            form = "{percentage:3.0f}% |{bar}| {desc}"
            self._bar = tqdm(total=TICKS, file=stream, bar_format=form, dynamic_ncols=True)
        self._next_line = time.monotonic() + LINE_SECONDS
        self._speed = Speed()

    def show(self, done: Done) -> None:
        """Shows how far the run is."""
        now = time.monotonic()
        self._speed.add(done, now)
        if self._bar is not None:
            self._bar.set_description_str(sentence(done, self._speed), refresh=False)
            self._bar.n = round(done.share * TICKS)
            self._bar.refresh()
        elif now >= self._next_line:
            self._next_line = now + LINE_SECONDS
            say(f"{percent(done.share)}: {sentence(done, self._speed)}", self._stream)

    def close(self) -> None:
        """Ends the bar's line."""
        if self._bar is not None:
            self._bar.close()


def _own_stderr() -> IO[str]:
    """Standard error by a descriptor of its own, which goes on while libraries are silenced."""
    try:
        return os.fdopen(os.dup(sys.stderr.fileno()), "w", buffering=1)
    except (AttributeError, OSError, ValueError):  # no file, as in a notebook
        return sys.stderr


@contextmanager
def showing_progress(plan: Plan, work: str, stream: IO[str] | None = None) -> Iterator[None]:
    """Shows how far a run is while the block runs.

    Args:
        plan: of the run.
        work: its work folder.
        stream: where to; standard error unless given.
    """
    stop = threading.Event()
    display = Display(stream or _own_stderr())
    finished = FinishedWork(plan, work)

    def follow() -> None:
        pause = LOOK_SECONDS
        while not stop.wait(pause):
            started = time.monotonic()
            with suppress(Exception):  # a file that goes while we read it; it's only a display
                display.show(finished.look())
            pause = max(LOOK_SECONDS, REST * (time.monotonic() - started))

    thread = threading.Thread(target=follow, name="newsbeam-progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        display.close()
