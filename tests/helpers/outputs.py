"""What tests ask of an output folder."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

# Of rows: `error` is "code: detail" with one of these.
ERROR_CODES = {
    "blank",
    "json",
    "fields",
    "quote",
    "encoding",
    "model",
    "no_tokens",
    "language",
    "record",
    "http",
    "not_html",
    "no_text",
}


def manifest(output: Path) -> dict[str, Any]:
    """The manifest of a published folder."""
    assert (output / "_SUCCESS").exists(), sorted(path.name for path in output.iterdir())
    return json.loads((output / "_manifest.json").read_text())


def rows(output: Path) -> pa.Table:
    """All rows of a published folder, which holds nothing but what it should."""
    parts = [part["name"] for part in manifest(output)["parts"]]
    extra = {path.name for path in output.iterdir()} - {*parts, "_SUCCESS", "_manifest.json"}
    assert not extra - {"_report.html"}
    return pa.concat_tables(pq.read_table(output / name) for name in parts).combine_chunks()


def state(output: Path) -> str:
    """How far a run that died had come: `planned`, `working`, `publishing` or `published`."""
    return "published" if (output / "_SUCCESS").exists() else state_of_work(output)


def state_of_work(output: Path) -> str:
    """How far the unpublished run of a folder had come, whatever is published beside it."""
    plans = list(output.glob("_work-*/plan.json"))
    if not plans:
        return "planning"
    if any((plan.parent / "merged.json").exists() for plan in plans):
        return "publishing"
    return "working"


def assert_same(one: pa.Table, other: pa.Table) -> None:
    """Rows are the same in the same order; scores to 1e-6."""
    assert one.schema.equals(other.schema)
    for name in one.column_names:
        if name in ("score", "probabilities"):
            left, right = one[name].combine_chunks(), other[name].combine_chunks()
            assert left.is_null().equals(right.is_null())
            if name == "probabilities":
                left, right = left.flatten(), right.flatten()
            left, right = left.drop_null().to_numpy(), right.drop_null().to_numpy()
            assert len(left) == len(right)
            assert abs(left - right).max(initial=0) <= 1e-6
        else:
            assert one[name].to_pylist() == other[name].to_pylist(), name
