"""A `bundle.json` that was edited by hand: every key, in several wrong ways."""

import json
import shutil
from pathlib import Path

import pytest

from model.bundle.load import BundleError, load_bundle
from places import ROOT

SHIPPED = ROOT / "bundles" / "agnews-transformer"
FIELDS = json.loads((SHIPPED / "bundle.json").read_text())
GONE = object()
NOT_A_WORD = (GONE, None, 5, "", " ", [], ["a"], {}, True)
NOT_A_LIST_OF_NAMES = (
    GONE,
    None,
    5,
    "World",
    [],
    {},
    [1, 2, 3, 4],
    ["a", "a", "b", "c"],
    ["", "b"],
)
NOT_A_COUNT = (None, "a", -1, 1.5, [1], {}, True)
NOT_A_GROUP = (GONE, None, 5, "a", [], ["a"], True)
NOT_A_SHARE = (None, "a", -0.1, 1.5, float("nan"), [1], {})
NOT_A_HISTOGRAM = (None, 5, [], {}, {"counts": None}, {"counts": ["a"]}, {"counts": [-1]})

EDITS = {
    "format": (GONE, None, "1", 0, -1, [], True, 99, 1.5),
    "name": NOT_A_WORD,
    "labels": (*NOT_A_LIST_OF_NAMES, ["one", "two", "three"], ["a", "b", "c", "d", "e"]),
    "max_tokens": (GONE, 0, 10**30, *NOT_A_COUNT),
    "text_columns": NOT_A_LIST_OF_NAMES,
    "tokenizer": NOT_A_GROUP,
    "tokenizer.kind": NOT_A_WORD,
    "tokenizer.vocab_size": (GONE, 0, *NOT_A_COUNT),
    "tokenizer.pad_id": (GONE, 1, *NOT_A_COUNT),
    "tokenizer.unknown_id": (GONE, *NOT_A_COUNT),
    "model": NOT_A_GROUP,
    "model.kind": NOT_A_WORD,
    "model.labels": (5, *NOT_A_COUNT),
    "training": NOT_A_GROUP,
    "metrics": (*NOT_A_GROUP, {"test": 5}),
    "metrics.validation.rows": NOT_A_COUNT,
    "metrics.validation.accuracy": NOT_A_SHARE,
    "profile": (GONE, 5, "a", [], True),
    "profile.rows": NOT_A_COUNT,
    "profile.labelled_rows": NOT_A_COUNT,
    "profile.unknown_share": NOT_A_SHARE,
    "profile.label_shares": (*NOT_A_GROUP[1:], {"World": "a"}, {"World": -1}),
    "profile.tokens": NOT_A_HISTOGRAM,
    "profile.confidence": NOT_A_HISTOGRAM,
    "created": (GONE, None, 5, "", "yesterday", [], {}),
    "versions": (*NOT_A_GROUP, {"keras": 3}),
    "files": (*NOT_A_GROUP, {}, {"model.weights.h5": 0}, {"model.weights.h5": "abc"}),
}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Path:
    return Path(shutil.copytree(SHIPPED, tmp_path_factory.mktemp("bundle") / "edited"))


def test_every_field_is_edited():
    assert {name.partition(".")[0] for name in EDITS} == set(FIELDS)


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in EDITS.items() for value in values]
)
def test_an_edited_field_is_told_in_one_line(bundle, name, value):
    fields = json.loads(json.dumps(FIELDS))
    *groups, last = name.split(".")
    group = fields
    for one in groups:
        group = group[one]
    if value is GONE:
        del group[last]
    else:
        group[last] = value
    (bundle / "bundle.json").write_text(json.dumps(fields))
    with pytest.raises(BundleError) as caught:
        load_bundle(bundle)
    message = str(caught.value)
    assert str(bundle) in message
    assert "\n" not in message
    assert "damaged" in message or "upgrade it" in message


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"5", b"null", b"\xff", b"[" * 100_000])
def test_a_file_that_is_no_object(bundle, content):
    (bundle / "bundle.json").write_bytes(content)
    with pytest.raises(BundleError, match="is damaged: make the bundle again"):
        load_bundle(bundle)
