"""Two launchers and a zombie on one folder: looking and acting are steps of their own.

A launcher may be killed while its job goes on, which is then one more zombie; so may a job. What is
published at any moment is one run's, whole, and whoever comes last publishes.

`pytest tests/whole/test_interleavings.py --schedules 5000` does as many random schedules.
"""

import io
import json
import random
import shutil
import threading
import uuid
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conductor import Dies, Party, conduct
from fakes import write_jsonl
from pipeline import durable, layout
from pipeline.corpus.planning.plan import Plan
from pipeline.corpus.planning.planner import make_plan
from pipeline.corpus.planning.saved_plan import load_plan
from pipeline.corpus.sources import ReadSettings
from pipeline.errors import LockedError, NewsbeamError
from pipeline.folders import folder, lock
from pipeline.output import swap
from pipeline.output.parts import Part, described
from pipeline.output.published import published_manifest
from pipeline.output.work import work_folder

PARTS = {"a": 2, "b": 3, "c": 1, "d": 2}
LAST = "d"
TRIES = 3  # of a launcher that finds the folder locked


class Toy(NamedTuple):
    """A run that only publishes.

    Attributes:
        letter: its name.
        plan: its plan.
        parts: content of its parts by name.
    """

    letter: str
    plan: Plan
    parts: dict[str, bytes]


@pytest.fixture(scope="module")
def toys(tmp_path_factory) -> dict[str, Toy]:
    place = tmp_path_factory.mktemp("toys")
    inputs = [(str(write_jsonl(place / "news.jsonl", 5)), "jsonl")]
    made = {}
    for letter, count in PARTS.items():
        settings = {"bundle": letter * 64, "version": "1"}
        plan = make_plan(inputs, ["title"], settings, reading=ReadSettings(10))
        parts = {}
        for number in range(count):
            part = Part(layout.part_name(number, count), [f"{number}"], [1])
            about = {"plan": plan.digest, "checkpoints": part.checkpoints()}
            table = pa.table({"run": [letter]}).replace_schema_metadata(
                {"newsbeam": json.dumps(about)}
            )
            content = io.BytesIO()
            pq.write_table(table, content)
            parts[part.name] = content.getvalue()
        made[letter] = Toy(letter, plan, parts)
    return made


class Stage:
    """A folder, who is at work on it, and what a reader has seen there."""

    def __init__(self, output: Path, toys: dict[str, Toy]):
        self.output, self._toys = output, toys
        self._letters = {c: toy.letter for toy in toys.values() for c in toy.parts.values()}
        self.seen: set[str] = set()  # letters of the runs that were published at some moment
        self._streams: dict[str, io.TextIOBase] = {}
        self._locks: list = []

    def look(self) -> str | None:
        """What a reader finds: parts of one run at the most; whose run is published, whole."""
        found = {}
        for path in self.output.glob("part-*"):
            found[path.name] = self._letters[path.read_bytes()]
        assert len(set(found.values())) <= 1, found
        manifest = published_manifest(str(self.output))
        if manifest is None:
            return None
        letter = manifest["plan"]["settings"]["bundle"][0]
        assert found == dict.fromkeys(self._toys[letter].parts, letter)
        self.seen.add(letter)
        return letter

    def enter(self, letter: str) -> bool:
        return folder.enter(str(self.output), self._toys[letter].plan, "model", True)

    def job(self, letter: str) -> None:
        """What a run's last worker does."""
        toy = self._toys[letter]
        work = work_folder(str(self.output), toy.plan)
        over = folder.read_started(work).get("over")
        entries = []
        for number, (name, content) in enumerate(toy.parts.items()):
            durable.write_bytes(f"{work}/{name}", content, make_folder=False)
            part = Part(name, [f"{number}"], [1])
            entries.append(described(part, f"{work}/{name}"))
        plan = {"digest": toy.plan.digest, **toy.plan.identity()}
        finished = uuid.uuid4().hex  # a time, in real ones: no two runs have one manifest
        manifest = {"plan": plan, "parts": entries, "finished": finished}
        swap.publish(str(self.output), work, manifest, b"page", over)

    def watched_job(self, letter: str) -> None:
        """As `job`; who is told that all is well was published at some moment."""
        self.job(letter)
        assert letter in self.seen

    def launch(self, party: Party, letter: str) -> None:
        """What a launcher does, and its job."""
        for _ in range(TRIES):
            holding = lock.locked(str(self.output))
            try:
                holding.__enter__()
            except LockedError:
                continue
            self._locks.append(holding)
            try:
                if self.enter(letter):
                    party.has_job = True
                    self.watched_job(letter)
            finally:
                party.has_job = False
                if not party.is_dead and self.holds(party):
                    holding.__exit__(None, None, None)
                    self._streams.pop(party.name, None)
            return

    def remember_lock(self, stream: io.TextIOBase, owner: str) -> None:
        self._streams[owner] = stream

    def holds(self, party: Party) -> bool:
        """Whether a party holds the lock."""
        return party.name in self._streams

    def lose_launcher(self, party: Party) -> None:
        """Kills a launcher whose job goes on: the kernel takes its lock back."""
        self._streams.pop(party.name).close()

    def kill(self, party: Party) -> None:
        party.kill()
        if self.holds(party):
            self._streams.pop(party.name).close()

    def end(self) -> None:
        """Whoever comes last publishes, and nothing is left of the others."""
        with lock.locked(str(self.output)):
            if self.enter(LAST):
                self.job(LAST)
        assert self.look() == LAST
        names = {path.name for path in self.output.iterdir()}
        assert names == {"_SUCCESS", "_manifest.json", "_report.html", *self._toys[LAST].parts}
        for holding in self._locks:  # of those who were killed; nothing may come of it
            try:
                holding.gen.close()
            except (ValueError, Dies):
                continue


