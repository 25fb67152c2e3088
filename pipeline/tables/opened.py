"""What the commit asks of a table, whatever its format: one version of it, read and then replaced.

What is read of a version still holds when the next one is committed: whoever commits does so
behind the version that was read, or not at all.
"""

from collections.abc import Sequence
from typing import IO, Protocol

import pyarrow as pa

from pipeline.errors import NewsbeamError
from pipeline.tables.change import NewFile, RunId
from pipeline.tables.partitions import PartitionColumn
from pipeline.tables.rows import Partition, TableFile

Added = tuple[str, Partition]  # a path as the table has it, and the partition


class ConflictError(NewsbeamError):
    """Another writer was faster: read the table again."""


class Opened(Protocol):
    """A version of a table."""

    @property
    def version(self) -> int | str:
        """What tells it from any other."""

    @property
    def root(self) -> str:
        """Its folder."""

    def schema(self) -> pa.Schema:
        """Its columns."""

    def check(self) -> None:
        """Raises `UsageError` for a table that we must not write to."""

    def partitioned_by(self) -> list[PartitionColumn]:
        """By what it is partitioned."""

    def run_in(self, slot: str) -> int | None:
        """The number of the run that fills a slot."""

    def files(self) -> list[TableFile]:
        """The files that it refers to."""

    def open_file(self, path: str) -> IO[bytes]:
        """Opens one of them."""

    def add_columns(self, schema: pa.Schema) -> bool:
        """Adds the columns that it doesn't have; says whether there were any."""

    def place(self, files: tuple[NewFile, ...], attempt: str) -> list[Added]:
        """Puts files where the table may refer to them."""

    def new_file(self, attempt: str, name: str) -> tuple[str, str]:
        """A name in an attempt's folder: as the table has it, and where to write."""

    def commit(
        self, run: RunId | None, attempt: str, added: Sequence[Added], removed: Sequence[TableFile]
    ) -> None:
        """Commits the version behind this one, or raises `ConflictError`."""

    def clear(self, attempt: str, kept: set[str]) -> None:
        """Deletes what an attempt that is committed has left over."""
