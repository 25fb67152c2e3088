"""A liveness check of workers, where the runner has none.

Beam's local runners never retry, and wait for ever for a worker process that was killed (by the
kernel, out of memory, most often). So each worker writes its name into the work folder, and whoever
started the run looks whether those of this machine still live. Runners that do retry (Dataflow,
Flink, Spark) are left alone.
"""

import os
import socket
import time

import psutil
from apache_beam.options.pipeline_options import PipelineOptions, PortableOptions, StandardOptions

from pipeline import durable, storage
from pipeline.errors import NewsbeamError
from pipeline.layout import WORKER_PREFIX

LOOK_SECONDS = 2.0
REST = 10  # so many times as long as listing takes, in a folder of very many files, between looks
EXPLAIN_SECONDS = 16.0  # to be sure that a worker is dead, if Beam fails before we are
GRACE_SECONDS = 10.0  # a runner that is done stops its workers, and takes a moment to say so
LOCAL_RUNNERS = ("DirectRunner", "FnApiRunner", "SwitchingDirectRunner", "PrismRunner")
LOCAL_ENDPOINTS = ("", "embed", "localhost", "127.0.0.1", "[::1]")


class WorkerLostError(NewsbeamError):
    """A worker died, and the runner will not replace it."""


def register_worker(work: str | None) -> None:
    """Writes this process' name into the work folder."""
    if work is not None:
        path = storage.join(work, WORKER_PREFIX + worker_name())
        if not storage.exists(path):
            durable.write_bytes(path, b"", make_folder=False)


def worker_name() -> str:
    """This process' name: host, process id and time of its start."""
    return _name(psutil.Process())


def forget_workers(work: str) -> None:
    """Deletes the names that an earlier try has written."""
    durable.delete([file.path for file in storage.named(work, f"{WORKER_PREFIX}*")])


def needs_watching(options: PipelineOptions) -> bool:
    """Whether the run's workers are processes of a local runner."""
    runner = (options.view_as(StandardOptions).runner or "").rsplit(".", 1)[-1]
    if runner == "PortableRunner":
        endpoint = options.view_as(PortableOptions).job_endpoint or ""
        return endpoint.rpartition(":")[0] in LOCAL_ENDPOINTS or endpoint in LOCAL_ENDPOINTS
    return runner in LOCAL_RUNNERS


class Watchdog:
    """Looks after the workers of one run.

    Args:
        work: the run's work folder.
    """

    def __init__(self, work: str):
        self._work = work
        self._next = 0.0  # when to look
        self._known: dict[str, float | None] = {}  # since when each is dead

    def check(self) -> None:
        """Looks, at most every few seconds.

        Raises:
            WorkerLostError: if a worker has been dead for a while.
        """
        now = time.monotonic()
        if now < self._next:
            return
        alive = {_name(process) for process in _children()}
        here = socket.gethostname()
        listing = time.monotonic()
        files = storage.named(self._work, f"{WORKER_PREFIX}*")
        registered = {file.name.removeprefix(WORKER_PREFIX) for file in files}
        self._next = now + max(LOOK_SECONDS, REST * (time.monotonic() - listing))
        for name in alive | registered | set(self._known):
            host, pid, started = name.rsplit("-", 2)
            if host != here:
                continue
            if name in alive or _lives(int(pid), int(started)):
                self._known[name] = None
                continue
            dead_since = self._known.get(name) or now
            self._known[name] = dead_since
            if now - dead_since >= GRACE_SECONDS:
                raise WorkerLostError(
                    f"worker process {pid} died (out of memory, or killed), and this runner does "
                    f"not replace it; the same command continues"
                )


def _children() -> list[psutil.Process]:
    """The worker processes that Beam has started below this one, also those still importing."""
    processes = []
    for process in psutil.Process(os.getpid()).children(recursive=True):
        try:
            command = process.cmdline()
            is_worker = "sdk_worker_main" in " ".join(command) and not _is_copy(process, command)
            if is_worker and process.status() != psutil.STATUS_ZOMBIE:
                processes.append(process)
        except psutil.Error:
            continue
    return processes


def _is_copy(process: psutil.Process, command: list[str]) -> bool:
    """Whether a worker has forked it, to do something and end, or to become another program."""
    parent = process.parent()
    return parent is not None and parent.cmdline() == command


def _name(process: psutil.Process) -> str:
    """Host, process id and time of its start, since ids are used again."""
    return f"{socket.gethostname()}-{process.pid}-{int(process.create_time())}"


def _lives(pid: int, started: int) -> bool:
    try:
        process = psutil.Process(pid)
        # A second of rounding: the start is reckoned from the time of boot.
        return process.status() != psutil.STATUS_ZOMBIE and (
            abs(process.create_time() - started) < 2
        )
    except psutil.Error:
        return False
