"""One version of a Delta table, and the commit of the next one by the very handle that was read.

deltalake commits the same application transaction again through a fresh handle, so nobody may
count on it to refuse a second time. What holds is this: a handle commits the version behind the
one that it has read, or fails. So what was read on a handle is still true when it commits.
"""

import json
import time
from collections.abc import Sequence
from typing import IO
from urllib.parse import unquote

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Schema, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction, RemoveAction

from pipeline import storage
from pipeline.errors import NewsbeamError, UsageError
from pipeline.tables.change import NewFile, RunId
from pipeline.tables.opened import ConflictError
from pipeline.tables.placing import below, clear, place, settle
from pipeline.tables.rows import Facts, TableFile, facts_of
from pipeline.tables.schema import new_columns

FORMAT = "Delta Lake"
LOG = "_delta_log"
REFUSED = {  # settings under which rows are other than what lies in files, or may not be replaced
    "delta.columnMapping.mode": ("id", "name"),
    "delta.appendOnly": ("true",),
    "delta.enableDeletionVectors": ("true",),
}


def stored(kind: pa.DataType) -> pa.DataType:
    """The type that comes back from a Delta table for one of ours."""
    schema = Schema.from_arrow(pa.schema([("x", kind)]))
    return pa.schema(schema.to_arrow()).field("x").type


class Delta:
    """A version of a Delta table.

    Args:
        root: its folder.
        table: the handle.
    """

    def __init__(self, root: str, table: DeltaTable):
        self.root, self._table = root, table

    @property
    def version(self) -> int:
        """Its number."""
        return self._table.version()

    def schema(self) -> pa.Schema:
        """Its columns."""
        return pa.schema(self._table.schema().to_arrow())

    def partitioned_by(self) -> list[str]:
        """The columns by which it is partitioned."""
        return list(self._table.metadata().partition_columns)

    def run_in(self, slot: str) -> int | None:
        """The number of the run that fills a slot; None for an empty one."""
        return self._table.transaction_version(_application(slot))

    def check(self) -> None:
        """Refuses a table whose rows are other than what lies in its files.

        Raises:
            UsageError: if it has features that we would not heed.
        """
        settings = self._table.metadata().configuration
        for name, values in REFUSED.items():
            if str(settings.get(name, "")).lower() in values:
                raise UsageError(
                    f"delta:{self.root} has {name}={settings[name]}, which newsbeam doesn't write"
                )

    def files(self) -> list[TableFile]:
        """The files that it refers to."""
        actions = pa.table(self._table.get_add_actions(flatten=True)).to_pydict()
        nothing = [None] * len(actions["path"])
        partitions = self.partitioned_by()
        values = [actions[f"partition.{name}"] for name in partitions]
        texts = [[None if v is None else _as_text(v) for v in column] for column in values]
        rows = zip(*texts, strict=True) if texts else ((),) * len(nothing)
        return [
            TableFile(path, size, least, most, tuple(zip(partitions, row, strict=True)))
            for path, size, least, most, row in zip(
                actions["path"],
                actions["size_bytes"],
                actions.get("min.source", nothing),
                actions.get("max.source", nothing),
                rows,
                strict=True,
            )
        ]

    def open_file(self, path: str) -> IO[bytes]:
        """Opens a file that it refers to."""
        path = unquote(path)
        try:
            return storage.open_input(path if "://" in path else storage.join(self.root, path))
        except FileNotFoundError as error:
            raise NewsbeamError(f"delta:{self.root} refers to {path}, which isn't there") from error

    def add_columns(self, schema: pa.Schema) -> bool:
        """Adds the columns that it doesn't have; says whether there were any.

        Raises:
            UsageError: if one is of another type.
            ConflictError: if another writer was faster.
        """
        new = new_columns(schema, self.schema(), stored, f"delta:{self.root}")
        if not new:
            return False
        fields = Schema.from_arrow(pa.schema([pa.field(f.name, f.type) for f in new])).fields
        try:
            self._table.alter.add_columns(fields, commit_properties=_once())
        except CommitFailedError as error:
            raise ConflictError(str(error)) from error
        return True

    def place(self, files: tuple[NewFile, ...], attempt: str) -> list[tuple[str, Facts]]:
        """Puts files where the table may refer to them."""
        paths = place(files, self.root, attempt)
        return [(path, self.facts(path)) for path in paths]

    def new_file(self, attempt: str, name: str) -> tuple[str, str]:
        """A name in an attempt's folder: as the table has it, and where to write."""
        path = below(attempt, name)
        return path, storage.join(self.root, path)

    def facts(self, path: str) -> Facts:
        """What the table is told of a file of ours."""
        size = storage.size(storage.join(self.root, path))
        return facts_of(path, size, self.open_file)

    def commit(
        self,
        run: RunId | None,
        attempt: str,
        added: Sequence[tuple[str, Facts, tuple[tuple[str, str | None], ...]]],
        removed: Sequence[TableFile],
    ) -> None:
        """Commits the version behind this one.

        Raises:
            ConflictError: if another writer was faster.
        """
        settle(self.root, attempt) if added else None
        now = round(time.time() * 1000)
        actions: list[AddAction | RemoveAction] = [
            AddAction(path, facts.size, dict(values), now, True, _statistics(facts))
            for path, facts, values in added
        ]
        actions += [
            RemoveAction(file.path, True, now, file.size, dict(file.partition)) for file in removed
        ]
        try:
            self._table.create_write_transaction(
                actions,
                "append",
                self._table.schema(),
                self.partitioned_by(),
                commit_properties=_once(run),
            )
        except CommitFailedError as error:
            raise ConflictError(str(error)) from error

    def clear(self, attempt: str, kept: set[str]) -> None:
        """Deletes what an attempt that is committed has left over."""
        clear(self.root, attempt, kept)


def open_delta(root: str) -> Delta | None:
    """Opens the latest version; None if there is no table.

    Raises:
        NewsbeamError: if there is one that can't be read.
    """
    try:
        return Delta(root, DeltaTable(root))
    except TableNotFoundError:
        return None
    except DeltaError as error:
        raise NewsbeamError(f"delta:{root} can't be read: {error}") from error


def check_place(root: str) -> None:
    """Refuses to make a table in a folder that holds something else.

    Raises:
        UsageError: if it does.
    """
    names = [file.name for file in storage.files_in(root)] + storage.folders_in(root)
    if others := [name for name in names if not name.startswith(("_", "."))]:
        raise UsageError(f"{root} is no Delta table and holds something else ({others[0]})")


def create_delta(root: str, schema: pa.Schema, partition_by: Sequence[str]) -> None:
    """Makes a table without rows; somebody else may be faster."""
    plain = pa.schema([pa.field(field.name, stored(field.type)) for field in schema])
    try:
        DeltaTable.create(root, plain, partition_by=list(partition_by), name="labels")
    except DeltaError:
        if open_delta(root) is None:
            raise


def _application(slot: str) -> str:
    return f"newsbeam-{slot}"


def _once(run: RunId | None = None) -> CommitProperties:
    """A commit that is tried once: whether it may be tried again, we see for ourselves."""
    transactions = [Transaction(_application(run.slot), run.number)] if run else None
    return CommitProperties(max_commit_retries=0, app_transactions=transactions)


def _statistics(facts: Facts) -> str:
    known = facts.least is not None and facts.most is not None
    bounds = {"minValues": {"source": facts.least}, "maxValues": {"source": facts.most}}
    return json.dumps({"numRecords": facts.rows, **(bounds if known else {})})


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
