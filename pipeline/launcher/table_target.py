"""The table of `--table`: its options, and all that can be wrong with it before any work."""

import argparse
from typing import Any

from model.console.terminal import say
from pipeline import storage
from pipeline.corpus.planning.plan import Plan
from pipeline.errors import UsageError
from pipeline.folders.catch_up import catch_up
from pipeline.output.into_table import Note, table_note
from pipeline.table_names import DELTA, TableName, is_table, parse_table
from pipeline.tables.formats import check_table, table_to_write


def add_table_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of runs that go into a table."""
    group: Any = parser.add_argument_group("table")
    group.add_argument(
        "--table",
        metavar="TABLE",
        help="also bring the run into a table, by one transaction, in the place of all earlier "
        "rows of its inputs: delta:URI or iceberg:CATALOG.NAMESPACE.TABLE; made if there is none",
    )


class TableTarget:
    """The table that a command line names.

    Args:
        options: the command line.

    Raises:
        UsageError: if it is none, or doesn't go with another option.
    """

    def __init__(self, options: argparse.Namespace):
        self.name: TableName = table_to_write(options.table)
        if options.limit:
            raise UsageError("--table goes without --limit: the rest of its inputs would be lost")
        for pattern in options.input:
            if is_table(pattern) and parse_table(pattern).latest in (
                options.table,
                self.name.latest,
            ):
                raise UsageError(f"{pattern} is both --input and --table")
        if self.name.kind == DELTA:
            _check_apart(self.name.name, options.output)

    def check(self, plan: Plan) -> None:
        """Sees whether the rows of a run can go into it.

        Raises:
            UsageError: if they can't.
        """
        check_table(self.name, plan.output_schema())

    def note(self) -> Note:
        """What a run notes of it."""
        return table_note(self.name, [], [])

    def catch_up(self, folders: list[str]) -> None:
        """Brings published runs into it that are not in there, the oldest first."""
        if added := catch_up(folders, self.note()):
            runs = "run that was" if added == 1 else "runs that were"
            say(f"{added:,} {runs} published before went into {self.name.latest}")


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
