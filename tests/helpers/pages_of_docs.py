"""The project's pages, and what stands in them."""

import re
from pathlib import Path

from places import ROOT

# Formats of which docs/inputs.md writes a file.
EXAMPLES = ("parquet", "csv", "jsonl", "json", "orc", "arrow", "avro")
# Its recipes of tables, and what each makes as an input.
TABLES = {"delta_table": "delta:news-delta", "iceberg_table": "iceberg:lake.news.daily"}
RECIPE = re.compile(r"<!-- recipe: (\w+) -->\s*```\w+\n(.*?)```", re.DOTALL)


def pages() -> list[Path]:
    """Every page for people, README.md first."""
    folders = ("docs", "deploy", "benchmarks", "bundles")
    below = [page for folder in folders for page in sorted((ROOT / folder).rglob("*.md"))]
    return [*sorted(ROOT.glob("*.md"), key=lambda page: page.name != "README.md"), *below]


def recipes() -> dict[str, str]:
    """The recipes that are tested as they are printed, by name."""
    found = [one for page in pages() for one in RECIPE.findall(page.read_text())]
    assert len(dict(found)) == len(found), "two recipes of one name"
    return dict(found)
