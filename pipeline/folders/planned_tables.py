"""The versions of tables that unfinished work was planned with, by which it must go on."""

from collections.abc import Iterator

from pipeline import layout, storage
from pipeline.corpus.planning.saved_plan import load_plan
from pipeline.corpus.tables.tables import noted_versions
from pipeline.output.work import work_folders


def planned_versions(output: str) -> Iterator[dict[str, int]]:
    """Of each plan in the folder that notes any: versions of tables, by `key`."""
    for work in work_folders(output):
        try:
            versions = noted_versions(load_plan(storage.join(work, layout.PLAN)).settings)
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if versions:
            yield versions
