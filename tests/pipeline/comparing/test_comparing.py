"""Two runs compared, held against plain Python over their rows."""

import json
import shutil
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fakes import FakeEngine, fake_bundle, write_jsonl
from outputs import rows
from pages import Page
from pipeline.compare import compare
from pipeline.comparing.rows import PublishedRows, in_step
from pipeline.launcher.command import run_command
from pipeline.score import score


class Other(FakeEngine):
    """The fake model with other answers to some texts."""

    def __call__(self, token_ids):
        return super().__call__(token_ids // 7)


@pytest.fixture
def runs(tmp_path, play, monkeypatch):
    """Scores two files with one model, and copies of one of them with another."""
    engines = {"before": FakeEngine(), "after": Other()}
    monkeypatch.setattr("model.engines.loading.load_engine", lambda bundle, _: engines[bundle.name])
    write_jsonl(tmp_path / "news" / "a.jsonl", 90, 1)
    write_jsonl(tmp_path / "news" / "b.jsonl", 70, 2)
    (tmp_path / "moved").mkdir()
    shutil.copy(tmp_path / "news" / "b.jsonl", tmp_path / "moved" / "z.jsonl")
    write_jsonl(tmp_path / "moved" / "c.jsonl", 10, 3)
    for name, folder in (("before", "news"), ("after", "moved")):
        argv = ["--input", str(tmp_path / folder), "--output", str(tmp_path / name)]
        argv += ["--model", fake_bundle(tmp_path / f"{name}-bundle", name), "--shard_rows", "20"]
        assert run_command(score, [*argv, "--id_column", "id", "--carry_columns", "title"]) == 0
    return tmp_path


def test_counts_are_those_of_a_plain_loop(runs, capsys):
    flags = ["--left", str(runs / "before"), "--right", str(runs / "after")]
    assert run_command(compare, [*flags, "--json"]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    left = [row for row in rows(runs / "before").to_pylist() if row["source"].endswith("b.jsonl")]
    right = [row for row in rows(runs / "after").to_pylist() if row["source"].endswith("z.jsonl")]
    both = [(a, b) for a, b in zip(left, right, strict=True) if a["label"] and b["label"]]
    confusion = Counter((a["label"], b["label"]) for a, b in both)
    agree = sum(a["label"] == b["label"] for a, b in both)
    assert 0 < agree < len(both) < len(left) == 70
    assert found["rows"] == 70 and found["labelled"] == len(both) and found["agree"] == agree
    assert found["neither"] == 70 - len(both) and found["left_only"] == found["right_only"] == 0
    assert {(a, b): n for a, row in found["confusion"].items() for b, n in row.items()} == confusion
    assert found["inputs"] == 1
    assert [path.rpartition("/")[2] for path in found["left_inputs"]] == ["a.jsonl"]
    assert [path.rpartition("/")[2] for path in found["right_inputs"]] == ["c.jsonl"]
    differ = [(a, b) for a, b in both if a["label"] != b["label"]]
    surest = sorted(differ, key=lambda one: -min(one[0]["score"], one[1]["score"]))[:20]
    assert [one["id"] for one in found["examples"]] == [a["id"] for a, _ in surest]
    assert found["examples"][0]["carried"] == {"title": surest[0][0]["title"]}


def test_the_terminal_and_the_page(runs, capsys):
    flags = ["--left", str(runs / "before"), "--right", str(runs / "after")]
    page = runs / "compared.html"
    assert run_command(compare, [*flags, "--html", str(page)]) == 0
    printed = capsys.readouterr()
    assert "left: before, finished" in printed.out and "have the same label" in printed.out
    assert "only the left run has such an input" in printed.out
    assert printed.err == f"the page lies in {page}\n"
    seen = Page(page.read_text())
    assert not seen.open and not seen.mistakes
    assert seen.headings[0] == ("h1", "Two runs compared")
    assert seen.tiles["Rows in both"].startswith("70")
    before = page.read_bytes()
    assert run_command(compare, [*flags, "--html", str(page)]) == 2
    assert "is there already" in capsys.readouterr().err and page.read_bytes() == before


def test_a_run_and_itself_agree(runs, capsys):
    flags = ["--left", str(runs / "before"), "--right", str(runs / "before")]
    assert run_command(compare, [*flags, "--json"]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["rows"] == 160 and found["agree"] == found["labelled"]
    assert found["inputs"] == 2 and found["examples"] == []


def test_wrong_use_is_one_line(runs, capsys):
    flags = ["--left", str(runs / "before"), "--right"]
    assert run_command(compare, [*flags, str(runs / "nowhere")]) == 2
    assert "there is no finished run in" in capsys.readouterr().err
    write_jsonl(runs / "other" / "o.jsonl", 5, 9)
    argv = ["--input", str(runs / "other"), "--model", str(runs / "after-bundle")]
    assert run_command(score, [*argv, "--output", str(runs / "foreign")]) == 0
    capsys.readouterr()
    assert run_command(compare, [*flags, str(runs / "foreign")]) == 2
    assert capsys.readouterr().err == (
        "newsbeam: the two runs have no input in common: none has the same content\n"
    )


def test_rows_of_one_input_wherever_parts_and_row_groups_end(tmp_path):
    numbers = np.arange(100)
    sizes, parts = [33, 0, 40, 27], []
    for number, size in enumerate(sizes):
        name = f"part-{number:05d}-of-00004.parquet"
        start = sum(sizes[:number])
        table = pa.table({"n": numbers[start : start + size]})
        pq.write_table(table, tmp_path / name, row_group_size=7)
        parts.append({"name": name, "rows": size})
    inputs = {"a": 10, "b": 0, "c": 23, "d": 50, "e": 17}
    about = {
        "parts": parts,
        "plan": {"sources": [[name, "x"] for name in inputs]},
        "stats": {"sources": {name: {"rows": rows} for name, rows in inputs.items() if rows}},
    }
    published = PublishedRows(str(tmp_path), about)
    start = 0
    for name, count in inputs.items():
        read = [row for table in published.read(name, ["n", "m"]) for row in table["n"].to_pylist()]
        assert read == list(range(start, start + count)) and published.count(name) == count
        start += count


def test_in_step():
    def tables(*sizes):
        start = 0
        for size in sizes:
            yield pa.table({"n": range(start, start + size)})
            start += size

    pairs = list(in_step(tables(3, 0, 4), tables(1, 5, 9)))
    assert [len(one) for one, _ in pairs] == [1, 2, 3, 1]
    assert all(one.equals(other) for one, other in pairs)
    assert list(in_step(tables(), tables(3))) == []
