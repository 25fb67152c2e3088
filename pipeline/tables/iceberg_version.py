"""One version of an Iceberg table, and the commit of the next one behind it.

pyiceberg tries a commit again by itself, on whatever others have made of the table meanwhile; so
a late commit adds its rows a second time. A handle's own metadata turns that off. Then a commit
holds for the snapshot that was read, or fails.

The run's identity stands in the snapshot's properties, and in the table's, since old snapshots
expire. Our files don't number their columns; the table's name mapping does.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import IO, Any

import pyarrow as pa
from pyiceberg.conversions import from_bytes
from pyiceberg.exceptions import (
    CommitFailedException,
)
from pyiceberg.io.pyarrow import parquet_files_to_data_files, schema_to_pyarrow
from pyiceberg.table import Table, TableProperties
from pyiceberg.transforms import DayTransform, IdentityTransform
from pyiceberg.types import StringType

from pipeline import storage
from pipeline.errors import NewsbeamError, UsageError
from pipeline.table_names import TableName
from pipeline.tables.change import NewFile, RunId
from pipeline.tables.opened import Added, ConflictError
from pipeline.tables.partitions import PartitionColumn, split
from pipeline.tables.placing import below, clear, place, settle
from pipeline.tables.rows import SOURCE, TableFile, plain_field, write_plain
from pipeline.tables.schema import new_columns
from pipeline.tables.stored_types import in_iceberg

SLOT, NUMBER = "newsbeam.slot", "newsbeam.run"  # of a snapshot
RUNS = "newsbeam.runs"  # of the table: the latest runs, `slot:number` each
MOST_RUNS = 400
WHOLE_BOUNDS = {f"write.metadata.metrics.column.{SOURCE}": "full"}  # else 16 characters


class Iceberg:
    """A version of an Iceberg table.

    Args:
        name: as it is written on a command line.
        table: the handle.
    """

    def __init__(self, name: TableName, table: Table):
        self._name, self._table = name, table
        table.metadata.properties[TableProperties.COMMIT_NUM_RETRIES] = "0"

    @property
    def version(self) -> str:
        """Where its metadata lie, which each commit changes."""
        return self._table.metadata_location

    @property
    def root(self) -> str:
        """Its folder."""
        return self._table.location().rstrip("/")

    def schema(self) -> pa.Schema:
        """Its columns."""
        return schema_to_pyarrow(self._table.schema(), include_field_ids=False)

    def partitioned_by(self) -> list[PartitionColumn]:
        """By what it is partitioned.

        Raises:
            UsageError: if that is something else than columns and days.
        """
        schema = self._table.schema()
        by = []
        for field in self._table.spec().fields:
            column = schema.find_column_name(field.source_id) or "?"
            if not isinstance(field.transform, (IdentityTransform, DayTransform)):
                raise UsageError(
                    f"{self._name.latest} is partitioned by {field.transform}({column}), "
                    f"which newsbeam doesn't write"
                )
            by.append(PartitionColumn(column, isinstance(field.transform, DayTransform)))
        return by

    def run_in(self, slot: str) -> int | None:
        """The number of the run that fills a slot; None for an empty one."""
        for one in self._runs():
            if one.startswith(f"{slot}:"):
                return int(one.partition(":")[2])
        for snapshot in self._table.metadata.snapshots:
            said = snapshot.summary.additional_properties if snapshot.summary else {}
            if said.get(SLOT) == slot:
                return int(said[NUMBER])
        return None

    def _runs(self) -> list[str]:
        return [one for one in self._table.properties.get(RUNS, "").split(",") if one]

    def check(self) -> None:
        """Refuses a table that lies neither on a disk nor in a store that we know."""
        storage.supported(self.root)

    @cached_property
    def _tasks(self) -> dict[str, Any]:
        return {task.file.file_path: task for task in self._table.scan().plan_files()}

    def files(self) -> list[TableFile]:
        """The files that it refers to."""
        field = self._table.schema().find_field(SOURCE).field_id

        def bound(bounds: dict[int, bytes] | None) -> str | None:
            value = (bounds or {}).get(field)
            return None if value is None else str(from_bytes(StringType(), value))

        return [
            TableFile(
                path,
                task.file.file_size_in_bytes,
                bound(task.file.lower_bounds),
                bound(task.file.upper_bounds),
                has_deletes=bool(task.delete_files),
            )
            for path, task in self._tasks.items()
        ]

    def open_file(self, path: str) -> IO[bytes]:
        """Opens a file that it refers to."""
        try:
            return storage.open_input(path)
        except FileNotFoundError as error:
            raise NewsbeamError(f"{self._name} refers to {path}, which isn't there") from error

    def add_columns(self, schema: pa.Schema) -> bool:
        """Adds the columns that it doesn't have; says whether there were any."""
        new = new_columns(schema, self.schema(), in_iceberg, self._name.latest)
        if not new:
            return False
        try:
            with self._table.update_schema() as update:
                update.union_by_name(pa.schema([plain_field(field) for field in new]))
        except CommitFailedException as error:
            raise ConflictError(str(error)) from error
        return True

    def place(self, files: tuple[NewFile, ...], attempt: str) -> list[Added]:
        """Puts files where the table may refer to them."""
        by = self.partitioned_by()
        if by:
            pieces = split([file.path for file in files], by, self.root, attempt, set())
            paths = [path for path, _ in pieces]
        else:
            paths = place(files, self.root, attempt, write_plain)
        return [(storage.join(self.root, path), ()) for path in paths]

    def new_file(self, attempt: str, name: str) -> tuple[str, str]:
        """A name in an attempt's folder: as the table has it, and where to write."""
        path = storage.join(self.root, below(attempt, name))
        return path, path

    def commit(
        self, run: RunId | None, attempt: str, added: Sequence[Added], removed: Sequence[TableFile]
    ) -> None:
        """Commits one snapshot behind this one, or raises `ConflictError`."""
        if added:
            settle(self.root, attempt)
        transaction = self._table.transaction()
        properties = {}
        if self._table.name_mapping() is None:
            mapping = self._table.schema().name_mapping.model_dump_json()
            properties[TableProperties.DEFAULT_NAME_MAPPING] = mapping
        said = {}
        if run is not None:
            said = {SLOT: run.slot, NUMBER: str(run.number)}
            runs = [*self._runs(), f"{run.slot}:{run.number}"]
            properties[RUNS] = ",".join(runs[-MOST_RUNS:])
        try:
            if properties:
                transaction.set_properties(properties)
            update = transaction.update_snapshot(snapshot_properties=said)
            with update.overwrite() if removed else update.fast_append() as snapshot:
                metadata = transaction.table_metadata
                paths = iter([path for path, _ in added])
                for data in parquet_files_to_data_files(self._table.io, metadata, paths):
                    snapshot.append_data_file(data)
                for file in removed:
                    snapshot.delete_data_file(self._tasks[file.path].file)
            transaction.commit_transaction()
        except CommitFailedException as error:
            raise ConflictError(str(error)) from error

    def clear(self, attempt: str, kept: set[str]) -> None:
        """Deletes what an attempt that is committed has left over."""
        clear(self.root, attempt, {path.removeprefix(f"{self.root}/") for path in kept})
