"""One version of a Delta table, and the commit of the next one by the very handle that was read.

deltalake commits the same application transaction again through a fresh handle, so nobody may
count on it to refuse a second time. What holds is this: a handle commits the version behind the
one that it has read, or fails. So what was read on a handle is still true when it commits.
"""

import functools
import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import IO
from urllib.parse import unquote

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Schema, Transaction
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction, RemoveAction

from pipeline import storage
from pipeline.errors import NewsbeamError, UsageError
from pipeline.tables.change import NewFile, RunId
from pipeline.tables.opened import Added, ConflictError
from pipeline.tables.partitions import DAY, PartitionColumn, as_text, split
from pipeline.tables.placing import below, clear, place, settle
from pipeline.tables.rows import AT_ONCE, Facts, TableFile, facts_of
from pipeline.tables.schema import new_columns
from pipeline.tables.stored_types import in_delta

REFUSED = {  # settings under which rows are other than what lies in files, or may not be replaced
    "delta.columnMapping.mode": ("id", "name"),
    "delta.appendOnly": ("true",),
    "delta.enableDeletionVectors": ("true",),
}


class Delta:
    """A version of a Delta table.

    Args:
        root: its folder.
        table: the handle.
    """

    def __init__(self, root: str, table: DeltaTable):
        self._root, self._table = root, table

    @property
    def version(self) -> int:
        """Its number."""
        return self._table.version()

    @property
    def root(self) -> str:
        """Its folder."""
        return self._root

    def schema(self) -> pa.Schema:
        """Its columns."""
        return pa.schema(self._table.schema().to_arrow())

    def partitioned_by(self) -> list[PartitionColumn]:
        """By what it is partitioned: columns of its own, or the day of one, beside it."""
        names = self.schema().names
        return [
            PartitionColumn(name.removesuffix(DAY), True)
            if name.endswith(DAY) and name.removesuffix(DAY) in names
            else PartitionColumn(name)
            for name in self._table.metadata().partition_columns
        ]

    def run_in(self, slot: str) -> int | None:
        """The number of the run that fills a slot; None for an empty one."""
        return self._table.transaction_version(_application(slot))

    def check(self) -> None:
        """Refuses a table whose rows are other than what lies in its files.

        Raises:
            UsageError: if it has features that we would not heed.
        """
        settings = self._table.metadata().configuration
        for name in settings:
            is_constraint = name.startswith("delta.constraints.")
            if is_constraint or str(settings[name]).lower() in REFUSED.get(name, ()):
                raise UsageError(
                    f"delta:{self.root} has {name}={settings[name]}, which newsbeam doesn't write"
                )

    def files(self) -> list[TableFile]:
        """The files that it refers to."""
        actions = pa.table(self._table.get_add_actions(flatten=True)).to_pydict()
        nothing = [None] * len(actions["path"])
        partitions = list(self._table.metadata().partition_columns)
        values = [actions[f"partition.{name}"] for name in partitions]
        texts = [[as_text(value) for value in column] for column in values]
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
        """Adds the columns that it doesn't have; says whether there were any."""
        new = new_columns(schema, self.schema(), in_delta, f"delta:{self.root}")
        if not new:
            return False
        fields = Schema.from_arrow(pa.schema([pa.field(f.name, f.type) for f in new])).fields
        try:
            self._table.alter.add_columns(fields, commit_properties=_once())
        except CommitFailedError as error:
            raise ConflictError(str(error)) from error
        return True

    def place(self, files: tuple[NewFile, ...], attempt: str) -> list[Added]:
        """Puts files where the table may refer to them."""
        by = self.partitioned_by()
        if by:
            inside = {one.column for one in by if not one.by_day}  # the log has their values
            return split([file.path for file in files], by, self.root, attempt, inside)
        return [(path, ()) for path in place(files, self.root, attempt)]

    def new_file(self, attempt: str, name: str) -> tuple[str, str]:
        """A name in an attempt's folder: as the table has it, and where to write."""
        path = below(attempt, name)
        return path, storage.join(self.root, path)

    def commit(
        self, run: RunId | None, attempt: str, added: Sequence[Added], removed: Sequence[TableFile]
    ) -> None:
        """Commits the version behind this one, or raises `ConflictError`."""
        if added:
            settle(self.root, attempt)
        now = round(time.time() * 1000)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            facts = list(pool.map(lambda one: _facts(self.root, one[0]), added))
        actions: list[AddAction | RemoveAction] = [
            AddAction(path, one.size, dict(partition), now, True, _statistics(one))
            for (path, partition), one in zip(added, facts, strict=True)
        ]
        actions += [
            RemoveAction(file.path, True, now, file.size, dict(file.partition)) for file in removed
        ]
        try:
            self._table.create_write_transaction(
                actions,
                "append",
                self._table.schema(),
                list(self._table.metadata().partition_columns),
                commit_properties=_once(run),
            )
        except CommitFailedError as error:
            raise ConflictError(str(error)) from error

    def clear(self, attempt: str, kept: set[str]) -> None:
        """Deletes what an attempt that is committed has left over."""
        clear(self.root, attempt, kept)


@functools.lru_cache(maxsize=100_000)  # a commit that is tried again reads no footer again
def _facts(root: str, path: str) -> Facts:
    """What the table is told of a file of ours, which nobody ever changes."""
    path = storage.join(root, path)
    return facts_of(path, storage.size(path), storage.open_input)


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
