"""Work items, read without Beam."""

from collections.abc import Iterator

from pipeline.corpus.documents import Shard
from pipeline.corpus.planning.plan import Plan
from pipeline.corpus.sources import WorkItem
from pipeline.stages.reading import read_source


def read_item(plan: Plan, item: WorkItem, skip_bad_files: bool = False) -> Iterator[Shard]:
    """The shards of a work item."""
    return read_source(plan, plan.sources[item.source], item, skip_bad_files)
