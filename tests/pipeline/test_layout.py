"""The output folder's layout: names on disk, the walk over runs, one owner of both."""

import ast
from pathlib import Path

import pytest

from pipeline import layout
from pipeline.layout import RunFolder, parse_checkpoint
from places import ROOT

DIGEST = "0123456789abcdef"


def test_names_are_what_earlier_versions_wrote():
    assert layout.part_name(3, 12) == "part-00003-of-00012.parquet"
    assert layout.work_name(DIGEST) == "_work-0123456789ab"
    assert layout.series_name(DIGEST) == "bundle=0123456789ab"
    assert layout.checkpoint_name(12, 3, False) == "000012-000003.parquet"
    assert layout.checkpoint_name(12, 4, True) == "000012-000004.end.parquet"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("000012-000003.parquet", (12, 3, False)),
        ("000012-000004.end.parquet", (12, 4, True)),
        ("1234567-000000.parquet", (1234567, 0, False)),
        ("12-3.parquet", None),
        (".tmp-000012-000003.parquet", None),
        ("000012-000003.parquet.tmp", None),
        ("plan.json", None),
    ],
)
def test_parse_checkpoint(name, expected):
    assert parse_checkpoint(name) == expected


def test_runs_come_by_their_time_whatever_their_bundle(tmp_path):
    for name in ("bundle=b/run=2", "bundle=a/run=3", "bundle=b/run=1", "bundle=a/notes", "other"):
        path = tmp_path / name
        path.mkdir(parents=True)
        (path / "file").touch()
    root = str(tmp_path)
    assert layout.runs_in(root) == [
        RunFolder(root, "-", None),
        RunFolder(f"{root}/bundle=b/run=1", "1", "b"),
        RunFolder(f"{root}/bundle=b/run=2", "2", "b"),
        RunFolder(f"{root}/bundle=a/run=3", "3", "a"),
    ]
    assert layout.holds_series(root)
    assert not layout.holds_series(f"{root}/other")
    assert layout.series_of(f"{root}/bundle=b/run=1/") == f"{root}/bundle=b"
    assert layout.series_of(root) is None


def test_no_other_module_spells_a_name():
    names = {value for key, value in vars(layout).items() if key.isupper() and value != 12}
    assert {"_SUCCESS", "part-", "bundle=", "plan.json"} <= names
    found = []
    for path in sorted((ROOT / "pipeline").rglob("*.py")):
        if path != Path(layout.__file__):
            found += [(path.name, text) for text in literals(path) if text.strip("/") in names]
    assert found == []


def literals(path: Path) -> list[str]:
    """Every string in a module's code, docstrings left out."""
    tree = ast.parse(path.read_text())
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose
    ]
