"""From a command line to a plan: what a person asked for, settled and checked."""

import argparse
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from model.bundle import Bundle
from model.engines.choose import choose_engine
from pipeline.corpus import ReadSettings
from pipeline.errors import UsageError
from pipeline.incremental import known_fingerprints
from pipeline.plan import Plan, make_plan
from pipeline.presets import preset_engine

# Options that change results, beside the text columns: an input is scored again if they differ.
CHOSEN = ("id_column", "carry_columns", "gold_column", "csv_columns", "engine")


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


def chosen_options(options: argparse.Namespace, bundle: Bundle) -> dict[str, Any]:
    """The options by which a series of runs knows whether an input was scored the same way."""
    return {
        "text_columns": options.text_columns or list(bundle.text_columns),
        **{name: getattr(options, name) for name in CHOSEN},
    }


def package_version() -> str:
    """The installed version; a checkout that isn't installed has none."""
    try:
        return version("newsbeam")
    except PackageNotFoundError:
        return "checkout"
