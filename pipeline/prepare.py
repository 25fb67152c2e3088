"""Makes training data of a labelled corpus: `python -m pipeline.prepare --input ... --output ...`.

Two passes: the first fits the tokenizer, the second tokenizes by what was fitted, as scoring does.
Where WordPiece has no vocabulary, a pass before them counts the words that one is learned from.
"""

import argparse
from collections.abc import Callable

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from model.console.terminal import say, silent_descriptor
from pipeline import durable, storage
from pipeline.corpus.inputs import find_inputs
from pipeline.corpus.planning.plan import Plan
from pipeline.corpus.planning.planner import make_plan
from pipeline.corpus.tables.tables import Tables
from pipeline.errors import UsageError
from pipeline.folders.lock import Check, locked
from pipeline.folders.overlap import apart
from pipeline.launcher.command import main
from pipeline.launcher.launch import run_to_end
from pipeline.launcher.options import parse
from pipeline.launcher.prepare_options import PrepareOptions
from pipeline.launcher.request import read_settings
from pipeline.preparation.prepared import (
    PREPARED,
    describe,
    read_vocabulary,
    transform_dir,
    work_folder,
    write_vocabulary,
)
from pipeline.preparation.replacing import begin, replace, settle
from pipeline.preparation.training_examples import WriteExamples
from pipeline.preparation.vocabulary import choose_tokenizer, count_words, learn
from pipeline.stages.context import RunContext
from pipeline.stages.reading import PlanItems, ReadDocuments

MOST_TOKENS = 4096


def fit_tokenizer(pipeline: beam.Pipeline, context: RunContext) -> beam.PCollection:
    """The first pass: the corpus -> the fitted transform."""
    with silent_descriptor():  # tf.Transform, which the command line can do without
        from pipeline.preparation.fit import FitTokenizer

    settings = context.plan.settings
    return (
        pipeline
        | "Plan" >> PlanItems(context)
        | "Read" >> ReadDocuments(context)
        | "Fit"
        >> FitTokenizer(
            settings["tokenizer"],
            settings["max_tokens"],
            transform_dir(context.output),
            storage.join(context.work, "transform"),
            read_vocabulary(context.output),
        )
    )


def write_examples(pipeline: beam.Pipeline, context: RunContext) -> beam.PCollection:
    """The second pass: the corpus -> examples, and `prepared.json` last."""
    return (
        pipeline
        | "Plan" >> PlanItems(context)
        | "Read" >> ReadDocuments(context)
        | "Write" >> WriteExamples(context)
        | "Describe" >> beam.Map(describe, context.output)
    )


def plan_preparation(options: argparse.Namespace) -> tuple[Plan, list[str]]:
    """Checks everything that can be checked before any work, and plans the run.

    Returns:
        The plan, and the vocabulary that was given.

    Raises:
        UsageError: For whatever does not fit.
    """
    if not options.text_columns:
        raise UsageError("--text_columns is missing; see --help")
    if options.vocab_size < 3:
        raise UsageError("--vocab_size must leave room for a word beside padding and unknown")
    if options.max_tokens > MOST_TOKENS:
        raise UsageError(f"--max_tokens is {MOST_TOKENS} at most")
    tokenizer, vocabulary = choose_tokenizer(options)
    tables = Tables(options.input)
    inputs = find_inputs(options.input, options.input_format, tables)
    plan = make_plan(
        apart(options.input, inputs, options.output),
        options.text_columns,
        {
            "tokenizer": tokenizer,
            "max_tokens": options.max_tokens,
        },
        gold_column=options.label_column,
        probabilities_column=options.probabilities_column,
        reading=read_settings(options),
        limit=options.limit,
        on_bad_file=options.on_bad_file,
        tables=tables,
    )
    return plan, vocabulary


def run(
    context: RunContext,
    beam_options: PipelineOptions,
    check_lock: Check,
    vocabulary: list[str] | None = None,
) -> None:
    """Runs the passes.

    Args:
        context: The run, whose plan lies in its work folder.
        beam_options: How Beam runs them.
        check_lock: Raises if the lock was lost.
        vocabulary: The WordPiece pieces that were given; without any, they are learned.

    Raises:
        NewsbeamError: If one fails; the message is the worker's own line, if it could leave one.
    """
    if context.plan.settings["tokenizer"]["kind"] == "wordpiece":
        if not vocabulary:
            _run_pass(count_words, context, beam_options, check_lock)
            vocabulary = learn(context.plan, context.output)
        write_vocabulary(context.output, vocabulary)
    for one_pass in (fit_tokenizer, write_examples):
        _run_pass(one_pass, context, beam_options, check_lock)
    durable.delete_folder(context.work)


def _run_pass(
    one_pass: Callable[..., beam.PCollection],
    context: RunContext,
    beam_options: PipelineOptions,
    check_lock: Check,
) -> None:
    pipeline = beam.Pipeline(options=beam_options)
    one_pass(pipeline, context)
    run_to_end(pipeline, context.work, [check_lock])


def prepare(argv: list[str]) -> int:
    """Plans, checks, runs and says what came out."""
    options, beam_options = parse(PrepareOptions, argv, "pipeline.prepare", __doc__ or "")
    for name in ("input", "label_column", "output"):
        if not getattr(options, name):
            raise UsageError(f"--{name} is missing; see --help")
    plan, vocabulary = plan_preparation(options)
    with locked(options.output) as check_lock:
        settle(options.output)
        staging = begin(options.output, plan, options.overwrite)
        if staging is not None:
            skip = options.on_bad_file == "skip"
            context = RunContext(work_folder(staging), staging, skip_bad_files=skip)
            run(context, beam_options, check_lock, vocabulary)
            check_lock()
            replace(options.output, staging)
    description = storage.read_json(storage.join(options.output, PREPARED))
    if staging is None:
        say(f"nothing to do: {options.output} holds this very data")
    labels = ", ".join(f"{label} {rows}" for label, rows in description["rows_by_label"].items())
    if description["teacher_rows"]:
        labels += f"; {description['teacher_rows']} labelled by a teacher"
    say(f"{description['rows']} examples ({labels}) in {options.output}")
    if description["skipped"]:
        reasons = ", ".join(f"{why} {rows}" for why, rows in description["skipped"].items())
        say(f"left out: {reasons}")
    return 0


if __name__ == "__main__":
    main(prepare)
