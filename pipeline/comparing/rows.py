"""Rows of a published run, input by input, a bounded number at a time."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import storage

BATCH_ROWS = 65_536


class PublishedRows:
    """A published run's parts, which hold the rows of its inputs one after the other.

    Args:
        output: its folder.
        manifest: its manifest.
    """

    def __init__(self, output: str, manifest: dict[str, Any]):
        self._output, self._parts = output, manifest["parts"]
        self._ranges: dict[str, tuple[int, int]] = {}
        start = 0
        for path, *_ in manifest["plan"]["sources"]:
            rows = manifest["stats"]["sources"].get(path, {}).get("rows", 0)
            self._ranges[path] = (start, rows)
            start += rows

    def count(self, source: str) -> int:
        """How many rows an input has, which are its first ones."""
        return self._ranges[source][1]

    def read(self, source: str, columns: list[str]) -> Iterator[pa.Table]:
        """Reads an input's rows in their order.

        Args:
            source: the input's path, as the run wrote it.
            columns: which columns; those that the run doesn't have are left out.
        """
        start, rows = self._ranges[source]
        for part in self._parts:
            here = min(part["rows"] - start, rows)
            if here > 0:
                yield from self._read_part(part["name"], max(start, 0), here, columns)
                rows -= here
            start = max(start - part["rows"], 0)
            if rows == 0:
                return

    def _read_part(
        self, name: str, start: int, rows: int, columns: list[str]
    ) -> Iterator[pa.Table]:
        with storage.open_input(storage.join(self._output, name)) as stream:
            file = pq.ParquetFile(stream)
            groups: list[int] = []
            for number in range(file.num_row_groups):  # whole groups before the first row
                length = file.metadata.row_group(number).num_rows
                if not groups and start >= length:
                    start -= length
                else:
                    groups.append(number)
            there = [column for column in columns if column in file.schema_arrow.names]
            for batch in file.iter_batches(BATCH_ROWS, row_groups=groups, columns=there):
                wanted = pa.Table.from_batches([batch]).slice(start, rows)
                start = max(start - len(batch), 0)
                rows -= len(wanted)
                if len(wanted):
                    yield wanted
                if rows == 0:
                    return


def in_step(
    left: Iterator[pa.Table], right: Iterator[pa.Table]
) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Pairs of Tables with equally many rows, up to where the shorter one ends."""
    one = other = None
    while True:
        one = one if one is not None and len(one) else next(left, None)
        other = other if other is not None and len(other) else next(right, None)
        if one is None or other is None:
            return
        rows = min(len(one), len(other))
        if rows:
            yield one.slice(0, rows), other.slice(0, rows)
        one, other = one.slice(rows), other.slice(rows)
