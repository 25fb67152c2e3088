"""The work folder of a run: finished files, and which work items they complete.

`000012-000003.parquet` is Table 3 of work item 12; `000012-000004.end.parquet` says that the item
ends with Table 4. Files appear whole, in any order, and may be written twice.
"""

from collections.abc import Iterable

from pipeline import layout, storage
from pipeline.corpus.plan import Plan


def whole(names: Iterable[str]) -> list[str] | None:
    """The files that make up one work item, in order; None while one is missing.

    The item ends at the first `.end`: where two workers read one item and only one of them came
    to the source's end (a store that failed for a moment, `--on_bad_file skip`), the files of the
    shorter reading are a whole, and the others must not count beside them.
    """
    tables: dict[tuple[int, bool], str] = {}
    for name in names:
        numbers = layout.parse_checkpoint(name)
        if numbers is not None:
            tables[numbers[1:]] = name
    ends = [table for table, is_end in tables if is_end]
    if not ends:
        return None
    keys = [(table, False) for table in range(min(ends))] + [(min(ends), True)]
    return [tables[key] for key in keys] if all(key in tables for key in keys) else None


def finished_of(work: str | None, item: int) -> list[str]:
    """The names of an item's finished files."""
    if work is None:
        return []
    return [file.name for file in storage.named(work, layout.checkpoints_of(item))]


def finished_files(plan: Plan, work: str) -> tuple[list[storage.FileInfo], list[int]]:
    """All finished files that count, in the corpus' order, and the items that are not complete."""
    by_item: dict[int, dict[str, storage.FileInfo]] = {}
    for file in storage.files_in(work):
        numbers = layout.parse_checkpoint(file.name)
        if numbers is not None:
            by_item.setdefault(numbers[0], {})[file.name] = file
    files: list[storage.FileInfo] = []
    missing: list[int] = []
    for item in plan.items:
        found = by_item.get(item.number, {})
        names = whole(found)
        if names is None:
            missing.append(item.number)
        else:
            files += [found[name] for name in names]
    return files, missing
