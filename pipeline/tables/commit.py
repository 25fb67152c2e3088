"""The one transaction by which a run goes into a table: its rows in, those that it replaces out.

1. Read a version of the table. Is the run in there, nothing is to be done.
2. Put its files where the table may refer to them; find the files with rows that it replaces, and
   write anew what stays of them.
3. Commit the version behind the one that was read. If somebody else was faster: from 1.

A process may die anywhere. Before the third step nothing has happened in the table, behind it
everything has; and whoever comes next begins with the first.
"""

import random
import time
import uuid
from collections.abc import Iterator

from pipeline import durable
from pipeline.errors import NewsbeamError
from pipeline.table_names import TableName
from pipeline.tables.change import Change
from pipeline.tables.formats import check_columns, create_table, open_table
from pipeline.tables.opened import Added, ConflictError, Opened
from pipeline.tables.rows import Touched, touched, write_rest

TRIES = 30
PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0


class SlotTakenError(NewsbeamError):
    """Another run has gone into the table in this one's place."""


def commit(name: TableName, change: Change) -> bool:
    """Brings a run into a table, once.

    Returns:
        False if it was there already.

    Raises:
        SlotTakenError: if another run is there in its place.
        UsageError: for columns that the table has no place for.
        NewsbeamError: if another writer has changed the rows that it replaces, meanwhile.
    """
    check_columns(name, change.schema)
    placed: list[Added] = []
    replaced: int | None = None
    for _ in _tries():
        table = open_table(name)
        if table is None and change.run is None:
            return False  # nothing to drop
        if table is None:
            create_table(name, change.schema, change.partition_by)
            continue
        if is_in(table, change, name):
            return False
        table.check()
        try:
            if table.add_columns(change.schema):
                continue  # what was read of the table is no longer its latest version
            placed = placed or table.place(change.files, change.attempt)
            found = touched(table.files(), change.inputs, table.open_file)
            gone = sum(one.gone for one in found)
            if replaced is not None and gone != replaced:
                raise NewsbeamError(
                    f"another writer has changed rows in {name.latest} that this run replaces: "
                    f"{replaced:,} before, {gone:,} now; look there. The same command replaces them"
                )
            replaced = gone
            if not placed and not found and change.run is None:
                return False
            _commit(table, change, placed, found)
            return True
        except ConflictError as error:
            reason = str(error)
            after = open_table(name)
            if after is not None and after.version == table.version:
                raise NewsbeamError(f"{name.latest} takes no commit: {reason}") from error
    raise NewsbeamError(
        f"other writers commit to {name.latest} all the time, so {TRIES} tries came to nothing; "
        f"the same command continues"
    )


def is_in(table: Opened, change: Change, name: TableName) -> bool:
    """Whether a run is in a table.

    Raises:
        SlotTakenError: if another run is there in its place.
    """
    if change.run is None:
        return False
    there = table.run_in(change.run.slot)
    if there not in (None, change.run.number):
        table.clear(change.attempt, set())  # which nobody can commit any more
        raise SlotTakenError(f"another run has gone into {name.latest} in the place of this one")
    return there is not None


def _commit(table: Opened, change: Change, placed: list[Added], found: list[Touched]) -> None:
    written: list[str] = []
    added = list(placed)
    try:
        for one in found:
            if one.gone < one.rows:
                if one.file.has_deletes:
                    raise NewsbeamError(
                        f"{one.file.path} has rows that stay, and others that are deleted in a "
                        f"file of deletions; compact the table. The same command continues"
                    )
                path, target = table.new_file(change.attempt, f"rest-{uuid.uuid4().hex}.parquet")
                written.append(target)
                with durable.writing(target) as stream:
                    write_rest(one.file.path, change.inputs, table.open_file, stream)
                added.append((path, one.file.partition))
        table.commit(change.run, change.attempt, added, [one.file for one in found])
    except ConflictError:
        durable.delete(written)
        raise
    table.clear(change.attempt, {path for path, _ in added})


def _tries() -> Iterator[None]:
    """Tries, with a pause before each but the first."""
    for number in range(TRIES):
        if number:
            longest = min(PAUSE_SECONDS * 2**number, LONGEST_PAUSE_SECONDS)
            time.sleep(random.uniform(0, longest))
        yield
