"""Scores a corpus with a bundle: `python -m pipeline.score --input ... --model ... --output ...`.

The whole product: plan | read | tokenize | score | write | publish; with `--then` also rescore,
with `--agreement` choose the threshold first, and with `--coverage` make label sets. Of large
files, rows are counted before.
"""

import argparse
import functools

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from pipeline.errors import UsageError
from pipeline.folders.lock import locked
from pipeline.launcher.command import main
from pipeline.launcher.options import ScoreOptions, parse
from pipeline.launcher.session import Session
from pipeline.launcher.table_target import check_table_options
from pipeline.quality.drift import check_drift
from pipeline.stages.choosing import ChooseThreshold
from pipeline.stages.context import RunContext
from pipeline.stages.counting import CountRows
from pipeline.stages.covering import MakeLabelSets
from pipeline.stages.languages import SelectLanguages
from pipeline.stages.publishing import PublishRun
from pipeline.stages.reading import PlanItems, ReadDocuments
from pipeline.stages.rescoring import Rescore
from pipeline.stages.scoring import ScoreDocuments
from pipeline.stages.tokenizing import TokenizeDocuments
from pipeline.stages.writing import WriteLabels


def build(pipeline: beam.Pipeline, context: RunContext) -> beam.PCollection:
    """The chain, from the plan to the manifest's path."""
    begin = pipeline
    if context.counts:
        begin = begin | "Count" >> CountRows(context)
    if context.chooses:
        begin = begin | "Choose" >> ChooseThreshold(context)
    scored = (
        begin
        | "Plan" >> PlanItems(context)
        | "Read" >> ReadDocuments(context)
        | "Languages" >> SelectLanguages(context)
        | "Tokenize" >> TokenizeDocuments(context)
        | "Score" >> ScoreDocuments(context)
    )
    if context.then is not None:
        scored |= "Rescore" >> Rescore(context)
    if context.covers:
        scored |= "LabelSets" >> MakeLabelSets(context)
    return scored | "Write" >> WriteLabels(context) | "Publish" >> PublishRun(context)


def chain(context: RunContext, beam_options: PipelineOptions) -> beam.Pipeline:
    """A pipeline with all of it."""
    pipeline = beam.Pipeline(options=beam_options)
    build(pipeline, context)
    return pipeline


def check_options(options: argparse.Namespace) -> None:
    """Refuses a command line that lacks something, or asks for two things at once.

    Raises:
        UsageError: if it does.
    """
    for name in ("input", "model", "output"):
        if not getattr(options, name):
            raise UsageError(f"--{name} is missing; see --help")
    if options.coverage is not None and options.then is not None:
        raise UsageError(
            "--coverage goes without --then: label sets are one bundle's, and a cascade has two"
        )
    check_table_options(options)
    if options.incremental and (options.overwrite or options.limit):
        raise UsageError("--incremental goes with neither --overwrite nor --limit")


def score(argv: list[str]) -> int:
    """Settles what is asked for, plans it, runs it, and says what came out."""
    options, beam_options = parse(ScoreOptions, argv, "pipeline.score", __doc__ or "")
    check_options(options)
    session = Session(options, beam_options)
    if options.dry_run:
        session.dry_run()
        return 0
    manifests = []
    with locked(options.output) as check_lock:
        for run in session.runs():
            if run.enter():
                run.carry_out(functools.partial(chain, run.context, beam_options), check_lock)
            manifests.append(run.report())
    if options.fail_on_drift:
        check_drift([manifest["drift"] for manifest in manifests if manifest is not None])
    return 0


if __name__ == "__main__":
    main(score)
