"""Names of columns on a command line; Python's csv module is the oracle where it can be."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.corpus.columns.names import as_written, pair, shown, split_entries, split_names
from pipeline.errors import UsageError


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a,b", ["a", "b"]),
        (" a , b ,", ["a", "b"]),
        ('"one, two",b', ["one, two", "b"]),
        ('" a "', [" a "]),
        ('"say ""hi""",b', ['say "hi"', "b"]),
        ('5" disk,b', ['5" disk', "b"]),
        ('"a","","b"', ["a", "", "b"]),
        ("10:30", ["10:30"]),
        ("", []),
        ('a"b', ['a"b']),
    ],
)
def test_names(text, names):
    assert split_names(text) == names


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("a,b:c", [("a", "a"), ("b", "c")]),
        ('"10:30":time', [("10:30", "time")]),
        ('"a, b":"c, d"', [("a, b", "c, d")]),
        ("a:b:c", [("a", "b:c")]),
        ('" x ":x', [(" x ", "x")]),
        ('"a:b"', [("a:b", "a:b")]),
    ],
)
def test_names_and_new_ones(text, pairs):
    assert [pair(entry) for entry in split_entries(text)] == pairs


@pytest.mark.parametrize("text", ['"a', 'b,"a', '"a""', '"a":"b'])
def test_an_open_quote(text):
    with pytest.raises(UsageError, match="a quote is open in"):
        split_entries(text)


@given(st.lists(st.text(max_size=8), min_size=1, max_size=4))
def test_what_is_written_is_read(names):
    assert split_names(",".join(map(as_written, names))) == names
    assert [pair(f"{as_written(name)}:{as_written(name)}") for name in names] == [
        (name, name) for name in names
    ]


@given(st.lists(st.text(st.sampled_from('ab ,"'), max_size=6), min_size=1, max_size=4))
def test_all_in_quotes_it_is_csv(names):
    line = io.StringIO()
    csv.writer(line, quoting=csv.QUOTE_ALL, lineterminator="").writerow(names)
    assert split_names(line.getvalue()) == names


def test_many_and_long_names_are_a_short_line():
    names = ["x" * 10_000, *map(str, range(100_000))]
    line = shown(names, 30)
    assert len(line) < 400
    assert line.endswith("27, 28 and 99,971 more")
    assert shown(["a", "b, c"], 30) == 'a, "b, c"'
