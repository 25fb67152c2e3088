"""Runs in a Delta table: in once and whole, whatever dies and whoever comes in between."""

import os
import random
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from pipeline import storage
from pipeline.errors import NewsbeamError, UsageError
from pipeline.folders.catch_up import catch_up
from pipeline.output.moves import TakenOverError
from pipeline.output.published import published_manifest
from pipeline.output.swap import OvertakenError
from pipeline.output.work import work_folders
from pipeline.tables import commit as committing
from pipeline.tables import delta
from pipeline.tables.formats import check_table, table_to_write
from toy_runs import Dies, ToyRun, rows_of, stepping

COMMITS = [(delta.Delta, "commit"), (delta.Delta, "add_columns"), (delta, "create_delta")]
FIRST = {"a.csv": ["a0", "a1"], "b.csv": ["b0"]}
SECOND = {"b.csv": ["b5", "b6", "b7"], "c.csv": ["c0"]}


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(committing, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(os, "fsync", lambda _: None)  # no machine is lost here
    return tmp_path


@pytest.fixture
def begin(place):
    """Begins a run into the Delta table `table`."""
    return lambda corpus, **more: ToyRun(place, corpus, f"delta:{place / 'table'}", **more)


def table_rows(place: Path) -> list[tuple[str, int, str, str]]:
    """All rows of the table, as two readers see them."""
    root = str(place / "table")
    rows = rows_of(DeltaTable(root).to_pyarrow_table())
    assert rows_of(pl.read_delta(root).to_arrow()) == rows
    return rows


def without(rows, *names):
    return [row for row in rows if Path(row[0]).name not in names]


def test_a_run_replaces_the_rows_of_its_own_inputs_in_one_commit(place, begin):
    first = begin(FIRST)
    first.publish()
    assert table_rows(place) == sorted(first.rows())
    second = begin(SECOND, bundle="b", output="other")
    second.publish()
    assert table_rows(place) == sorted(without(first.rows(), "b.csv") + second.rows())
    assert DeltaTable(place / "table").version() == 2  # made, and one commit a run
    before = DeltaTable(place / "table", version=1).to_pyarrow_table()
    assert rows_of(before) == sorted(first.rows())


def test_rows_beside_those_that_go_are_written_anew_in_the_same_commit(place, begin):
    """As somebody's compaction has left them: rows of several inputs in one file."""
    first = begin({**FIRST, "z.csv": ["z0"]})
    first.publish()
    DeltaTable(place / "table").optimize.compact()
    assert len(DeltaTable(place / "table").file_uris()) == 1
    version = DeltaTable(place / "table").version()
    second = begin(SECOND, bundle="b", output="other")
    second.publish()
    assert table_rows(place) == sorted(without(first.rows(), "b.csv") + second.rows())
    assert DeltaTable(place / "table").version() == version + 1


def test_a_run_that_dies_at_any_step_is_made_up_for_by_the_next(place, begin, monkeypatch):
    seen = set()
    for step in range(1, 200):
        for name in ("labels", "table", "other"):
            shutil.rmtree(place / name, ignore_errors=True)
        first = begin(FIRST)
        first.publish()
        DeltaTable(place / "table").optimize.compact()
        run = begin(SECOND, bundle="b", output="other", more={"x": pa.scalar("y")})

        def die(number, step=step):
            if number == step:
                raise Dies

        with monkeypatch.context() as context:
            stepping(context, die, COMMITS)
            try:
                run.publish()
                break
            except Dies:
                pass
        expected = sorted(without(first.rows(), "b.csv") + run.rows())
        now = table_rows(place)
        assert now in (sorted(first.rows()), expected)
        was_in, was_published = now == expected, published_manifest(run.output) is not None
        assert was_in or not was_published
        seen.add((was_in, was_published))
        if run.enter():
            assert not was_in  # never begun anew, once it is in the table
            run.publish()
        assert table_rows(place) == expected
        assert published_manifest(run.output)["table"]["name"] == f"delta:{place / 'table'}"
        assert not work_folders(run.output)
        assert not list(place.rglob(".tmp-*"))
    assert step > 30
    assert seen == {(False, False), (True, False), (True, True)}


def test_the_first_run_dies_at_any_step(place, begin, monkeypatch):
    """Where there is no table yet."""
    for step in range(1, 200):
        for name in ("labels", "table"):
            shutil.rmtree(place / name, ignore_errors=True)
        run = begin(FIRST)

        def die(number, step=step):
            if number == step:
                raise Dies

        with monkeypatch.context() as context:
            stepping(context, die, COMMITS)
            try:
                run.publish()
                break
            except Dies:
                pass
        if run.enter():
            run.publish()
        assert table_rows(place) == sorted(run.rows())
    assert step > 20


def test_killed_at_random_and_retried(place, begin, monkeypatch, pytestconfig):
    """Over a series of runs, each of which is killed again and again."""
    draw = random.Random(7)
    kills = pytestconfig.getoption("--kills") * 100 // 30
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

            def die(number, last=last):
                if number == last:
                    raise Dies

            with monkeypatch.context() as context:
                stepping(context, die, COMMITS)
                try:
                    run.publish()
                except Dies:
                    killed += 1
                except TakenOverError:
                    pass
            with monkeypatch.context() as context:
                stepping(context, die, COMMITS)
                try:
                    is_new = run.enter()
                except Dies:
                    killed += 1
            if published_manifest(run.output):
                break
        for row in run.rows():
            expected[row[0]] = [one for one in run.rows() if one[0] == row[0]]
        assert table_rows(place) == sorted(row for rows in expected.values() for row in rows)
        if draw.random() < 0.2:
            DeltaTable(place / "table").optimize.compact()


def test_two_launchers_at_once(place, begin):
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
        assert table_rows(place) == sorted(run.rows())
        assert published_manifest(run.output) is not None


def at_the_commit(monkeypatch, act) -> None:
    """Calls `act` once, when the next commit has read everything and is about to be written."""
    real = delta.Delta.commit
    called = []

    def commit(*arguments):
        if not called:
            called.append(True)
            act()
        return real(*arguments)

    monkeypatch.setattr(delta.Delta, "commit", commit)


def test_a_zombie_that_commits_late_changes_nothing(place, begin, monkeypatch):
    zombie = begin(FIRST)
    later = []

    def others():
        assert not begin(FIRST).is_new  # the next launcher finishes what the zombie has decided
        later.append(begin(SECOND, bundle="b", output="other"))
        later[0].publish()

    at_the_commit(monkeypatch, others)
    zombie.publish()  # finds that all is done
    assert later
    assert table_rows(place) == sorted(without(zombie.rows(), "b.csv") + later[0].rows())


def test_a_run_that_was_overwritten_meanwhile_stays_out(place, begin, monkeypatch):
    """Two jobs for one folder, without a lock: only one of them follows what is published."""
    begin(FIRST).publish()
    late = begin(SECOND, bundle="b", overwrite=True)
    [hidden] = [Path(path) for path in work_folders(late.output)]
    hidden.rename(place / hidden.name)
    other = begin(FIRST, bundle="c", overwrite=True)
    (place / hidden.name).rename(hidden)
    at_the_commit(monkeypatch, other.publish)
    with pytest.raises((OvertakenError, TakenOverError)):
        late.publish()
    assert published_manifest(other.output)["plan"]["digest"] == other.plan.digest
    assert table_rows(place) == sorted(other.rows())
    assert DeltaTable(place / "table").version() == 2


def foreign(place, *rows):
    """Another writer's rows."""
    names = ("source", "source_row", "id", "label")
    table = pa.table({name: [row[n] for row in rows] for n, name in enumerate(names)})
    write_deltalake(place / "table", table, mode="append", schema_mode="merge")


def test_a_foreign_writer_in_between_is_no_matter(place, begin, monkeypatch):
    begin(FIRST).publish()
    theirs = ("elsewhere", 0, "x", "y")
    run = begin(FIRST, bundle="b", output="other")

    def others():
        foreign(place, theirs)
        DeltaTable(place / "table").optimize.compact()

    at_the_commit(monkeypatch, others)
    run.publish()
    assert table_rows(place) == sorted([*run.rows(), theirs])


def test_a_foreign_writer_that_changes_what_is_replaced_is_reported(place, begin, monkeypatch):
    begin(FIRST).publish()
    run = begin(FIRST, bundle="b", output="other")
    at_the_commit(monkeypatch, lambda: DeltaTable(place / "table").delete("id = 'a0'"))
    with pytest.raises(NewsbeamError, match=r"another writer has changed rows .* 3 before, 2 now"):
        run.publish()
    assert published_manifest(run.output) is None
    assert not run.enter()  # the same command goes on
    assert table_rows(place) == sorted(run.rows())


def test_a_table_that_takes_no_commits_is_said_at_once(place, begin, monkeypatch):
    begin(FIRST).publish()
    run = begin(SECOND, output="other")
    DeltaTable(place / "table").alter.set_table_properties({"delta.appendOnly": "true"})
    with pytest.raises(UsageError, match=r"has delta\.appendOnly=true"):
        run.publish()


def test_what_lies_in_the_table_is_nothing_that_a_vacuum_deletes(place, begin):
    root = place / "table"
    ToyRun(place, FIRST, f"delta:{root}", output="table/_runs/labels").publish()
    ToyRun(place, SECOND, f"delta:{root}", output="table/_runs/other", bundle="b").publish()
    for full in (True, False):
        listed = DeltaTable(root).vacuum(
            0, dry_run=True, enforce_retention_duration=False, full=full
        )
        live = {Path(uri).name for uri in DeltaTable(root).file_uris()}
        assert not [path for path in listed if "_runs" in path]
        assert not [path for path in listed if Path(path).parent.name in live]
    DeltaTable(root).vacuum(0, dry_run=False, enforce_retention_duration=False, full=True)
    assert len(table_rows(place)) == 6
    assert (root / "_runs" / "labels" / "_SUCCESS").exists()


def test_what_the_output_folder_does_later_is_no_matter_to_the_table(place, begin):
    run = begin(FIRST)
    run.publish()
    shutil.rmtree(run.output)
    assert table_rows(place) == sorted(run.rows())


def test_another_disk_gets_a_copy(place, begin, monkeypatch):
    def refuses(source, target):
        if not os.path.exists(source):
            raise FileNotFoundError(2, "No such file", source)
        raise OSError(18, "Invalid cross-device link", source)

    monkeypatch.setattr(os, "link", refuses)
    run = begin(FIRST)
    run.publish()
    assert table_rows(place) == sorted(run.rows())


def test_new_columns_are_added_and_other_types_are_refused(place, begin):
    first = begin(FIRST)
    first.publish()
    begin({"c.csv": ["c0"]}, output="other", more={"day": pa.scalar("Monday")}).publish()
    table = DeltaTable(place / "table").to_pyarrow_table()
    assert sorted(table["day"].to_pylist(), key=str) == ["Monday", None, None, None]
    name = table_to_write(f"delta:{place / 'table'}")
    with pytest.raises(UsageError, match=r"column day is string in delta:.*, and int64 here"):
        check_table(name, pa.schema([("day", pa.int64())]))
    with pytest.raises(UsageError, match=r"has a column day; Day differs from it in nothing but"):
        check_table(name, pa.schema([("Day", pa.string())]))


@pytest.mark.parametrize(
    "kind",
    [
        pa.uint64(), pa.uint8(), pa.float16(), pa.duration("s"), pa.time64("us"),
        pa.timestamp("us", "Europe/Berlin"), pa.timestamp("ns"), pa.timestamp("s"),
        pa.decimal256(40, 2), pa.null(), pa.list_(pa.uint32()),
        pa.struct([("a", pa.list_(pa.uint64()))]), pa.map_(pa.string(), pa.uint16()),
    ],
    ids=str,
)  # fmt: skip
def test_types_that_would_change_are_refused_before_any_work(place, kind):
    name = table_to_write(f"delta:{place / 'table'}")
    with pytest.raises(
        UsageError, match=r"column x is .*, which Delta Lake does not keep as it is"
    ):
        check_table(name, pa.schema([("x", kind)]))
    assert not (place / "table").exists()


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
def test_types_that_are_kept_come_back_as_they_were(place, begin, value):
    begin(FIRST, more={"x": value}).publish()
    assert DeltaTable(place / "table").to_pyarrow_table()["x"].to_pylist() == [value.as_py()] * 3


def test_a_folder_that_holds_something_else_becomes_no_table(place):
    (place / "table").mkdir()
    (place / "table" / "thesis.txt").write_text("a year's work")
    name = table_to_write(f"delta:{place / 'table'}")
    with pytest.raises(UsageError, match=r"is no Delta table and holds something else \(thesis"):
        check_table(name, pa.schema([("x", pa.string())]))


def test_runs_from_before_the_table_go_in_once_and_in_their_order(place, begin):
    table = f"delta:{place / 'table'}"
    first = ToyRun(place, FIRST, None)
    first.publish()
    second = ToyRun(place, SECOND, None, bundle="b", output="other")
    second.publish()
    third = begin({"d.csv": ["d0"]}, output="third")
    folders = [first.output, second.output, third.output]
    assert catch_up(folders, third.notes["table"]) == 2
    expected = without(first.rows(), "b.csv") + second.rows()
    assert table_rows(place) == sorted(expected)
    third.publish()
    assert catch_up(folders, third.notes["table"]) == 0
    assert table_rows(place) == sorted([*expected, *third.rows()])
    shutil.rmtree(place / "table")  # another table of the same name
    assert catch_up(folders, third.notes["table"]) == 3
    assert table_rows(place) == sorted([*expected, *third.rows()])
    assert table == table_to_write(table).latest


def test_inputs_are_the_same_however_they_were_named(place, begin, monkeypatch):
    first = begin(FIRST)
    first.publish()
    monkeypatch.chdir(place)
    run = ToyRun(Path("."), FIRST, f"delta:{place / 'table'}", bundle="b", output="other")
    run.publish()
    assert table_rows(place) == sorted(run.rows())
    assert storage.exists(f"{place}/other/_SUCCESS")
