"""What one run changes in a table: files that come, and the inputs whose earlier rows go.

A run has an identity, which the table's transaction carries. A *slot* is a place in an output
folder: the successor of what is published there. Only one run ever fills it. So whoever finds the
slot filled knows whether that was this run (a retry, a resumed run, a zombie) or another one.
"""

import bisect
import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import storage

ID_DIGITS = 15  # hexadecimal, of a plan's digest: 60 bits fit the long that Delta has for a version


class RunId(NamedTuple):
    """Which run it is.

    Attributes:
        slot: what it fills, in hexadecimal digits.
        number: of its plan: of two runs for one slot, only one has it.
    """

    slot: str
    number: int


def run_id(slot: str, plan_digest: str) -> RunId:
    """The identity of a run."""
    return RunId(slot, int(plan_digest[:ID_DIGITS], 16))


def slot_of(output: str, after: str | None) -> str:
    """The slot of the run that follows another one in a folder.

    Args:
        output: the folder.
        after: the commit of the run that is published there; None for none.
    """
    text = f"{storage.real_path(output).rstrip('/')}\n{after or ''}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class NewFile(NamedTuple):
    """A Parquet file that the table gets.

    Attributes:
        path: where it lies now.
        name: the last part of its name in the table.
    """

    path: str
    name: str


class Inputs:
    """Inputs whose earlier rows go, however they were named in the `source` column.

    Args:
        sources: as this run writes them, or earlier ones have.
        working_folder: from which they were named.
        below: folders of tables that are inputs. Their files change their names when somebody
            compacts them, so all that lies there is one input.
    """

    def __init__(self, sources: Iterable[str], working_folder: str, below: Iterable[str] = ()):
        self.names = {name for one in sources for name in _spellings(one, working_folder)}
        self._prefixes = [f"{folder.rstrip('/')}/" for folder in below]

    @cached_property
    def _sorted(self) -> list[str]:
        return sorted(self.names)

    def may_be_between(self, least: str | None, most: str | None) -> bool:
        """Whether one of them may lie between two values of `source`; None for an unknown one."""
        for prefix in self._prefixes:
            is_before = most is not None and most < prefix
            is_behind = least is not None and least > prefix and not least.startswith(prefix)
            if not is_before and not is_behind:
                return True
        names = self._sorted
        start = 0 if least is None else bisect.bisect_left(names, least)
        return start < len(names) and (most is None or names[start] <= most)

    def among(self, sources: pa.ChunkedArray) -> pa.ChunkedArray:
        """Which rows of a `source` column are theirs."""
        if pa.types.is_dictionary(sources.type):
            sources = sources.cast(sources.type.value_type)
        sources = sources.cast(pa.string())
        found = pc.is_in(sources, pa.array(self._sorted, pa.string()))
        for prefix in self._prefixes:
            found = pc.or_(found, pc.fill_null(pc.starts_with(sources, prefix), False))
        return found


def _spellings(source: str, working_folder: str) -> set[str]:
    """The ways to write a path that people use: whole, or from their folder."""
    if ":" in source.partition("/")[0] and not source.startswith("file://"):
        return {source}  # no file, or one in a store, which has one name
    whole = os.path.normpath(os.path.join(working_folder, storage.local_path(source)))
    below = os.path.relpath(whole, working_folder)
    return {source, whole, below, f"./{below}", f"file://{whole}"}


@dataclass(frozen=True)
class Change:
    """What a run does to a table, in one transaction.

    Attributes:
        run: which one it is; None of one that only drops inputs.
        attempt: names the folder in which its files lie below the table's root.
        files: its parts, where they lie now.
        schema: of the parts.
        inputs: whose earlier rows go.
        partition_by: by what a new table is partitioned.
    """

    run: RunId | None
    attempt: str
    files: tuple[NewFile, ...]
    schema: pa.Schema
    inputs: Inputs
    partition_by: tuple[str, ...] = ()
