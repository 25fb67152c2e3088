"""A session: the runs of one command line, from the claim on the folder to the summary.

One run, or with `--incremental` perhaps one that died, and one for what is new or changed.
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from model.engines.processor import no_bfloat16
from model.terminal import say
from pipeline.corpus.inputs import find_inputs
from pipeline.corpus.plan import Plan
from pipeline.corpus.same_run import is_same
from pipeline.errors import NewsbeamError, UsageError
from pipeline.launcher.launch import detaches, hand_over, run_to_end
from pipeline.launcher.request import chosen_options, plan_run, read_settings, second_bundle
from pipeline.output import folder
from pipeline.output.incremental import (
    Series,
    check_root,
    continue_dead,
    known_fingerprints,
    notes_of,
    select,
)
from pipeline.output.launch_context import leave_notes, run_before
from pipeline.output.lock import Check, claimed
from pipeline.output.overlap import apart
from pipeline.reporting.progress_bar import showing_progress
from pipeline.reporting.summary import print_summary
from pipeline.worker.bundles import open_bundle
from pipeline.worker.watchdog import EXPLAIN_SECONDS, Watchdog, needs_watching

# pipeline, plan, bundle's path, output folder, highest share of errors, second bundle's path -> the
# chain
Build = Callable[[beam.Pipeline, Plan, str, str, float | None, str | None], Any]


class Session:
    """Runs what a command line asks for.

    Args:
        options: our own options.
        beam_options: the runner's.
        build: puts the chain together.

    Attributes:
        drift: of each run, what its manifest says of drift.

    Raises:
        UsageError: if there is no such bundle or input.
    """

    def __init__(self, options: argparse.Namespace, beam_options: PipelineOptions, build: Build):
        self._options, self._beam_options, self._build = options, beam_options, build
        self._bundle = open_bundle(options.model)
        self._then = second_bundle(options, self._bundle)
        found = find_inputs(options.input, options.input_format)
        self._inputs = apart(options.input, found, options.output)
        self._detach = detaches(beam_options)
        self.drift: list[dict[str, Any] | None] = []

    def score_all(self) -> None:
        """Scores all inputs in one run."""
        plan = plan_run(self._options, self._bundle, self._inputs, self._then)
        with claimed(self._options.output) as check_claim:
            self._run(self._options.output, plan, check_claim)

    def score_new(self) -> None:
        """Finishes what died, then scores what is new or changed since."""
        with claimed(self._options.output) as check_claim:
            self._score_new(check_claim)

    def _score_new(self, check_claim: Check) -> None:
        options, bundle, root = self._options, self._bundle, self._options.output
        check_root(root)
        series = Series(root, bundle.digest, chosen_options(options, bundle, self._then))

        def plan_inputs(inputs: list[tuple[str, str]]) -> Plan:
            return plan_run(options, bundle, inputs, self._then)

        def run(output: str, plan: Plan, notes: dict[str, Any]) -> None:
            self._run(output, plan, check_claim, notes)

        if continue_dead(series, plan_inputs, run) and self._detach:
            return  # what is new shows when these are published: the next run scores it
        known = known_fingerprints(root)
        new, replaces = select(self._inputs, series, read_settings(options), known)
        plan = plan_inputs(new) if new else None
        if plan is None or not plan.sources:
            for path, reason in plan.skipped if plan else []:
                say(f"skipped: {path}: {reason}")
            count = len(self._inputs)
            say(f"nothing new: all {count:,} inputs that can be read are scored in {root}")
            return
        name = series.next_run()
        run(series.run_folder(name), plan, notes_of(series, name, plan, replaces))

    def _run(
        self, output: str, plan: Plan, check_claim: Check, notes: dict[str, Any] | None = None
    ) -> None:
        """Runs a plan, unless it is published already, and says what came out.

        To its end, or with `--no_wait_until_finish` and as a template until it is submitted.

        Raises:
            NewsbeamError: if it fails.
        """
        options = self._options
        started = time.monotonic()
        plan = folder.saved_plan(output, plan)
        self._check_processor(output, plan)
        is_new = folder.enter(output, plan, options.model, options.overwrite, notes)
        if is_new:
            work = folder.work_folder(output, plan)
            pipeline = beam.Pipeline(options=self._beam_options)
            most_errors = options.max_error_rate
            self._build(pipeline, plan, options.model, output, most_errors, options.then)
            checks = [check_claim]
            is_watched = needs_watching(self._beam_options)
            if is_watched:
                checks.append(Watchdog(work).check)
            leave_notes(work, self._bundle, run_before(output), self._then, options.then)
            if self._detach:
                hand_over(pipeline)
                say(f"handed over: the job publishes {output}; it is done when _SUCCESS is there")
                return
            with showing_progress(plan, work):
                run_to_end(pipeline, work, checks, EXPLAIN_SECONDS if is_watched else 0.0)
        manifest = folder.published_manifest(output)
        if manifest is None:
            raise NewsbeamError(f"{output} was not published")
        if not is_new:
            say(f"nothing to do: {output} holds this very run, finished {manifest['finished']}")
        print_summary(output, manifest, time.monotonic() - started if is_new else None)
        self.drift.append(manifest["drift"])

    def _check_processor(self, output: str, plan: Plan) -> None:
        """Sees to it that workers of this machine have bfloat16, if there is work that needs it.

        Workers elsewhere look for themselves.

        Raises:
            UsageError: if they haven't.
        """
        options = self._options
        if options.precision != "bfloat16" or not needs_watching(self._beam_options):
            return
        published = folder.published_manifest(output)
        is_done = published is not None and is_same(published["plan"], plan)
        reason = no_bfloat16()
        if reason is not None and (options.overwrite or not is_done):
            raise UsageError(f"{reason}; score with --precision float32")
