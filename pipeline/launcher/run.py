"""One run: from entering its folder to what is said of it."""

import argparse
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions

from model.bundle.load import Bundle
from model.console.terminal import say, silent_programs
from model.engines.processor import no_bfloat16
from pipeline.corpus.planning.plan import Plan, keeps_promise, makes_sets
from pipeline.corpus.planning.same_run import is_same
from pipeline.errors import DamagedCheckpointError, NewsbeamError, UsageError
from pipeline.estimates.disk import check_room
from pipeline.folders import folder
from pipeline.folders.launch_context import run_before, write_notes
from pipeline.folders.lock import Check
from pipeline.launcher.launch import detaches, hand_over, run_to_end
from pipeline.launcher.table_target import TableTarget
from pipeline.output.published import published_manifest, readable_manifest, telling_of
from pipeline.output.work import work_folder
from pipeline.reporting.progress_bar import showing_progress
from pipeline.reporting.summary import print_summary
from pipeline.stages.context import RunContext
from pipeline.worker.failures import forget_failures
from pipeline.worker.watchdog import EXPLAIN_SECONDS, Watchdog, needs_watching

MOST_TRIES = 10  # of a run whose checkpoints are found damaged, one after the other


class Run:
    """A plan that is to be carried out in a folder.

    Args:
        options: our own options.
        beam_options: the runner's.
        bundles: the bundle, and of a cascade the second one.
        output: the folder that it publishes to, locked.
        plan: what this command would do in an empty folder; work that was begun goes on by its own.
        notes: what else the manifest is to say.
        table: the table that it goes into, if any.
    """

    def __init__(
        self,
        options: argparse.Namespace,
        beam_options: PipelineOptions,
        bundles: tuple[Bundle, Bundle | None],
        output: str,
        plan: Plan,
        notes: dict[str, Any] | None = None,
        table: TableTarget | None = None,
    ):
        self._options, self._beam_options, self._bundles = options, beam_options, bundles
        self._output, self._table = output, table
        self._notes = {**({"table": table.note()} if table else {}), **(notes or {})}
        self._plan = folder.saved_plan(output, plan, options.overwrite)
        self._started = time.monotonic()
        self.is_new = True
        self.context = RunContext(
            work=work_folder(output, self._plan),
            output=output,
            model=options.model,
            then=options.then,
            counts=self._plan.has_pieces(),
            chooses=keeps_promise(self._plan.settings),
            covers=makes_sets(self._plan.settings),
            skip_bad_files=options.on_bad_file == "skip",
            max_error_rate=options.max_error_rate,
        )

    def enter(self) -> bool:
        """Makes the folder ready.

        Returns:
            False if this very run is published there already: there is nothing to do.

        Raises:
            UsageError: if the folder holds something else.
        """
        options = self._options
        self._check_processor()
        if self._table is not None:
            self._table.check(self._plan)
        self.is_new = folder.enter(
            self._output,
            self._plan,
            options.model,
            options.overwrite,
            self._notes,
            before_work=lambda: check_room(self._output, self.context.work, self._plan),
        )
        if self.is_new:
            bundle, then = self._bundles
            before, coverage = run_before(self._output), self._plan.settings.get("coverage")
            write_notes(self.context.work, bundle, before, then, options.then, coverage)
        elif self._table is not None:
            self._table.catch_up([self._output])
        return self.is_new

    def carry_out(self, build: Callable[[], beam.Pipeline], check_lock: Check) -> None:
        """Runs the pipeline to its end, or where nobody waits for it until it is submitted.

        Where it finds a damaged checkpoint, it is run again, and scores that one.

        Args:
            build: makes the pipeline.
            check_lock: raises if the lock was lost.

        Raises:
            NewsbeamError: if it fails.
        """
        if detaches(self._beam_options):
            hand_over(build())
            return
        for _ in range(MOST_TRIES):
            try:
                self._try(build(), check_lock)
                return
            except DamagedCheckpointError as error:
                damaged = error
                say(f"{error}: its rows are scored again", sys.stderr)
                forget_failures(self.context.work)
        raise NewsbeamError(f"{damaged}; the same command continues") from damaged

    def _try(self, pipeline: beam.Pipeline, check_lock: Check) -> None:
        work = self.context.work
        checks, explain_seconds = [check_lock], 0.0
        if needs_watching(self._beam_options):
            checks.append(Watchdog(work).check)
            explain_seconds = EXPLAIN_SECONDS
        with self._quiet(), showing_progress(self._plan, work):
            run_to_end(pipeline, work, checks, explain_seconds)

    def _quiet(self) -> AbstractContextManager[None]:
        """Drops what a shell writes of a worker process that was killed: the watchdog says it."""
        mode = self._beam_options.view_as(DirectOptions).direct_running_mode
        if mode == "multi_processing" and not self._options.verbose:
            return silent_programs()
        return nullcontext()

    def report(self) -> dict[str, Any] | None:
        """Prints what came out.

        Returns:
            The manifest; None of a run that was only handed over.

        Raises:
            NewsbeamError: if nothing was published.
        """
        output = self._output
        if self.is_new and detaches(self._beam_options):
            say(f"handed over: the job publishes {output}; it is done when _SUCCESS is there")
            return None
        manifest = readable_manifest(output)
        if manifest is None:
            raise NewsbeamError(f"{output} was not published")
        if self.is_new:
            print_summary(output, manifest, time.monotonic() - self._started)
            return manifest
        say(f"nothing to do: {output} holds this very run, finished {manifest['finished']}")
        with telling_of(output):
            print_summary(output, manifest, None)
        return manifest

    def _check_processor(self) -> None:
        """Sees to it that workers of this machine have bfloat16, if there is work that needs it.

        Workers elsewhere look for themselves.

        Raises:
            UsageError: if they haven't.
        """
        options = self._options
        if options.precision != "bfloat16" or not needs_watching(self._beam_options):
            return
        published = published_manifest(self._output)
        is_done = published is not None and is_same(published["plan"], self._plan)
        reason = no_bfloat16()
        if reason is not None and (options.overwrite or not is_done):
            raise UsageError(f"{reason}; score with --precision float32")
