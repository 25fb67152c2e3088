"""Scores a corpus with a bundle: `python -m pipeline.score --input ... --model ... --output ...`.

The whole product: plan | read | tokenize | score | write | publish.
"""

import argparse
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from model.bundle import Bundle
from model.engines.choose import EngineChoice, choose_engine
from pipeline import folder, storage
from pipeline.bundles import open_bundle
from pipeline.claim import Check, claimed
from pipeline.command import run_command
from pipeline.corpus import ReadSettings
from pipeline.display import showing_progress
from pipeline.drift import check_drift
from pipeline.errors import NewsbeamError, UsageError
from pipeline.incremental import (
    Series,
    check_root,
    continue_dead,
    known_fingerprints,
    notes_of,
    select,
)
from pipeline.inputs import find_inputs
from pipeline.launch import detaches, hand_over, run_to_end
from pipeline.notes import leave_notes, run_before
from pipeline.options import ScoreOptions, parse
from pipeline.plan import Plan, make_plan
from pipeline.presets import preset_engine
from pipeline.publish import PublishRun
from pipeline.read import PlanItems, ReadDocuments
from pipeline.scoring import ScoreDocuments
from pipeline.summary import print_summary
from pipeline.tokens import TokenizeDocuments
from pipeline.watchdog import Watchdog, needs_watching
from pipeline.write import WriteLabels

# Options that change results, beside the text columns: an input is scored again if they differ.
CHOSEN = ("id_column", "carry_columns", "gold_column", "csv_columns", "engine")


def build(
    pipeline: beam.Pipeline, plan: Plan, model: str, output: str, max_error_rate: float | None
) -> beam.PCollection:
    """The chain, from the plan's path to the manifest's."""
    work = folder.work_folder(output, plan)
    plan_path = storage.join(work, folder.PLAN)
    digest = plan.settings["bundle"]
    choice = EngineChoice(*plan.settings["engine"])
    return (
        pipeline
        | "Plan" >> PlanItems(plan_path)
        | "Read" >> ReadDocuments(plan_path, work)
        | "Tokenize" >> TokenizeDocuments(model, digest, work)
        | "Score" >> ScoreDocuments(model, choice, digest, work)
        | "Write" >> WriteLabels(plan_path, work)
        | "Publish" >> PublishRun(plan_path, work, output, max_error_rate)
    )


def plan_run(options: argparse.Namespace, bundle: Bundle, inputs: list[tuple[str, str]]) -> Plan:
    """Checks everything that can be checked before any work, and plans the run.

    Raises:
        UsageError: for whatever does not fit.
    """
    try:
        engine = preset_engine(options.dataflow_preset, options.engine)
        choice = choose_engine(engine, options.batch_tokens)
    except ValueError as error:
        raise UsageError(str(error)) from error
    incremental = options.incremental
    return make_plan(
        inputs,
        options.text_columns or list(bundle.text_columns),
        {
            "bundle": bundle.digest,
            "engine": list(choice),
            "max_tokens": bundle.max_tokens,
            "on_bad_file": options.on_bad_file,
            "version": package_version(),
        },
        id_column=options.id_column,
        carry_columns=options.carry_columns,
        gold_column=options.gold_column,
        reading=read_settings(options),
        limit=options.limit,
        on_bad_file=options.on_bad_file,
        fingerprints=known_fingerprints(options.output) if incremental else None,
    )


def read_settings(options: argparse.Namespace) -> ReadSettings:
    """What the formats must be told."""
    csv_columns = tuple(options.csv_columns) if options.csv_columns else None
    return ReadSettings(options.shard_rows, csv_columns, options.tfds_data_dir)


