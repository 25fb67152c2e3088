"""Runs that are killed with SIGKILL at random moments, and continued by the same command."""

import random
from collections import Counter
from pathlib import Path

import pytest

from fakes import write_jsonl
from outputs import assert_same, manifest, rows, state, state_of_work

SEED = 20261122
# Counts the operations that change names in the file system, and dies before number `die_at`.
OPERATIONS = """
import os, signal
done = 0
def counted(name):
    real = getattr(os, name)
    def wrapper(*args, **kwargs):
        global done
        done += 1
        if done == {die_at}:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **kwargs)
    setattr(os, name, wrapper)
for name in ("replace", "unlink", "rmdir", "makedirs", "mkdir", "rename", "link"):
    counted(name)
"""
SLOW = "import fakes\nfakes.play_model(0.02)\n"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    for number in range(3):
        write_jsonl(folder / f"{number}.jsonl", 150, seed=number)
    return folder


@pytest.fixture(scope="module")
def command(corpus, fake):
    def arguments(output: Path, *more: str) -> list[str]:
        flags = ["--input", str(corpus), "--model", fake, "--output", str(output)]
        return [*flags, "--shard_rows", "50", "--id_column", "id", *more]

    return arguments


@pytest.fixture(scope="module")
def undisturbed(zygote, command, tmp_path_factory):
    """The output of a run that nobody disturbs, and how long it takes."""
    output = tmp_path_factory.mktemp("undisturbed") / "labels"
    end = zygote.run(*command(output))
    assert end["code"] == 0, end["out"]
    return rows(output), manifest(output), end["seconds"]


def assert_as_undisturbed(output: Path, undisturbed) -> None:
    expected, description, _ = undisturbed
    assert_same(rows(output), expected)
    found = manifest(output)
    assert found["plan"] == description["plan"]
    for count in ("rows", "labelled", "in_error"):
        assert found[count] == description[count]
    for count in ("rows", "rows_by_label", "errors", "sources", "lengths", "confidence"):
        assert found["stats"][count] == description["stats"][count]


def test_killed_at_random_moments(zygote, command, undisturbed, tmp_path, request):
    """Each run is killed and continued, perhaps to be killed again, until it is done.

    Every second folder holds another run's results first, which the killed ones overwrite; as
    long as there is a `_SUCCESS`, the folder holds all of the one or all of the other.
    """
    kills = request.config.getoption("--kills")
    draw = random.Random(SEED)
    before = tmp_path / "before"
    assert zygote.run(*command(before, "--limit", "30"))["code"] == 0
    old = rows(before)
    seen: Counter[str] = Counter()
    folders = 0
    while sum(seen.values()) < kills:
        folders += 1
        output = tmp_path / f"labels-{folders}"
        overwrites = folders % 2 == 0
        if overwrites:
            assert zygote.run(*command(output, "--limit", "30"))["code"] == 0
        arguments = command(output, *["--overwrite"] * overwrites)
        while True:
            how = {"code": SLOW}
            if sum(seen.values()) % 2:
                how["after"] = draw.uniform(0, undisturbed[2])
            else:
                how["code"] += OPERATIONS.format(die_at=1 + sum(seen.values()) * 7 % 45)
            end = zygote.run(*arguments, **how)
            if end["code"] == 0:
                break
            assert end["code"] == -9, end["out"]
            moment = state(output) if output.exists() else "planning"
            if moment == "published":  # all of the one run, or all of the other
                if manifest(output)["rows"] == 30:
                    moment = state_of_work(output)
                    check_published(output, old)
                else:
                    check_published(output, undisturbed[0])
            seen[moment] += 1
        assert_as_undisturbed(output, undisturbed)
    assert set(seen) >= {"planning", "working", "publishing"}, seen


def check_published(output: Path, expected) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    parts = sorted(output.glob("part-*.parquet"))
    assert [part.name for part in parts] == [part["name"] for part in manifest(output)["parts"]]
    assert_same(pa.concat_tables(map(pq.read_table, parts)), expected)


@pytest.mark.parametrize("after", ["publishing", "committing"])
def test_finished_folder_is_left_alone(zygote, command, undisturbed, tmp_path, after):
    output = tmp_path / "labels"
    points = {
        "publishing": "import pipeline.stages.publishing as p\n"
        "p.described = lambda *_: os.kill(os.getpid(), 9)\n",
        "committing": "import pipeline.output.swap as s\n"
        "s.remove_work = lambda _: os.kill(os.getpid(), 9)\n",
    }
    end = zygote.run(*command(output), code="import os\n" + points[after])
    assert end["code"] == -9
    assert state(output) == {"publishing": "publishing", "committing": "published"}[after]
    end = zygote.run(*command(output))
    assert end["code"] == 0
    assert ("nothing to do" in end["out"]) == (after == "committing")
    assert_as_undisturbed(output, undisturbed)
    stamps = {path: path.stat().st_mtime_ns for path in output.iterdir()}
    end = zygote.run(*command(output))
    assert end["code"] == 0
    assert "nothing to do" in end["out"]
    assert {path: path.stat().st_mtime_ns for path in output.iterdir()} == stamps


def test_another_plan_is_refused_and_says_what_differs(zygote, command, undisturbed, tmp_path):
    output = tmp_path / "labels"
    assert zygote.run(*command(output), code=OPERATIONS.format(die_at=20))["code"] == -9
    assert state(output) == "working"
    for flags, told in (
        (("--batch_tokens", "64"), "batch_tokens: 8192 there, 64 now"),
        (("--limit", "3"), "limit: None there, 3 now"),
        (("--carry_columns", "title"), "carry: "),
    ):
        end = zygote.run(*command(output, *flags))
        assert end["code"] == 2
        assert end["out"].count("\n") == 1
        assert "unfinished work of another run" in end["out"]
        assert told in end["out"]
        assert "--overwrite" in end["out"]
    assert zygote.run(*command(output))["code"] == 0
    assert_as_undisturbed(output, undisturbed)
