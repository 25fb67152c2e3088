"""Runs a Beam pipeline to its end and turns what goes wrong there into one line.

The pipeline runs in a thread of its own. So the main thread is free for signals, however busy the
workers are, and can end the run when a worker has died or the lock was lost, where Beam would
wait for ever.
"""

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

import apache_beam as beam
from apache_beam.options.pipeline_options import (
    GoogleCloudOptions,
    PipelineOptions,
    StandardOptions,
)
from apache_beam.runners.runner import PipelineResult

from model.console.terminal import first_line
from pipeline.errors import DamagedCheckpointError, NewsbeamError
from pipeline.worker.failures import reported_failure

THREAD = "newsbeam-pipeline"
LOOK_SECONDS = 1.0
CANCEL_SECONDS = 8.0  # for a cluster to take the order; a signal leaves ten in all


def run_to_end(
    pipeline: beam.Pipeline,
    work: str,
    checks: Iterable[Callable[[], None]],
    explain_seconds: float = 0.0,
) -> None:
    """Runs a pipeline; where we end before it does, its job is cancelled.

    Args:
        pipeline: what to run.
        work: the folder in which workers leave their failures.
        checks: are called every second; what they raise ends the run. The pipeline's thread then
            still hangs, so the process must end (`run_command` sees to that).
        explain_seconds: how long the checks may take to say why a pipeline failed.

    Raises:
        DamagedCheckpointError: if it found one, whose rows another try scores again.
        NewsbeamError: if it fails; the message is the worker's own line, if it could leave one.
    """
    checks = list(checks)
    raised: list[BaseException] = []
    jobs: list[PipelineResult] = []

    def target() -> None:
        try:
            jobs.append(pipeline.run())
            jobs[0].wait_until_finish()
        except BaseException as error:  # whatever it is, the main thread hears of it
            raised.append(error)

    thread = threading.Thread(target=target, name=THREAD, daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(LOOK_SECONDS)
            if thread.is_alive():
                for check in checks:
                    check()
    except BaseException:
        _cancel(jobs)
        raise
    if raised:
        _explain(work, checks, explain_seconds)
        raise _failure(work, raised[0]) from raised[0]


def _cancel(jobs: list[PipelineResult]) -> None:
    """Cancels a job on a cluster, which would go on without us while the next launcher starts.

    A local runner's job ends with our process.
    """

    def cancel() -> None:
        with suppress(Exception):  # the cluster is out of reach, or the job has just ended
            for job in jobs:
                job.cancel()

    canceling = threading.Thread(target=cancel, daemon=True)
    canceling.start()
    canceling.join(CANCEL_SECONDS)


def detaches(options: PipelineOptions) -> bool:
    """Whether the job is only handed over, and goes on without us.

    So it is for a template's launcher, which Dataflow starts with `--template_location` and whose
    job begins when it has ended, and for whoever says `--no_wait_until_finish`.
    """
    return bool(
        options.view_as(GoogleCloudOptions).template_location
        or options.view_as(StandardOptions).no_wait_until_finish
    )


def hand_over(pipeline: beam.Pipeline) -> None:
    """Submits a pipeline and doesn't wait for it.

    Raises:
        NewsbeamError: if it is not accepted.
    """
    try:
        pipeline.run()
    except Exception as error:
        reason = first_line(error)
        raise NewsbeamError(f"the job was not accepted: {reason} (--verbose shows more)") from error


def _explain(work: str, checks: list[Callable[[], None]], seconds: float) -> None:
    """Gives the checks time to say why a pipeline failed of which no worker reported anything.

    A worker that is killed may take Beam's channels with it, so that Beam fails, saying nothing
    but that, before the watchdog is sure that it is gone.
    """
    end = time.monotonic() + seconds
    while reported_failure(work) is None and time.monotonic() < end:
        for check in checks:
            check()
        time.sleep(LOOK_SECONDS)


def is_stuck() -> bool:
    """Whether a pipeline is still running that nobody waits for any more."""
    return any(thread.name == THREAD for thread in threading.enumerate())


def _failure(work: str, error: BaseException) -> NewsbeamError:
    reported = reported_failure(work)
    if reported is not None:
        if reported["damaged"] is not None:
            return DamagedCheckpointError(reported["damaged"])
        failure = NewsbeamError(reported["message"])
        failure.exit_code = reported["exit_code"]
        return failure
    lines = [line for line in str(error).splitlines() if line.strip()]
    # Beam puts a worker's traceback into its message: the exception itself is the last line that
    # is not indented.
    telling = [line for line in lines if not line.startswith((" ", "Traceback"))]
    first = (telling or lines or [type(error).__name__])[-1].strip()
    return NewsbeamError(f"the pipeline failed: {first} (--verbose shows more)")