@pytest.fixture
def stage(tmp_path, toys, monkeypatch):
    """Makes a folder with a published run, perhaps, and a zombie that has another's work in it."""
    monkeypatch.setattr("pipeline.output.published.PAUSE_SECONDS", 0)
    monkeypatch.setattr("os.fsync", lambda _: None)
    conduct(monkeypatch)
    stages: list[Stage] = []
    real = lock._open_lock

    def open_lock(path):
        stream = real(path)
        stages[-1].remember_lock(stream, threading.current_thread().name)
        return stream

    monkeypatch.setattr(lock, "_open_lock", open_lock)

    def make(was_published: bool, zombie: str) -> tuple[Stage, Party]:
        output = tmp_path / "labels"
        shutil.rmtree(output, ignore_errors=True)
        load_plan.cache_clear()
        made = Stage(output, toys)
        stages.append(made)
        if was_published:
            made.enter("a")
            made.job("a")
        assert made.enter(zombie)
        return made, Party("zombie", lambda _: made.watched_job(zombie))

    return make


def finish(party: Party, stage: Stage) -> None:
    while not party.is_done:
        if party.move():
            stage.look()
    judge(party)


def judge(party: Party) -> None:
    """A party may be told that it came too late, and nothing worse."""
    error = party.ended_with
    if error is not None and not isinstance(error, NewsbeamError | FileNotFoundError | Dies):
        raise AssertionError(f"{party.name} ended badly") from error


def advance(party: Party, stage: Stage, steps: int) -> bool:
    """Lets a party do some steps; gives whether it still stands before another."""
    while party.steps < steps and not party.is_done:
        if party.move():
            stage.look()
    return not party.is_done


@pytest.mark.parametrize("letters", ["bcd", "bbc", "bcb"])
def test_a_zombie_and_a_lost_launcher_wake_up_at_any_pair_of_steps(stage, letters, request):
    """The zombie stands at one step, a launcher dies at another, a third comes and goes."""
    first, second, third = letters
    stride = 5 if request.config.getoption("--schedules") > 1000 else 29
    pairs, zombie_step, has_more = 0, 1 + ord(second) % stride, True
    while has_more:
        launcher_step, has_more = 1 + zombie_step % stride, False
        goes_on = True
        while goes_on:
            made, zombie = stage(True, first)
            has_more = advance(zombie, made, zombie_step)
            lost = Party("launcher", lambda party, made=made: made.launch(party, second))
            goes_on = advance(lost, made, launcher_step)
            if made.holds(lost) and lost.has_job:
                made.lose_launcher(lost)
            elif goes_on:
                made.kill(lost)
            whole = Party("third", lambda party, made=made: made.launch(party, third))
            for party in (whole, zombie, lost) if pairs % 2 else (whole, lost, zombie):
                finish(party, made)
            made.look()
            made.end()
            pairs += 1
            launcher_step += stride
        zombie_step += stride
    assert pairs > 6


def test_at_random(stage, request, capsys):
    count = request.config.getoption("--schedules")
    draw = random.Random(20261125)
    told: Counter[str] = Counter()
    for _ in range(count):
        made, zombie = stage(draw.random() < 0.7, draw.choice("bc"))
        plans = [draw.choice("bcd") for _ in range(2)]
        parties = [zombie] + [
            Party(name, lambda party, made=made, letter=letter: made.launch(party, letter))
            for name, letter in zip(("first", "second"), plans, strict=True)
        ]
        at = parties[0]
        switching = draw.choice((0.05, 0.3, 1.0))
        dying = draw.choice((0, 0.003, 0.02))
        while moving := [party for party in parties if not party.is_done]:
            if at not in moving or draw.random() < switching:
                told["switches"] += 1
                at = draw.choice(moving)
            if draw.random() < dying:
                if made.holds(at) and at.has_job and draw.random() < 0.7:
                    made.lose_launcher(at)
                    told["launchers lost, whose jobs went on"] += 1
                    continue
                made.kill(at)
                told["kills"] += 1
                continue
            told["steps"] += 1
            if at.move():
                made.look()
        for party in parties:
            judge(party)
            told["ended well" if party.ended_with is None else "came too late or died"] += 1
        made.look()
        made.end()
    assert told["kills"] > count / 10
    assert told["launchers lost, whose jobs went on"] > count / 30
    with capsys.disabled():
        print(f"\n{count} schedules: " + ", ".join(f"{n:,} {what}" for what, n in told.items()))
