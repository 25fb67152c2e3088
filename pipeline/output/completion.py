"""How far a run has come: its checkpoints against its plan.

The files are the only source, so it is the same for a run on this machine, for one on a cluster
and for one that was continued. Of each file only the footer is read, and that once.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import NamedTuple

from pipeline import storage
from pipeline.corpus.formats.compression import DECODING_ERRORS, open_plain, read_some
from pipeline.corpus.planning.plan import Plan, rows_of
from pipeline.corpus.sources import WorkItem
from pipeline.errors import DamagedCheckpointError
from pipeline.layout import parse_checkpoint
from pipeline.output.checkpoints import read_stats
from pipeline.output.counts import settled_plan

MOST_FOOTERS = 2000  # that one look reads
AT_ONCE = 8
LINES = ("csv", "jsonl")  # formats whose rows are lines
SAMPLE_BYTES = 1 << 20
TEXT_BYTES = 16 << 20  # of what that decompresses to
ALMOST = 0.99  # of a file whose end was not seen yet


class Done(NamedTuple):
    """How far a run has come.

    Attributes:
        rows: finished ones.
        errors: those of them that are in error.
        total: rows of the whole corpus; None where that takes reading it all.
        share: of the corpus, from 0 to 1; by bytes where the rows aren't known.
    """

    rows: int
    errors: int
    total: int | None
    share: float


class FinishedWork:
    """The checkpoints of a run, as far as they have been seen.

    Args:
        plan: what is to be done.
        work: the run's work folder.
    """

    def __init__(self, plan: Plan, work: str):
        self._plan, self._work = plan, work
        self._items: Sequence[WorkItem] = plan.items
        self._is_settled = not plan.has_pieces()
        self._seen: set[str] = set()
        self._rows: dict[int, int] = {}  # by item
        self._tables: dict[int, int] = {}  # by item, how many
        self._last: dict[int, int] = {}  # by item, the number of the Table that ends it
        self._errors = 0
        self._row_bytes: dict[int, float] = {}  # by source

    def look(self) -> Done:
        """Reads the footers of new files, and says how far the run is."""
        names = [file.name for file in storage.files_in(self._work)]
        parsed = {name: parse_checkpoint(name) for name in names if name not in self._seen}
        new = [(name, one) for name, one in parsed.items() if one is not None][:MOST_FOOTERS]
        footers = self._footers([name for name, _ in new])
        for (name, (number, table, is_last)), (rows, errors) in zip(new, footers, strict=True):
            self._seen.add(name)
            self._rows[number] = self._rows.get(number, 0) + rows
            self._tables[number] = self._tables.get(number, 0) + 1
            self._errors += errors
            if is_last:
                self._last[number] = table
        if not self._is_settled:
            with suppress(FileNotFoundError):  # rows of large files are still being counted
                self._items, self._is_settled = settled_plan(self._plan, self._work), True
        rows, total = sum(self._rows.values()), rows_of(self._items)
        if total is not None:
            return Done(rows, self._errors, total, rows / total if total else 1.0)
        return Done(rows, self._errors, None, self._share_of_bytes())

    def _footers(self, names: list[str]) -> Iterable[tuple[int, int]]:
        def read(name: str) -> tuple[int, int]:
            try:
                stats, _, rows = read_stats(storage.join(self._work, name))
            except DamagedCheckpointError:  # the run will see to it
                return 0, 0
            return rows, sum(stats["errors"].values())

        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(read, names))

    def _share_of_bytes(self) -> float:
        done = total = 0.0
        for item in self._items:
            source = self._plan.sources[item.source]
            size = source.size // item.pieces  # which are of about the same size
            if item.rows is not None and source.rows:
                size = round(source.size * item.rows / source.rows)
            total += size
            if self._tables.get(item.number) == self._last.get(item.number, -2) + 1:
                done += size
            elif item.number in self._rows:
                done += min(
                    ALMOST * size, self._rows[item.number] * self._bytes_of_row(item.source)
                )
        return min(done / total, 1.0) if total else 1.0

    def _bytes_of_row(self, number: int) -> float:
        if number not in self._row_bytes:
            source = self._plan.sources[number]
            self._row_bytes[number] = bytes_of_row(source.path, source.format)
        return self._row_bytes[number]


def bytes_of_row(path: str, kind: str) -> float:
    """About how many bytes of a text file hold one row: those of its first megabyte.

    Args:
        path: the file.
        kind: its format; a guess only for those that are not among `LINES`.
    """
    with storage.open_input(path) as stream:
        head = stream.read(SAMPLE_BYTES)
    text = head
    with suppress(*DECODING_ERRORS, OSError):
        text = read_some(open_plain(path, io.BytesIO(head)), TEXT_BYTES)
    rows = text.count(b"\n")
    if kind == "csv":  # in quotes, a line break is text
        with suppress(csv.Error):
            rows = sum(1 for _ in csv.reader(io.StringIO(text.decode(errors="replace"), "")))
    return len(head) / max(rows, 1)
