"""What is said of two runs that differ."""

import pytest

from pipeline.folders.differences import differences


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        ([["a", "1"], ["b", "3"]], "b: changed"),
        ([["a", "1"]], "b: no longer an input"),
        ([["a", "1"], ["b", "2"], ["c", "3"], ["d", "4"]], "c and 1 more: a new input"),
        ([["b", "2"], ["a", "1"]], "its inputs stand in another order"),
    ],
)
def test_differences_of_sources(sources, expected):
    groups = {"settings": {}, "columns": {}, "reading": {}}
    before = {**groups, "sources": [["a", "1"], ["b", "2"]]}
    assert differences(before, {**groups, "sources": sources}) == expected
