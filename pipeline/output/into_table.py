"""A run as a change of a table: what its manifest says of it, and the parts that lie in a folder.

The manifest's `table` is `name`, the `slot` that the run fills, the `working_folder` from which
its inputs were named, `partition_by`, the folders of tables that are inputs (`below`), and
`dropped`, inputs that are no longer any.
"""

import os
import uuid
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import storage
from pipeline.output.published import Published, gave_nothing, named_parts
from pipeline.table_names import TableName, parse_table
from pipeline.tables.change import Change, Inputs, NewFile, RunId, run_id, slot_of
from pipeline.tables.commit import commit
from pipeline.tables.formats import open_table
from pipeline.tables.partitions import PartitionColumn, count_partitions

Note = dict[str, Any]


def table_note(name: TableName, partition_by: list[str], below: list[str]) -> Note:
    """What a run notes of the table that it goes into; its slot comes when it begins."""
    return {
        "name": name.latest,
        "working_folder": os.getcwd(),
        "partition_by": partition_by,
        "below": below,
        "dropped": [],
    }


def with_slot(notes: dict[str, Any], output: str, over: str | None) -> dict[str, Any]:
    """Gives a run's notes the slot that it is to fill, if it goes into a table."""
    if "table" not in notes:
        return notes
    return {**notes, "table": {**notes["table"], "slot": slot_of(output, over)}}


def note_partitions(manifest: dict[str, Any], folder: str) -> None:
    """Notes how many partitions a run's rows have, before it is decided to bring them in.

    Args:
        manifest: of the run, to which the number is added.
        folder: where its parts lie.

    Raises:
        NewsbeamError: if there are too many.
    """
    note = manifest["table"]
    table = open_table(parse_table(note["name"]))
    by = [PartitionColumn.of(one) for one in note["partition_by"]]
    by = by if table is None else table.partitioned_by()
    if by:
        paths = [storage.join(folder, name) for name in named_parts(manifest)]
        count = count_partitions(paths, by)
        manifest["table"] = {**note, "partition_by": [*map(str, by)], "partitions": count}


def bring_in(manifest: dict[str, Any], folder: str, attempt: str) -> bool:
    """Brings a run into the table that its manifest names.

    Args:
        manifest: of the run.
        folder: where its parts lie.
        attempt: names the folder of its files below the table's root.

    Returns:
        False if it was there already.

    Raises:
        SlotTakenError: if another run is there in its place.
    """
    note = manifest["table"]
    return commit(parse_table(note["name"]), change_of(manifest, note, folder, attempt))


def identity(output: str, run: Published, name: TableName) -> RunId:
    """Which run a published one is in a table: as it noted, if it noted this table."""
    note = run.manifest.get("table")
    if note is not None and note["name"] == name.latest:
        slot = note["slot"]
    else:
        slot = slot_of(output, f"{run.commit} published")
    return run_id(slot, run.manifest["plan"]["digest"])


def change_of(manifest: dict[str, Any], note: Note, folder: str, attempt: str) -> Change:
    """What a run changes in a table.

    Args:
        manifest: of the run.
        note: its `table`.
        folder: where its parts lie.
        attempt: names the folder of its files below the table's root.
    """
    names = named_parts(manifest)
    sources = [path for path, _ in manifest["plan"]["sources"] if not gave_nothing(path, manifest)]
    earlier = [one["source"] for one in manifest.get("replaces", [])]
    return Change(
        run=run_id(note["slot"], manifest["plan"]["digest"]),
        attempt=attempt,
        files=tuple(NewFile(storage.join(folder, name), name) for name in names),
        schema=schema_of(storage.join(folder, names[0])) if names else pa.schema([]),
        inputs=Inputs(
            [*sources, *earlier, *note["dropped"]], note["working_folder"], note["below"]
        ),
        partition_by=tuple(note["partition_by"]),
    )


def drop_inputs(name: TableName, sources: list[str], working_folder: str) -> bool:
    """Takes the rows of inputs out of a table; says whether there were any."""
    inputs = Inputs(sources, working_folder)
    return commit(name, Change(None, uuid.uuid4().hex, (), pa.schema([]), inputs))


def schema_of(path: str) -> pa.Schema:
    """The columns of a part."""
    with storage.open_input(path) as stream:
        return pq.read_schema(stream).remove_metadata()
