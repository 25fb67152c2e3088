"""Incremental runs over a growing folder."""

import json
import os
import shutil
from pathlib import Path

import duckdb
import pytest

from fakes import fake_bundle, write_jsonl
from outputs import manifest, rows
from pages_of_docs import recipes
from pipeline import durable
from pipeline.errors import UsageError
from pipeline.folders import incremental, refusals
from pipeline.launcher.command import run_command
from pipeline.score import score


class Night:
    """A folder of news and the command that runs every night."""

    def __init__(self, folder: Path, model: str):
        self.news = folder / "news"
        self.output = folder / "labels"
        self.model = model

    def write(self, name: str, count: int, seed: int) -> Path:
        path = write_jsonl(self.news / name, count, seed)
        os.utime(path, (1_000_000_000, 1_000_000_000))  # the time says nothing
        return path

    def argv(self, *more: str) -> list[str]:
        flags = ["--input", str(self.news), "--model", self.model, "--output", str(self.output)]
        return [*flags, "--shard_rows", "20", "--id_column", "id", "--incremental", *more]

    def run(self, *more: str) -> int:
        return run_command(score, self.argv(*more))

    def series(self) -> list[Path]:
        return sorted(self.output.glob("bundle=*"), key=lambda path: path.stat().st_ctime)

    def runs(self, series: int = 0) -> list[Path]:
        return sorted(self.series()[series].iterdir())

    def sources(self, run: Path) -> list[str]:
        return [Path(path).name for path, _ in manifest(run)["plan"]["sources"]]

    def latest(self, series: int = 0) -> list[tuple[str, str, int]]:
        query = recipes()["latest"].replace("'S/", f"'{self.series()[series]}/")
        found = (
            duckdb.sql(f"SELECT id, source, source_row FROM ({query})")
            .order("source, source_row")
            .fetchall()
        )
        return [(id_, Path(source).name, row) for id_, source, row in found]


@pytest.fixture
def night(tmp_path, fake, play) -> Night:
    return Night(tmp_path, fake)


def ids(path: Path) -> list[str | None]:
    found = []
    for line in path.read_text().splitlines():
        try:
            found.append(json.loads(line)["id"])
        except ValueError:
            found.append(None)
    return found


def test_three_nights_with_a_changed_file_and_a_new_bundle(night, play, tmp_path, capsys):
    a = night.write("a.jsonl", 30, seed=1)
    b = night.write("b.jsonl", 10, seed=2)
    assert night.run() == 0
    assert night.sources(night.runs()[0]) == ["a.jsonl", "b.jsonl"]

    # Nothing new: nothing is read or written.
    batches = play.batches
    assert night.run() == 0
    assert "nothing new: every input that can be read (2) is" in capsys.readouterr().out
    assert len(night.runs()) == 1
    assert play.batches == batches

    # A new file, and one of the same name, size and time with other content.
    c = night.write("c.jsonl", 5, seed=3)
    a.write_text(a.read_text().replace('"1-', '"9-'))
    os.utime(a, (1_000_000_000, 1_000_000_000))
    cached = night.output / "_fingerprints.json"
    known = json.loads(cached.read_text())
    cached.write_text(json.dumps({path: value for path, value in known.items() if path != str(a)}))
    assert night.run() == 0
    first, second = night.runs()
    assert night.sources(second) == ["a.jsonl", "c.jsonl"]
    name = first.name.removeprefix("run=")
    assert manifest(second)["replaces"] == [{"run": name, "source": str(a)}]
    assert second.name > first.name

    # The rows that count: each row of each file as it is now, once.
    expected = [(path, row, id_) for path in (a, b, c) for row, id_ in enumerate(ids(path))]
    found = [(source, row, id_) for id_, source, row in night.latest()]
    assert sorted(found, key=str) == sorted(((p.name, r, i) for p, r, i in expected), key=str)

    # A new bundle starts a new series, with everything.
    night.model = fake_bundle(tmp_path / "second-bundle", "second")
    assert night.run() == 0
    assert len(night.series()) == 2
    assert night.sources(night.runs(1)[0]) == ["a.jsonl", "b.jsonl", "c.jsonl"]
    assert manifest(night.runs(1)[0])["replaces"] == []
    assert len(night.latest(1)) == 45
    assert len(night.latest(0)) == 45


