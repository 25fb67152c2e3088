"""Runs in a table: in once and whole, whatever dies and whoever comes in between."""

import os
import random
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pyarrow as pa
import pytest

from other_writers import LAKES
from pipeline import storage
from pipeline.errors import NewsbeamError, UsageError
from pipeline.folders.catch_up import catch_up
from pipeline.output.into_table import drop_inputs
from pipeline.output.moves import TakenOverError
from pipeline.output.published import published_manifest
from pipeline.output.swap import OvertakenError
from pipeline.output.work import work_folders
from pipeline.tables import commit as committing
from pipeline.tables.formats import check_table, table_to_write
from toy_runs import Dies, ToyRun, stepping

FIRST = {"a.csv": ["a0", "a1"], "b.csv": ["b0"]}
SECOND = {"b.csv": ["b5", "b6", "b7"], "c.csv": ["c0"]}


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(committing, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(os, "fsync", lambda _: None)  # no machine is lost here
    return tmp_path


@pytest.fixture(params=LAKES)
def lake(request, place, monkeypatch):
    return LAKES[request.param](place, monkeypatch)


@pytest.fixture
def begin(place, lake):
    """Begins a run into the table."""
    return lambda corpus, **more: ToyRun(place, corpus, lake.name, **more)


@contextmanager
def dying_at(step, lake, monkeypatch) -> Iterator[None]:
    """What happens within dies at its step number `step`."""

    def die(number):
        if number == step:
            raise Dies

    with monkeypatch.context() as context:
        stepping(context, die, lake.commits)
        yield


def without(rows, *names):
    return [row for row in rows if Path(row[0]).name not in names]


def test_a_run_replaces_the_rows_of_its_own_inputs_in_one_commit(place, lake, begin):
    first = begin(FIRST)
    first.publish()
    assert lake.rows() == sorted(first.rows())
    second = begin(SECOND, bundle="b", output="other")
    second.publish()
    assert lake.rows() == sorted(without(first.rows(), "b.csv") + second.rows())
    assert lake.commits_so_far() == 2
    assert lake.before(1) == sorted(first.rows())


def test_rows_beside_those_that_go_are_written_anew_in_the_same_commit(place, lake, begin):
    """As somebody's compaction has left them: rows of several inputs in one file."""
    first = begin({**FIRST, "z.csv": ["z0"]})
    first.publish()
    lake.compact()
    commits = lake.commits_so_far()
    second = begin(SECOND, bundle="b", output="other")
    second.publish()
    assert lake.rows() == sorted(without(first.rows(), "b.csv") + second.rows())
    assert lake.commits_so_far() == commits + 1


@pytest.mark.slow
def test_a_run_that_dies_at_any_step_is_made_up_for_by_the_next(place, lake, begin, monkeypatch):
    seen = set()
    for step in range(1, 200):
        lake.drop()
        for name in ("labels", "other"):
            shutil.rmtree(place / name, ignore_errors=True)
        first = begin(FIRST)
        first.publish()
        lake.compact()
        run = begin(SECOND, bundle="b", output="other", more={"x": pa.scalar("y")})
        try:
            with dying_at(step, lake, monkeypatch):
                run.publish()
            break
        except Dies:
            pass
        expected = sorted(without(first.rows(), "b.csv") + run.rows())
        now = lake.rows()
        assert now in (sorted(first.rows()), expected)
        was_in, was_published = now == expected, published_manifest(run.output) is not None
        assert was_in or not was_published
        seen.add((was_in, was_published))
        if run.enter():
            assert not was_in  # never begun anew, once it is in the table
            run.publish()
        assert lake.rows() == expected
        assert published_manifest(run.output)["table"]["name"] == lake.name
        assert not work_folders(run.output)
        assert not list(place.rglob(".tmp-*"))
    assert step > 30
    assert seen == {(False, False), (True, False), (True, True)}


@pytest.mark.slow
def test_the_first_run_dies_at_any_step(place, lake, begin, monkeypatch):
    """Where there is no table yet."""
    for step in range(1, 200):
        lake.drop()
        shutil.rmtree(place / "labels", ignore_errors=True)
        run = begin(FIRST)
        try:
            with dying_at(step, lake, monkeypatch):
                run.publish()
            break
        except Dies:
            pass
        if run.enter():
            run.publish()
        assert lake.rows() == sorted(run.rows())
    assert step > 20


@pytest.mark.slow
def test_killed_at_random_and_retried(place, lake, begin, monkeypatch, pytestconfig):
    """Over a series of runs, each of which is killed again and again."""
    draw = random.Random(7)
    kills = max(100, pytestconfig.getoption("--kills"))
    killed = night = 0
    expected: dict[str, list] = {}
    while killed < kills:
        night += 1
        names = draw.sample("abcdefgh", draw.randint(1, 4))
        corpus = {f"{n}.csv": [f"{night}{n}{i}" for i in range(draw.randint(1, 5))] for n in names}
        run = begin(corpus, bundle=draw.choice("ab"), output=f"night-{night}")
        is_new = run.is_new
        while is_new:
            last = draw.randint(1, 60)
            try:
                with dying_at(last, lake, monkeypatch):
                    run.publish()
            except Dies:
                killed += 1
            except TakenOverError:
                pass
            try:
                with dying_at(last, lake, monkeypatch):
                    is_new = run.enter()
            except Dies:
                killed += 1
            if published_manifest(run.output):
                break
        for row in run.rows():
            expected[row[0]] = [one for one in run.rows() if one[0] == row[0]]
        assert lake.rows() == sorted(row for rows in expected.values() for row in rows)
        if draw.random() < 0.2:
            lake.compact()


def test_two_launchers_at_once(place, lake, begin):
    """Without a lock, as on a cluster whose launcher is gone."""
    for number in range(8):
        run = begin(FIRST, output=f"labels-{number}", bundle="ab"[number % 2])

        def publish(_, run=run):
            with suppress(TakenOverError, OvertakenError, FileNotFoundError):
                run.publish()

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(publish, range(2)))
        if run.enter():
            run.publish()
        assert lake.rows() == sorted(run.rows())
        assert published_manifest(run.output) is not None


