"""How the work is cut, and what the plan's digest depends on."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from items import read_item
from pipeline.corpus.planning.planner import make_plan
from pipeline.corpus.planning.saved_plan import load_plan, save_plan
from pipeline.corpus.sources import ReadSettings, WorkItem
from pipeline.errors import UsageError


@pytest.fixture
def inputs(tmp_path):
    pq.write_table(pa.table({"t": ["x"] * 70, "n": range(70)}), tmp_path / "a.parquet")
    (tmp_path / "b.jsonl").write_text('{"t": "one", "n": 1}\n\n{"t": "two", "n": 2}\nbroken\n')
    pq.write_table(pa.table({"t": [], "n": []}), tmp_path / "c.parquet")
    names = [("a.parquet", "parquet"), ("b.jsonl", "jsonl"), ("c.parquet", "parquet")]
    return [(str(tmp_path / name), kind) for name, kind in names]


def plan_of(inputs, settings=None, **options):
    options = {"reading": ReadSettings(4), **options}
    return make_plan(inputs, ["t"], settings or {"bundle": "b"}, **options)


def test_parquet_is_cut_into_eight_tables_worth(inputs):
    assert plan_of(inputs).items == [
        WorkItem(0, 0, 0, 32),
        WorkItem(1, 0, 32, 32),
        WorkItem(2, 0, 64, 6),
        WorkItem(3, 1, 0, None),
        WorkItem(4, 2, 0, 0),
    ]


@pytest.mark.parametrize(
    "limit, items",
    [
        (33, [WorkItem(0, 0, 0, 32), WorkItem(1, 0, 32, 1)]),
        (
            72,
            [
                WorkItem(0, 0, 0, 32),
                WorkItem(1, 0, 32, 32),
                WorkItem(2, 0, 64, 6),
                WorkItem(3, 1, 0, 2),
            ],
        ),
    ],
)
def test_limit_counts_over_all_inputs(inputs, limit, items):
    plan = plan_of(inputs, limit=limit)
    assert plan.items == items
    assert plan.rows() == limit


def test_a_limit_beyond_the_end(inputs):
    assert plan_of(inputs, limit=1000).rows() == 73  # the blank line is no row, the broken one is


def test_a_limit_does_not_read_the_beginning_of_a_text_file_twice(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("".join(f'{{"t": "text {n}"}}\n' for n in range(100)))
    plan = plan_of([(str(path), "jsonl")], limit=90)
    tables = [shard.table for item in plan.items for shard in read_item(plan, item)]
    texts = [text for table in tables for text in table["text"].to_pylist()]
    assert texts == [f"text {n}" for n in range(90)]


def test_save_and_load(inputs, tmp_path):
    plan = plan_of(inputs, carry_columns=[("t", "copy")], gold_column="n", id_column="t")
    save_plan(plan, str(tmp_path / "plan.json"))
    assert load_plan(str(tmp_path / "plan.json")) == plan


def test_digest_follows_whatever_decides_the_result(inputs):
    before = plan_of(inputs).digest
    assert plan_of(inputs).digest == before
    others = [
        plan_of(inputs, {"bundle": "other"}),
        plan_of(inputs[:2]),
        plan_of(inputs, reading=ReadSettings(5)),
        plan_of(inputs, limit=3),
        plan_of(inputs, id_column="t"),
    ]
    with open(inputs[1][0], "a") as stream:
        stream.write('{"t": "new"}\n')
    others.append(plan_of(inputs))
    assert len({before, *(plan.digest for plan in others)}) == len(others) + 1


def test_unreadable_input_is_named_or_skipped(inputs, tmp_path):
    path = tmp_path / "d.parquet"
    path.write_text("no parquet")
    broken = [*inputs, (str(path), "parquet")]
    with pytest.raises(UsageError, match=r"cannot read .*d.parquet: "):
        plan_of(broken)
    plan = plan_of(broken, on_bad_file="skip")
    assert [path for path, _ in plan.skipped] == [str(path)]
    assert len(plan.sources) == 3


def test_all_unreadable(tmp_path):
    (tmp_path / "d.parquet").write_text("no parquet")
    plan = plan_of([(str(tmp_path / "d.parquet"), "parquet")], on_bad_file="skip")
    assert plan.items == [] and plan.sources == []