def test_other_options_score_everything_again(night, capsys):
    night.write("a.jsonl", 10, seed=1)
    assert night.run() == 0
    assert night.run("--text_columns", "title") == 0
    first, second = night.runs()
    assert manifest(second)["replaces"][0]["run"] == first.name.removeprefix("run=")
    assert len(night.latest()) == 10
    # How the work is cut and how large batches are is no reason.
    capsys.readouterr()
    assert night.run("--text_columns", "title", "--batch_tokens", "99", "--shard_rows", "7") == 0
    assert "nothing new" in capsys.readouterr().out


def test_a_file_changed_back_is_scored_again(night):
    """The rows that count are those of the latest run, so an older one's don't do."""
    a = night.write("a.jsonl", 3, seed=1)
    text = a.read_text()
    for content in (text, text.replace("w1", "x1") + "\n{}\n", text):
        a.write_text(content)
        assert night.run() == 0
    assert len(night.runs()) == 3
    assert [row for _, _, row in night.latest()] == [0, 1, 2]


def die(monkeypatch, where="pipeline.stages.publishing._commit"):
    """Lets the run fail like one whose machine is lost behind its last Table."""

    def dies(*_):
        raise MemoryError("the machine is lost")

    monkeypatch.setattr(where, dies)


def test_a_dead_run_is_finished_first(night, monkeypatch, capsys):
    night.write("a.jsonl", 30, seed=1)
    with monkeypatch.context() as context:
        die(context)
        assert night.run() == 1
    assert "the machine is lost" in capsys.readouterr().err
    [dead] = night.runs()
    assert not (dead / "_SUCCESS").exists()
    assert list(dead.glob("_work-*/part-*.parquet"))
    night.write("b.jsonl", 10, seed=2)
    assert night.run() == 0
    first, second = night.runs()
    assert first == dead
    assert night.sources(first) == ["a.jsonl"]
    assert night.sources(second) == ["b.jsonl"]
    assert len(rows(first)) == 30
    assert len(night.latest()) == 40


def test_a_dead_run_whose_input_has_changed_is_given_up(night, monkeypatch):
    a = night.write("a.jsonl", 30, seed=1)
    night.write("b.jsonl", 10, seed=2)
    with monkeypatch.context() as context:
        die(context)
        assert night.run() == 1
    night.write("a.jsonl", 20, seed=5)
    assert night.run() == 0
    [run] = night.runs()
    assert len(rows(run)) == 30
    assert [id_ for id_, source, _ in night.latest() if source == "a.jsonl"] == ids(a)


def test_a_dead_run_whose_input_has_gone_is_given_up(night, monkeypatch):
    a = night.write("a.jsonl", 30, seed=1)
    night.write("b.jsonl", 10, seed=2)
    with monkeypatch.context() as context:
        die(context)
        assert night.run() == 1
    a.unlink()
    assert night.run() == 0
    [run] = night.runs()
    assert night.sources(run) == ["b.jsonl"]


def test_a_run_that_died_before_its_plan_leaves_nothing(night):
    night.write("a.jsonl", 3, seed=1)
    assert night.run() == 0
    empty = night.series()[0] / "run=20200101T000000Z"
    (empty / "_work-0123456789ab").mkdir(parents=True)
    (empty / "_work-0123456789ab" / f"{durable.TEMPORARY}{32 * 'a'}").write_text("half a plan")
    assert night.run() == 0
    assert not empty.exists()


