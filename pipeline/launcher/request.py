"""From a command line to a plan: what a person asked for, settled and checked."""

import argparse
import functools
from typing import Any

from model.bundle.load import Bundle
from model.engines.cascade_rules import check_pair, other_columns
from model.engines.choose import choose_engine
from model.engines.cost import row_seconds
from model.engines.processor import has_gpu
from model.label_sets import least_probability, read_scores
from pipeline.corpus.columns.names import carried_as_written
from pipeline.corpus.fingerprint import Fingerprints
from pipeline.corpus.planning.plan import Plan
from pipeline.corpus.planning.planner import make_plan
from pipeline.corpus.sources import ReadSettings
from pipeline.corpus.tables.tables import Tables
from pipeline.errors import UsageError
from pipeline.folders.incremental import known_fingerprints
from pipeline.launcher.presets import preset_engine
from pipeline.launcher.texts import texts_of
from pipeline.launcher.versions import package_version
from pipeline.worker.bundles import open_bundle

# Options of which the plan also keeps what was asked for, beside what came of it.
ASKED = ("engine", "precision", "batch_tokens", "input_format")
ENGINES = ("openvino", "tensorflow")
# Options that change results, beside the text columns: an input is scored again if they differ.
CHOSEN = ("id_column", "gold_column", "csv_columns", "engine")


def plan_run(
    options: argparse.Namespace,
    bundle: Bundle,
    inputs: list[tuple[str, str]],
    then: Bundle | None = None,
    tables: Tables | None = None,
) -> Plan:
    """Checks everything that can be checked before any work, and plans the run.

    Args:
        options: the command line.
        bundle: scores every row.
        inputs: pairs of path and format.
        then: the second bundle of a cascade.
        tables: those whose files are among the inputs.

    Raises:
        UsageError: for whatever does not fit.
    """
    try:
        engine = preset_engine(options.dataflow_preset, options.engine)
        on_gpu = options.dataflow_preset == "gpu" or has_gpu()
        choose = functools.partial(
            choose_engine,
            name=engine,
            batch_tokens=options.batch_tokens,
            on_gpu=on_gpu,
            precision=options.precision,
        )
        choice = choose(bundle.model["kind"])
        cascade = {}  # a plan without one says nothing of it, or it would be another plan
        if then is not None:
            cascade = {
                "then": then.digest,
                "then_engine": list(choose(then.model["kind"])),
                **threshold(options),
            }
    except ValueError as error:
        raise UsageError(str(error)) from error
    return make_plan(
        inputs,
        options.text_columns or list(bundle.text_columns),
        {
            "bundle": bundle.digest,
            "labels": list(bundle.labels),
            "engine": list(choice),
            "max_tokens": bundle.max_tokens,
            "asked": {name: getattr(options, name) for name in ASKED},
            "version": package_version(),
            "versions": {name: package_version(name) for name in ENGINES},
            **cascade,
            **promised_coverage(options, bundle),
            **texts_of(options, [one for one in (bundle, then) if one]),
        },
        id_column=options.id_column,
        carry_columns=options.carry_columns,
        gold_column=options.gold_column,
        reading=read_settings(options),
        limit=options.limit,
        on_bad_file=options.on_bad_file,
        fingerprints=fingerprints(options),
        row_seconds=sum(
            row_seconds(one.model, one.max_tokens, on_gpu) for one in (bundle, then) if one
        ),
        tables=tables,
    )


def fingerprints(options: argparse.Namespace) -> Fingerprints:
    """Where the inputs' fingerprints are remembered; a dry run only reads there."""
    verify, keep = options.verify_content, not options.dry_run
    if options.incremental:
        return known_fingerprints(options.output, verify, keep)
    return Fingerprints(verify=verify, keep=keep)


def second_bundle(options: argparse.Namespace, bundle: Bundle) -> Bundle | None:
    """Opens the second bundle of a cascade, if one was asked for, and checks that it fits.

    Raises:
        UsageError: if it doesn't, or if only half of a cascade was asked for.
    """
    if options.then is None:
        if options.confidence is not None:
            raise UsageError("--confidence goes with --then, the bundle for rows below it")
        if options.agreement is not None:
            raise UsageError("--agreement goes with --then, the bundle to agree with")
        return None
    if options.confidence is None and options.agreement is None:
        raise UsageError(
            "--then goes with --agreement, the share of its labels to be sure of, or --confidence"
        )
    if options.confidence is not None and options.agreement is not None:
        raise UsageError("--agreement chooses the threshold; leave out --confidence")
    then = open_bundle(options.then)
    try:
        check_pair(bundle, then)
    except ValueError as error:
        raise UsageError(str(error)) from error
    if not options.text_columns and bundle.text_columns != then.text_columns:
        raise UsageError(f"{other_columns(bundle, then)}; choose with --text_columns")
    return then


def threshold(options: argparse.Namespace) -> dict[str, float]:
    """How a cascade comes to its threshold; what two runs have in common is this."""
    names = ("confidence", "agreement")
    return {name: value for name in names if (value := getattr(options, name)) is not None}


def promised_coverage(options: argparse.Namespace, bundle: Bundle) -> dict[str, float]:
    """The coverage of label sets, if any are asked for.

    Raises:
        UsageError: if the bundle can't make them.
    """
    if options.coverage is None:
        return {}
    again = (
        f"python -m model.calibrate --model {options.model} --input FILE --label_column A, with "
        "labelled texts that it was not trained on"
    )
    scores = read_scores(bundle)
    if scores is None:
        raise UsageError(f"{options.model} has no rows held out for label sets; make some: {again}")
    try:
        least_probability(scores, options.coverage)
    except ValueError as error:
        raise UsageError(f"{error}; ask for less, or make more: {again}") from error
    return {"coverage": options.coverage}


def read_settings(options: argparse.Namespace) -> ReadSettings:
    """What the formats must know."""
    csv_columns = tuple(options.csv_columns) if options.csv_columns else None
    return ReadSettings(options.shard_rows, csv_columns, options.tfds_data_dir)


def chosen_options(
    options: argparse.Namespace, bundle: Bundle, then: Bundle | None = None
) -> dict[str, Any]:
    """The options by which a series of runs knows whether an input was scored the same way."""
    cascade = {"then": then.digest, **threshold(options)} if then is not None else {}
    # Series that were begun before these counted don't know them, and are not scored again.
    later = {"precision": options.precision} if options.precision != "float32" else {}
    later |= texts_of(options, [one for one in (bundle, then) if one])
    later |= promised_coverage(options, bundle)
    later |= {"input_format": options.input_format} if options.input_format is not None else {}
    return {
        "text_columns": options.text_columns or list(bundle.text_columns),
        **{name: getattr(options, name) for name in CHOSEN},
        "carry_columns": [carried_as_written(entry) for entry in options.carry_columns],
        **cascade,
        **later,
    }