def at_the_commit(lake, monkeypatch, act) -> None:
    """Calls `act` once, when the next commit has read everything and is about to be written."""
    real = lake.version_class.commit
    called = []

    def commit(*arguments):
        if not called:
            called.append(True)
            act()
        return real(*arguments)

    monkeypatch.setattr(lake.version_class, "commit", commit)


def test_a_zombie_that_commits_late_changes_nothing(place, lake, begin, monkeypatch):
    zombie = begin(FIRST)
    later = []

    def others():
        assert not begin(FIRST).is_new  # the next launcher finishes what the zombie has decided
        later.append(begin(SECOND, bundle="b", output="other"))
        later[0].publish()

    at_the_commit(lake, monkeypatch, others)
    zombie.publish()  # finds that all is done
    assert later
    assert lake.rows() == sorted(without(zombie.rows(), "b.csv") + later[0].rows())


def test_a_run_that_was_overwritten_meanwhile_stays_out(place, lake, begin, monkeypatch):
    """Two jobs for one folder, without a lock: only one of them follows what is published."""
    begin(FIRST).publish()
    late = begin(SECOND, bundle="b", overwrite=True)
    [hidden] = [Path(path) for path in work_folders(late.output)]
    hidden.rename(place / hidden.name)
    other = begin(FIRST, bundle="c", overwrite=True)
    (place / hidden.name).rename(hidden)
    at_the_commit(lake, monkeypatch, other.publish)
    with pytest.raises((OvertakenError, TakenOverError)):
        late.publish()
    assert published_manifest(other.output)["plan"]["digest"] == other.plan.digest
    assert lake.rows() == sorted(other.rows())
    assert lake.commits_so_far() == 2


def test_a_foreign_writer_in_between_is_no_matter(place, lake, begin, monkeypatch):
    begin(FIRST).publish()
    theirs = ("elsewhere", 0, "x", "y")
    run = begin(FIRST, bundle="b", output="other")

    def others():
        lake.append(theirs)
        lake.compact()

    at_the_commit(lake, monkeypatch, others)
    run.publish()
    assert lake.rows() == sorted([*run.rows(), theirs])


def test_a_foreign_writer_that_changes_what_goes_is_reported(place, lake, begin, monkeypatch):
    begin(FIRST).publish()
    run = begin(FIRST, bundle="b", output="other")
    at_the_commit(lake, monkeypatch, lambda: lake.delete("a0"))
    with pytest.raises(NewsbeamError, match=r"another writer has changed rows .* 3 before, 2 now"):
        run.publish()
    assert published_manifest(run.output) is None
    assert not run.enter()  # the same command goes on
    assert lake.rows() == sorted(run.rows())


def test_what_the_output_folder_does_later_is_no_matter_to_the_table(place, lake, begin):
    run = begin(FIRST)
    run.publish()
    shutil.rmtree(run.output)
    assert lake.rows() == sorted(run.rows())


def test_another_disk_gets_a_copy(place, lake, begin, monkeypatch):
    def refuses(source, target):
        if not os.path.exists(source):
            raise FileNotFoundError(2, "No such file", source)
        raise OSError(18, "Invalid cross-device link", source)

    monkeypatch.setattr(os, "link", refuses)
    run = begin(FIRST)
    run.publish()
    assert lake.rows() == sorted(run.rows())


def test_new_columns_are_added_and_other_types_are_refused(place, lake, begin):
    first = begin(FIRST)
    first.publish()
    begin({"c.csv": ["c0"]}, output="other", more={"day": pa.scalar("Monday")}).publish()
    table = lake.arrow()
    assert sorted(table["day"].to_pylist(), key=str) == ["Monday", None, None, None]
    name = table_to_write(lake.name)
    with pytest.raises(
        UsageError, match=r"column day is string in (delta|iceberg):.*, and int64 here"
    ):
        check_table(name, pa.schema([("day", pa.int64())]), [], set())
    with pytest.raises(UsageError, match=r"has a column day; Day differs from it in nothing but"):
        check_table(name, pa.schema([("Day", pa.string())]), [], set())