def test_a_run_too_bad_to_publish_waits_for_a_higher_bound(night, capsys):
    night.write("a.jsonl", 30, seed=1)
    assert night.run("--max_error_rate", "0.01") == 3
    assert night.run("--max_error_rate", "0.01") == 3
    assert "--max_error_rate allows 1.00%" in capsys.readouterr().err
    assert night.run("--max_error_rate", "0.5") == 0
    assert len(night.runs()) == 1


def test_an_input_that_could_not_be_read_is_tried_again(night, capsys):
    night.write("a.jsonl", 3, seed=1)
    (night.news / "b.parquet").write_bytes(b"PAR1 cut short")
    assert night.run("--on_bad_file", "skip") == 0
    assert [bad["path"] for bad in manifest(night.runs()[0])["bad_files"]] == [
        str(night.news / "b.parquet")
    ]
    assert night.run("--on_bad_file", "skip") == 0
    out = capsys.readouterr().out
    assert "nothing new: every input that can be read (1) is scored" in out
    assert "skipped: " in out.rsplit("labels lie", 1)[1]
    assert len(night.runs()) == 1
    assert night.run() == 2
    assert "cannot read" in capsys.readouterr().err


def test_a_checksum_that_fails_while_choosing_doubles_no_row(night, monkeypatch):
    """And works again while planning: the rows are scored anew, in the place of the first ones."""
    night.write("a.jsonl", 3, seed=1)
    assert night.run() == 0

    def fails(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(incremental, "fingerprint_input", fails)
    assert night.run() == 0
    first, second = night.runs()
    source = str(night.news / "a.jsonl")
    replaced = {"run": first.name.removeprefix("run="), "source": source}
    assert manifest(second)["replaces"] == [replaced]


def test_inputs_are_the_same_however_they_are_named(night, monkeypatch, capsys):
    night.write("a.jsonl", 3, seed=1)
    assert night.run() == 0
    monkeypatch.chdir(night.news.parent)
    night.news = Path("news")
    assert night.run() == 0
    assert "nothing new" in capsys.readouterr().out


def test_what_is_known_is_not_read_again(night, monkeypatch):
    night.write("a.jsonl", 3, seed=1)
    assert night.run() == 0
    shutil.rmtree(os.environ["XDG_CACHE_HOME"], ignore_errors=True)  # another container
    monkeypatch.setattr("pipeline.corpus.fingerprint.hash_file", None)
    assert night.run() == 0


def test_runs_are_named_in_order_whatever_the_clock_says(tmp_path):
    series = incremental.Series(str(tmp_path), "0" * 64, {})
    os.makedirs(series.run_folder("29991231T235959Z"))
    assert series.next_run() == "30000101T000000Z"


@pytest.mark.parametrize("what", ["_SUCCESS", "thesis.txt", "_work-0123/plan.json"])
def test_a_root_that_holds_something_else_is_refused(tmp_path, what):
    (tmp_path / what).parent.mkdir(exist_ok=True)
    (tmp_path / what).write_text("{}")
    with pytest.raises(UsageError, match="holds something else than incremental runs"):
        refusals.check_root(str(tmp_path))


def test_flags_that_do_not_go_together(night, capsys):
    night.write("a.jsonl", 3, seed=1)
    for more in (["--overwrite"], ["--limit", "3"]):
        assert night.run(*more) == 2
    assert "goes with neither" in capsys.readouterr().err


def test_other_content_of_the_same_size_and_time_is_found_by_reading(night, capsys):
    path = night.write("a.jsonl", 20, 1)
    assert night.run() == 0
    path.write_text(path.read_text().replace("the end", "the dne"))
    os.utime(path, (1_000_000_000, 1_000_000_000))
    capsys.readouterr()
    assert night.run() == 0
    assert capsys.readouterr().out.startswith("nothing new")
    assert night.run("--verify_content") == 0
    assert len(night.runs()) == 2
    assert len(manifest(night.runs()[1])["replaces"]) == 1
    capsys.readouterr()
    assert night.run("--verify_content") == 0
    assert capsys.readouterr().out.startswith("nothing new")
