"""The tables among the inputs, each at one snapshot, which the plan fixes."""

import hashlib
import os
from collections.abc import Mapping
from typing import Any

from pipeline import storage
from pipeline.corpus.fingerprint import Seen
from pipeline.corpus.sources import Facts, View
from pipeline.corpus.tables import delta, iceberg
from pipeline.corpus.tables.snapshot import Rewrite, Snapshot, TableFile
from pipeline.corpus.tables.view import pack, view_of
from pipeline.errors import BadFileError, UsageError
from pipeline.table_names import DELTA, ICEBERG, TableName, is_table, parse_table

KINDS = {DELTA: delta, ICEBERG: iceberg}
TABLE_FORMAT = "parquet"  # of their files
NOTED = "tables"  # among a plan's settings


class Tables:
    """The tables among the inputs.

    Args:
        patterns: what a person wrote after `--input`; all but tables is passed over.
        versions: of tables that were written without one, by `key`; others are taken at the
            latest.

    Raises:
        UsageError: if one can't be read, holds no rows, or is asked for in two versions.
    """

    def __init__(self, patterns: list[str], versions: Mapping[str, int] | None = None):
        self._snapshots: dict[str, Snapshot] = {}
        self._files: dict[str, tuple[Snapshot, TableFile]] = {}
        for pattern in patterns:
            if is_table(pattern):
                self._add(parse_table(pattern), versions or {})

    def _add(self, name: TableName, versions: Mapping[str, int]) -> None:
        if name.version is None:
            name = name._replace(version=versions.get(key(name)))
        known = self._snapshots.get(key(name))
        if known is not None and known.name == name:
            return
        if known is not None:
            raise UsageError(f"{name.latest} is asked for in two versions; take one")
        snapshot = KINDS[name.kind].snapshot(name)
        if not snapshot.files:
            raise UsageError(f"no input: the table {snapshot} has no rows")
        self._snapshots[key(name)] = snapshot
        self._files.update({file.path: (snapshot, file) for file in snapshot.files})

    @classmethod
    def at(cls, versions: Mapping[str, int]) -> "Tables":
        """Tables by their keys, at these versions."""
        return cls([f"{name}@{version}" for name, version in versions.items()])

    def versions(self) -> dict[str, int]:
        """The version of each table, by `key`: what a plan notes."""
        return {name: snapshot.version for name, snapshot in self._snapshots.items()}

    def noted(self) -> dict[str, dict[str, int]]:
        """What a plan's settings say of tables; nothing if there are none."""
        return {NOTED: self.versions()} if self._snapshots else {}

    def files(self, name: str) -> list[str]:
        """The paths of a table's files, in its order; `name` as a person wrote it, or its key."""
        return [file.path for file in self._snapshots[key(parse_table(name))].files]

    def rewrites(self, name: str, since: int) -> list[Rewrite] | None:
        """What was only rewritten in the table of this key since a version; None if unknown."""
        snapshot = self._snapshots[name]
        kind = KINDS[snapshot.name.kind]
        return kind.rewrites(snapshot.name, since, snapshot.version)

    def has(self, path: str) -> bool:
        """Whether an input is a table's file."""
        return path in self._files

    def columns(self) -> list[tuple[str, Facts]]:
        """The tables themselves as inputs without rows, where nothing else says their columns."""
        return [(str(one), Facts(one.columns(), 0)) for one in self._snapshots.values()]

    def has_deletes(self, path: str) -> bool:
        """Whether the table has less of a file than what lies in it."""
        return path in self._files and self._files[path][1].deleted is not None

    def see(self, path: str, seen: Seen) -> Seen:
        """The fingerprint of an input: of a table's file, also by which of its rows are deleted."""
        deleted = self._files[path][1].deleted if path in self._files else None
        if deleted is None:
            return seen
        digest = hashlib.sha256(pack(deleted).encode()).hexdigest()
        return seen._replace(digest=f"{seen.digest}+deleted:{digest}")

    def look(self, path: str, facts: Facts) -> Facts:
        """What is in an input: of a table's file, the columns of the table, and the rows it has."""
        if path not in self._files:
            return facts
        snapshot, file = self._files[path]
        rows = facts.rows or 0
        if file.deleted is not None:
            if len(file.deleted) != rows:
                raise BadFileError(
                    path, f"it has {rows:,} rows, in {snapshot} {len(file.deleted):,}"
                )
            rows -= int(file.deleted.sum())
        columns = snapshot.columns().with_metadata(facts.schema.metadata)  # it may name labels
        return Facts(columns, rows, inside=facts.schema)

    def view(self, path: str, facts: Facts, columns: list[str]) -> View | None:
        """How an input's table sees it; None if there is none, or nothing to be said."""
        if path not in self._files:
            return None
        assert facts.inside is not None
        return view_of(*self._files[path], facts.inside, columns)

    def gone(self, path: str, error: BadFileError | OSError) -> BadFileError | OSError:
        """What is said of an input that can't be read: of a table's file that has gone, why."""
        if path not in self._files or not isinstance(error, FileNotFoundError):
            return error
        return BadFileError(path, f"it has gone; {self._files[path][0]} was vacuumed, perhaps")


def key(name: TableName) -> str:
    """One name for a table, at whichever version and from whichever folder."""
    if name.kind == DELTA and storage.is_local(name.name):
        return f"{DELTA}:{os.path.abspath(storage.local_path(storage.supported(name.name)))}"
    return name.latest


def noted_versions(settings: dict[str, Any]) -> dict[str, int]:
    """The versions of tables that a plan has noted in its settings, by `key`."""
    return settings.get(NOTED, {})
