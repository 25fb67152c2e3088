"""The table of `--table`: its options, and all that can be wrong with it before any work."""

import argparse
import os
from typing import Any

from model.console.terminal import say
from pipeline import storage
from pipeline.corpus.columns.names import split_names
from pipeline.corpus.planning.plan import Plan
from pipeline.errors import UsageError
from pipeline.folders.catch_up import catch_up
from pipeline.output.into_table import Note, drop_inputs, table_note
from pipeline.table_names import DELTA, TableName, is_table
from pipeline.tables.formats import check_table, root_of, table_to_write


def add_table_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of runs that go into a table."""
    group: Any = parser.add_argument_group("table")
    group.add_argument(
        "--table",
        metavar="TABLE",
        help="also bring the run into a table, by one transaction, in the place of all earlier "
        "rows of its inputs: delta:URI or iceberg:CATALOG.NAMESPACE.TABLE; made if there is none",
    )
    group.add_argument(
        "--partition_by",
        action="extend",
        type=split_names,
        metavar="A,day(B)",
        help="what a new table is partitioned by: carried columns, or the day of a carried "
        "timestamp; each of their values is at least one file of a run",
    )
    group.add_argument(
        "--drop_deleted_inputs",
        action="store_true",
        help="with --incremental: take the rows of inputs that are no longer there out of the "
        "table (default: they stay)",
    )


class TableTarget:
    """The table that a command line names.

    Attributes:
        name: of the table.
        folder: in which its files lie; None for an Iceberg table that is not there yet.

    Args:
        options: the command line.

    Raises:
        UsageError: if it is none, or doesn't go with another option.
    """

    def __init__(self, options: argparse.Namespace):
        self.name: TableName = table_to_write(options.table)
        self._partition_by: list[str] = options.partition_by or []
        if options.limit:
            raise UsageError("--table goes without --limit: the rest of its inputs would be lost")
        self._below = [root for one in options.input if is_table(one) and (root := root_of(one))]
        self.folder = root_of(self.name.latest)
        if self.folder in self._below:
            raise UsageError(f"{options.table} is both --input and --table")
        if self.name.kind == DELTA:
            _check_apart(self.name.name, options.output)

    def check(self, plan: Plan) -> None:
        """Sees whether the rows of a run can go into it.

        Raises:
            UsageError: if they can't.
        """
        carried = {name for _, name in plan.columns.carry}
        check_table(self.name, plan.output_schema(), self._partition_by, carried)

    def note(self) -> Note:
        """What a run notes of it."""
        return table_note(self.name, self._partition_by, self._below)

    def catch_up(self, folders: list[str]) -> None:
        """Brings published runs into it that are not in there, the oldest first."""
        if added := catch_up(folders, self.note()):
            runs = "run that was" if added == 1 else "runs that were"
            say(f"{added:,} {runs} published before went into {self.name.latest}")

    def drop(self, gone: list[str]) -> None:
        """Takes the rows of deleted inputs out of it."""
        if drop_inputs(self.name, gone, os.getcwd()):
            say(f"the rows of deleted inputs have left {self.name.latest}")


def check_table_options(options: argparse.Namespace) -> None:
    """Refuses options that go with `--table` where there is none.

    Raises:
        UsageError: for the first of them.
    """
    for name in ("partition_by", "drop_deleted_inputs"):
        if getattr(options, name) and not options.table:
            raise UsageError(f"--{name} goes with --table")
    if options.drop_deleted_inputs and not options.incremental:
        raise UsageError("--drop_deleted_inputs goes with --incremental")


def _check_apart(root: str, output: str) -> None:
    """Sees to it that neither a vacuum of the table nor a run takes the other's files for its own.

    Raises:
        UsageError: if one of them could.
    """
    table = storage.real_path(root).rstrip("/")
    folder = storage.real_path(output).rstrip("/")
    if f"{table}/".startswith(f"{folder}/") and table != folder:
        raise UsageError(f"the table delta:{root} lies in the output folder {output}")
    if f"{folder}/".startswith(f"{table}/"):
        below = folder[len(table) :].strip("/")
        if not below.startswith(("_", ".")):
            raise UsageError(
                f"a vacuum of delta:{root} would take the runs in {output} for rubbish; "
                f"use --output {storage.join(root, '_runs')}, or a folder outside of the table"
            )
