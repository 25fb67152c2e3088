"""Names of columns on a command line; Python's csv module is the oracle where it can be."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.corpus.columns.names import (
    as_written,
    carried_as_written,
    shown,
    split_carried,
    split_names,
)
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
        ('all,a:b,"all"', ["all", ("a", "b"), ("all", "all")]),
    ],
)
def test_names_and_new_ones(text, pairs):
    assert split_carried(text) == pairs


@pytest.mark.parametrize("text", ['"a', 'b,"a', '"a""', '"a":"b'])
def test_an_open_quote(text):
    with pytest.raises(UsageError, match="a quote is open in"):
        split_carried(text)


@given(st.lists(st.text(max_size=8), min_size=1, max_size=4))
def test_what_is_written_is_read(names):
    assert split_names(",".join(map(as_written, names))) == names
    written = ",".join(f"{as_written(name)}:{as_written(name)}" for name in names)
    assert split_carried(written) == [(name, name) for name in names]


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


@given(st.lists(st.one_of(st.just("all"), st.tuples(st.text(max_size=4), st.text(max_size=4)))))
def test_what_is_carried_reads_as_it_is_written(entries):
    assert split_carried(",".join(map(carried_as_written, entries))) == entries


@pytest.mark.parametrize("text", ["all", "a", "a:b", '"10:30":time', '"all"', '" a "'])
def test_what_a_series_has_recorded_is_what_a_person_wrote(text):
    assert [carried_as_written(entry) for entry in split_carried(text)] == [text]
