"""Runs without a model for tests of what is published: a plan, parts, and the step that publishes.

A corpus is a dictionary of file names and ids of rows. What a table must hold then is known.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import durable, layout, storage
from pipeline.corpus.documents import DICTIONARY
from pipeline.corpus.planning.planner import make_plan
from pipeline.corpus.sources import ReadSettings
from pipeline.folders import folder
from pipeline.output import swap
from pipeline.output.into_table import table_note
from pipeline.output.parts import Part, described
from pipeline.output.work import work_folder
from pipeline.tables.formats import table_to_write

Corpus = dict[str, list[str]]


class Dies(BaseException):
    """The process is lost."""


class ToyRun:
    """A run that has packed its parts.

    Args:
        place: a folder of the test's own; inputs lie in `news` below it.
        corpus: ids of the rows of each input.
        table: the table's name.
        bundle: a letter.
        output: the folder to publish to.
        overwrite: as on the command line.
        more: columns that are carried, and their value in every row.
        partition_by: as on the command line.
        dropped: inputs that are no longer any.
        below: folders of tables that are inputs.
    """

    def __init__(
        self,
        place: Path,
        corpus: Corpus,
        table: str | None,
        bundle: str = "a",
        output: str = "labels",
        overwrite: bool = False,
        more: dict[str, pa.Scalar] | None = None,
        partition_by: tuple[str, ...] = (),
        dropped: tuple[str, ...] = (),
        below: tuple[str, ...] = (),
    ):
        self.corpus, self.bundle, self.more = corpus, bundle, more or {}
        self.output = str(place / output)
        news = place / "news"
        inputs = []
        for name, ids in corpus.items():
            durable.write_bytes(str(news / name), "".join(f"{i}\n" for i in ids).encode())
            os.utime(news / name, ns=(0, abs(hash(tuple(ids)))))
            inputs.append((str(news / name), "csv"))
        settings = {"bundle": bundle * 64, "version": "1"}
        reading = ReadSettings(10, csv_columns=("title",))
        self.plan = make_plan(inputs, ["title"], settings, reading=reading)
        notes: dict[str, Any] = {}
        if table is not None:
            note = table_note(table_to_write(table), list(partition_by), list(below))
            notes["table"] = {**note, "dropped": list(dropped)}
        self.overwrite, self.notes = overwrite, notes
        self.is_new = self.enter()

    def enter(self) -> bool:
        """What a launcher does first: finishes what was decided, and makes the folder ready."""
        return folder.enter(self.output, self.plan, "model", self.overwrite, self.notes)

    def publish(self) -> None:
        """Packs one part an input, and publishes them."""
        work = work_folder(self.output, self.plan)
        started = folder.read_started(work)
        entries = []
        for number, (name, ids) in enumerate(self.corpus.items()):
            part = Part(layout.part_name(number, len(self.corpus)), [f"{number}"], [1])
            path = storage.join(work, part.name)
            about = {"plan": self.plan.digest, "checkpoints": part.checkpoints()}
            source = self.plan.sources[number].path
            assert source.endswith(name)
            table = pa.table(
                {
                    "id": pa.array(ids, pa.string()),
                    **{k: pa.array([v] * len(ids), v.type) for k, v in self.more.items()},
                    "label": pa.array([self.bundle] * len(ids)).cast(DICTIONARY),
                    "source": pa.array([source] * len(ids)).cast(DICTIONARY),
                    "source_row": pa.array(range(len(ids)), pa.int64()),
                }
            ).replace_schema_metadata({"newsbeam": json.dumps(about)})
            with durable.writing(path, make_folder=False) as stream:
                pq.write_table(table, stream)
            entries.append(described(part, path))
        manifest = {
            "plan": {"digest": self.plan.digest, **self.plan.identity()},
            "parts": entries,
            "bad_files": [],
            "stats": {"sources": {}},
            "started": started["time"],
            **{key: started[key] for key in ("table",) if key in started},
        }
        swap.publish(self.output, work, manifest, None, started.get("over"))

    def rows(self) -> list[tuple[str, int, str, str]]:
        """What it brings into a table: source, row, id, label."""
        return [
            (source.path, row, name, self.bundle)
            for source, ids in zip(self.plan.sources, self.corpus.values(), strict=True)
            for row, name in enumerate(ids)
        ]


def rows_of(table: pa.Table) -> list[tuple[str, int, str, str]]:
    """Source, row, id and label of all rows, sorted."""
    columns = [table[name].to_pylist() for name in ("source", "source_row", "id", "label")]
    return sorted(zip(*columns, strict=True))


ACTS = ("rename", "link", "mkdir", "unlink", "rmdir", "replace", "makedirs")


def stepping(monkeypatch, act: Callable[[int], None], commits: list[tuple[Any, str]]) -> None:
    """Calls `act(number)` before every act on the disk, and before and behind every commit.

    Args:
        monkeypatch: of the test.
        act: is told the number of the step, from 1.
        commits: owner and name of functions that commit to a table.
    """
    count = [0]

    def step() -> None:
        count[0] += 1
        act(count[0])

    def stepped(real, behind):
        def call(*arguments, **named):
            step()
            result = real(*arguments, **named)
            if behind:
                step()
            return result

        return call

    for name in ACTS:
        monkeypatch.setattr(os, name, stepped(getattr(os, name), False))
    for owner, name in commits:
        monkeypatch.setattr(owner, name, stepped(getattr(owner, name), True))