class Runs:
    """Runs of one command line: one, or with `--incremental` perhaps a dead one and a new one.

    Args:
        options: our own options.
        bundle: what to score with.
        beam_options: the runner's.
        check_claim: raises if the output folder is no longer ours.

    Attributes:
        drift: of each run, what its manifest says of drift.
    """

    def __init__(
        self,
        options: argparse.Namespace,
        bundle: Bundle,
        beam_options: PipelineOptions,
        check_claim: Check,
    ):
        self._options, self._bundle, self._beam_options = options, bundle, beam_options
        self._check_claim = check_claim
        self.detach = detaches(beam_options)
        self.drift: list[dict[str, Any] | None] = []

    def run(self, output: str, plan: Plan, notes: dict[str, Any] | None = None) -> None:
        """Runs a plan, unless it is published already, and says what came out.

        To its end, or with `--no_wait_until_finish` and as a template until it is submitted.

        Raises:
            NewsbeamError: if it fails.
        """
        options = self._options
        started = time.monotonic()
        is_new = folder.enter(output, plan, options.model, options.overwrite, notes)
        if is_new:
            work = folder.work_folder(output, plan)
            pipeline = beam.Pipeline(options=self._beam_options)
            build(pipeline, plan, options.model, output, options.max_error_rate)
            checks = [self._check_claim]
            if needs_watching(self._beam_options):
                checks.append(Watchdog(work).check)
            leave_notes(work, self._bundle, run_before(output))
            if self.detach:
                hand_over(pipeline)
                print(f"handed over: the job publishes {output}; it is done when _SUCCESS is there")
                return
            with showing_progress(plan, work):
                run_to_end(pipeline, work, checks)
        manifest = folder.published_manifest(output)
        if manifest is None:
            raise NewsbeamError(f"{output} was not published")
        if not is_new:
            print(f"nothing to do: {output} holds this very run, finished {manifest['finished']}")
        print_summary(output, manifest, time.monotonic() - started if is_new else None)
        self.drift.append(manifest["drift"])


def score(argv: list[str]) -> int:
    """Plans, checks, runs and says what came out."""
    options, beam_options = parse(ScoreOptions, argv, "python -m pipeline.score", __doc__ or "")
    for name in ("input", "model", "output"):
        if not getattr(options, name):
            raise UsageError(f"--{name} is missing; see --help")
    if options.incremental and (options.overwrite or options.limit):
        raise UsageError("--incremental goes with neither --overwrite nor --limit")
    bundle = open_bundle(options.model)
    inputs = find_inputs(options.input, options.input_format)
    if options.incremental:
        with claimed(options.output) as check_claim:
            runs = Runs(options, bundle, beam_options, check_claim)
            score_new(options, bundle, inputs, runs)
    else:
        plan = plan_run(options, bundle, inputs)
        with claimed(options.output) as check_claim:
            runs = Runs(options, bundle, beam_options, check_claim)
            runs.run(options.output, plan)
    if options.fail_on_drift:
        check_drift(runs.drift)
    return 0


def score_new(
    options: argparse.Namespace, bundle: Bundle, inputs: list[tuple[str, str]], runs: Runs
) -> None:
    """Finishes what died, then scores what is new or changed since."""
    root = options.output
    check_root(root)
    chosen = {
        "text_columns": options.text_columns or list(bundle.text_columns),
        **{name: getattr(options, name) for name in CHOSEN},
    }
    series = Series(root, bundle.digest, chosen)
    continued = continue_dead(series, lambda dead: plan_run(options, bundle, dead), runs.run)
    if continued and runs.detach:
        return  # what is new shows when these are published: the next run scores it
    new, replaces = select(inputs, series, read_settings(options), known_fingerprints(root))
    plan = plan_run(options, bundle, new) if new else None
    if plan is None or not plan.sources:
        for path, reason in plan.skipped if plan else []:
            print(f"skipped: {path}: {reason}")
        print(f"nothing new: all {len(inputs):,} inputs that can be read are scored in {root}")
        return
    run = series.next_run()
    runs.run(series.run_folder(run), plan, notes_of(series, run, plan, replaces))


def package_version() -> str:
    """The installed version; a checkout that isn't installed has none."""
    try:
        return version("newsbeam")
    except PackageNotFoundError:
        return "checkout"


if __name__ == "__main__":
    sys.exit(run_command(score))
