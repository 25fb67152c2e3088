"""Scores a corpus with a bundle: `python -m pipeline.score --input ... --model ... --output ...`.

The whole product: plan | read | tokenize | score | write | publish.
"""

import argparse
import sys
import time
from importlib.metadata import PackageNotFoundError, version

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from model.bundle import Bundle
from model.engines.choose import EngineChoice, choose_engine
from pipeline import folder, storage
from pipeline.bundles import open_bundle
from pipeline.claim import claimed
from pipeline.command import run_command
from pipeline.corpus import ReadSettings
from pipeline.display import showing_progress
from pipeline.drift import check_drift
from pipeline.errors import NewsbeamError, UsageError
from pipeline.failure import told_failures
from pipeline.inputs import find_inputs
from pipeline.notes import leave_notes, run_before
from pipeline.options import ScoreOptions, parse
from pipeline.plan import Plan, make_plan
from pipeline.publish import PublishRun
from pipeline.read import PlanItems, ReadDocuments
from pipeline.scoring import ScoreDocuments
from pipeline.summary import print_summary
from pipeline.tokens import TokenizeDocuments
from pipeline.write import WriteLabels


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


def plan_run(options: argparse.Namespace, bundle: Bundle) -> Plan:
    """Checks everything that can be checked before any work, and plans the run.

    Raises:
        UsageError: for whatever does not fit.
    """
    try:
        choice = choose_engine(options.engine, options.batch_tokens)
    except ValueError as error:
        raise UsageError(str(error)) from error
    return make_plan(
        find_inputs(options.input, options.input_format),
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
        reading=ReadSettings(
            options.shard_rows,
            tuple(options.csv_columns) if options.csv_columns else None,
            options.tfds_data_dir,
        ),
        limit=options.limit,
        on_bad_file=options.on_bad_file,
    )


def run(plan: Plan, options: argparse.Namespace, beam_options: PipelineOptions) -> None:
    """Runs the pipeline to its end.

    Raises:
        NewsbeamError: if it fails; the message is the worker's own line, if it could leave one.
    """
    pipeline = beam.Pipeline(options=beam_options)
    build(pipeline, plan, options.model, options.output, options.max_error_rate)
    try:
        pipeline.run().wait_until_finish()
    except Exception as error:
        told = told_failures(folder.work_folder(options.output, plan))
        if not told:
            raise
        failure = NewsbeamError(told[0]["message"])
        failure.exit_code = told[0]["exit_code"]
        raise failure from error


def score(argv: list[str]) -> int:
    """Plans, checks, runs and says what came out."""
    options, beam_options = parse(ScoreOptions, argv, "python -m pipeline.score", __doc__ or "")
    for name in ("input", "model", "output"):
        if not getattr(options, name):
            raise UsageError(f"--{name} is missing; see --help")
    started = time.monotonic()
    bundle = open_bundle(options.model)
    plan = plan_run(options, bundle)
    with claimed(options.output):
        is_new = folder.enter(options.output, plan, options.model, options.overwrite)
        if is_new:
            work = folder.work_folder(options.output, plan)
            leave_notes(work, bundle, run_before(options.output))
            with showing_progress(plan, work):
                run(plan, options, beam_options)
    manifest = folder.published_manifest(options.output)
    if manifest is None:
        raise NewsbeamError(f"{options.output} was not published")
    if not is_new:
        print(
            f"nothing to do: {options.output} holds this very run, finished {manifest['finished']}"
        )
    print_summary(options.output, manifest, time.monotonic() - started if is_new else None)
    if options.fail_on_drift:
        check_drift(manifest["drift"])
    return 0


def package_version() -> str:
    """The installed version; a checkout that isn't installed has none."""
    try:
        return version("newsbeam")
    except PackageNotFoundError:
        return "checkout"


if __name__ == "__main__":
    sys.exit(run_command(score))
