"""A run as a change of a table: what its manifest says of it, and the parts that lie in a folder.

The manifest's `table` is `name`, the `slot` that the run fills, the `working_folder` from which
its inputs were named, `partition_by`, and `dropped`, inputs that are no longer any.
"""

import os
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import storage
from pipeline.output.published import Published, gave_nothing, named_parts
from pipeline.table_names import TableName, parse_table
from pipeline.tables.change import Change, Inputs, NewFile, RunId, run_id, slot_of
from pipeline.tables.commit import commit

Note = dict[str, Any]


def table_note(name: TableName, dropped: list[str], partition_by: list[str]) -> Note:
    """What a run notes of the table that it goes into; its slot comes when it begins."""
    return {
        "name": name.latest,
        "working_folder": os.getcwd(),
        "partition_by": partition_by,
        "dropped": dropped,
    }


def with_slot(notes: dict[str, Any], output: str, over: str | None) -> dict[str, Any]:
    """Gives a run's notes the slot that it is to fill, if it goes into a table."""
    if "table" not in notes:
        return notes
    return {**notes, "table": {**notes["table"], "slot": slot_of(output, over)}}


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
        inputs=Inputs([*sources, *earlier, *note.get("dropped", [])], note["working_folder"]),
        partition_by=tuple(note.get("partition_by", ())),
    )


def schema_of(path: str) -> pa.Schema:
    """The columns of a part."""
    with storage.open_input(path) as stream:
        return pq.read_schema(stream).remove_metadata()