@pytest.mark.parametrize(
    "value",
    [
        pa.scalar(3, pa.int16()), pa.scalar(True), pa.scalar(0.5, pa.float64()),
        pa.scalar(7, pa.timestamp("ms")), pa.scalar(7, pa.timestamp("us", "UTC")),
        pa.scalar(7, pa.date32()), pa.scalar(b"x", pa.binary()),
        pa.scalar([1, None], pa.list_(pa.int32())), pa.scalar({"a": "b"}),
        pa.scalar([("a", 1)], pa.map_(pa.string(), pa.int64())),
    ],
    ids=lambda value: str(value.type),
)  # fmt: skip
def test_types_that_are_kept_come_back_as_they_were(place, lake, begin, value):
    begin(FIRST, more={"x": value}).publish()
    assert lake.arrow()["x"].to_pylist() == [value.as_py()] * 3


def test_runs_from_before_the_table_go_in_once_and_in_their_order(place, lake, begin):
    table = lake.name
    first = ToyRun(place, FIRST, None)
    first.publish()
    second = ToyRun(place, SECOND, None, bundle="b", output="other")
    second.publish()
    third = begin({"d.csv": ["d0"]}, output="third")
    folders = [first.output, second.output, third.output]
    assert catch_up(folders, third.notes["table"]) == 2
    expected = without(first.rows(), "b.csv") + second.rows()
    assert lake.rows() == sorted(expected)
    third.publish()
    assert catch_up(folders, third.notes["table"]) == 0
    assert lake.rows() == sorted([*expected, *third.rows()])
    lake.drop()  # another table of the same name
    assert catch_up(folders, third.notes["table"]) == 3
    assert lake.rows() == sorted([*expected, *third.rows()])
    assert table == table_to_write(table).latest


def test_inputs_are_the_same_however_they_were_named(place, lake, begin, monkeypatch):
    first = begin(FIRST)
    first.publish()
    monkeypatch.chdir(place)
    run = ToyRun(Path("."), FIRST, lake.name, bundle="b", output="other")
    run.publish()
    assert lake.rows() == sorted(run.rows())
    assert storage.exists(f"{place}/other/_SUCCESS")


def test_inputs_that_are_no_longer_any_leave_with_the_run_that_drops_them(place, lake, begin):
    first = begin({**FIRST, "z.csv": ["z0"]})
    first.publish()
    gone = tuple(row[0] for row in first.rows() if row[0].endswith("z.csv"))
    second = begin({"b.csv": ["b1"]}, bundle="b", output="other", dropped=gone)
    second.publish()
    assert lake.rows() == sorted(without(first.rows(), "b.csv", "z.csv") + second.rows())
    assert lake.commits_so_far() == 2
    assert drop_inputs(table_to_write(lake.name), ["news/b.csv"], str(place))
    assert lake.rows() == sorted(without(first.rows(), "b.csv", "z.csv"))
    assert not drop_inputs(table_to_write(lake.name), ["news/b.csv"], str(place))


def test_a_table_that_is_an_input_is_one_input_whatever_its_files_are_called(place, lake, begin):
    """Its files have other names when somebody has compacted them."""
    begin({"t/1.csv": ["a0", "a1"], "t/2.csv": ["b0"], "u.csv": ["u0"]}).publish()
    below = (str(place / "news" / "t"),)
    second = begin({"t/9.csv": ["a0", "a1", "b0"]}, bundle="b", output="other", below=below)
    second.publish()
    assert [row[2:] for row in lake.rows()] == [("a0", "b"), ("a1", "b"), ("b0", "b"), ("u0", "a")]


def test_a_run_of_no_rows(place, lake, begin):
    begin(FIRST).publish()
    begin({"a.csv": [], "b.csv": []}, output="other", bundle="b").publish()
    assert lake.rows() == []


def test_names_that_differ_in_case_and_columns_that_take_no_nulls_are_refused(place, lake, begin):
    name = table_to_write(lake.name)
    schema = pa.schema([("day", pa.string()), ("Day", pa.string())])
    with pytest.raises(UsageError, match="columns day and Day differ in nothing but case"):
        check_table(name, schema, [], set())
    lake.make(pa.schema([pa.field("day", pa.string(), nullable=False)]))
    with pytest.raises(UsageError, match=r"column day of .* takes no nulls"):
        check_table(name, schema.remove(1), [], set())


def test_runs_from_before_are_held_to_the_same_types(place, lake, begin):
    number = pa.scalar(2**63, pa.uint64())
    before = ToyRun(place, FIRST, None, more={"number": number}, output="old")
    before.publish()
    later = begin({"c.csv": ["c0"]})
    with pytest.raises(UsageError, match="column number is uint64, which"):
        catch_up([before.output], later.notes["table"])
    later.publish()
    assert lake.rows() == later.rows()
