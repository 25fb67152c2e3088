"""Published runs that are not in a table yet: those from before its first `--table`, say.

They go in in their order, one transaction each, by the launcher. So a series and its table tell
the same, whichever nights were run without `--table`.
"""

from collections.abc import Iterable

from pipeline.output.into_table import Note, change_of, identity
from pipeline.output.published import Published, published
from pipeline.table_names import parse_table
from pipeline.tables.commit import commit
from pipeline.tables.formats import open_table

ATTEMPT_DIGITS = 32


def catch_up(folders: Iterable[str], note: Note) -> int:
    """Brings published runs into a table, as far as they are not in there.

    Args:
        folders: of runs, the oldest first, locked by us.
        note: what a run of now notes of the table.

    Returns:
        How many it brought in.
    """
    runs = [(folder, run) for folder in folders if (run := published(folder)) is not None]
    name = parse_table(note["name"])
    added = 0
    for folder, run in _missing(runs, note):
        slot = identity(folder, run, name).slot
        place = _working_folder(run, note)
        there = {**note, "working_folder": place, "slot": slot, "dropped": []}
        added += commit(name, change_of(run.manifest, there, folder, run.commit[:ATTEMPT_DIGITS]))
    return added


def _missing(runs: list[tuple[str, Published]], note: Note) -> list[tuple[str, Published]]:
    """Those that are not in the table.

    What has noted this table is in there, unless the table is another one by now. A table may
    forget old runs, so one that is there speaks for all that have noted it.
    """
    name = parse_table(note["name"])
    table = open_table(name)
    if table is None:
        return runs
    is_there = [table.run_in(identity(*one, name).slot) is not None for one in runs]
    noted = [run.manifest.get("table", {}).get("name") == name.latest for _, run in runs]
    same = any(there and so for there, so in zip(is_there, noted, strict=True))
    return [
        one
        for one, there, so in zip(runs, is_there, noted, strict=True)
        if not there and not (so and same)
    ]


def _working_folder(run: Published, note: Note) -> str:
    """The folder from which a run's inputs were named."""
    series = run.manifest.get("series", {})
    return series.get("working_folder", note["working_folder"])
