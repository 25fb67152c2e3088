"""Which rows of an Iceberg table's files are deleted: position delete files, and deletion vectors.

pyiceberg finds out which deletes go with which file, and refuses those by equality.
"""

from typing import Any

import numpy as np
import pyarrow.parquet as pq


class Deletes:
    """The deletes of a table, each file of them read once.

    Args:
        io: pyiceberg's, of the table.
    """

    def __init__(self, io: Any):
        self._io = io
        self._known: dict[str, dict[str, np.ndarray]] = {}

    def mask(self, task: Any) -> np.ndarray | None:
        """Of a scan's task: bool [rows of its file], True where deleted; None if none is."""
        found = [self._positions(one).get(task.file.file_path) for one in task.delete_files]
        places = [positions for positions in found if positions is not None]
        if not places:
            return None
        mask = np.zeros(task.file.record_count, bool)
        mask[np.concatenate(places)] = True
        return mask

    def _positions(self, file: Any) -> dict[str, np.ndarray]:
        if file.file_path not in self._known:
            self._known[file.file_path] = _read(self._io, file)
        return self._known[file.file_path]


def _read(io: Any, file: Any) -> dict[str, np.ndarray]:
    """By data file: the numbers of its rows that a file of deletes deletes."""
    kind = file.file_format.value.lower()
    with io.new_input(file.file_path).open() as stream:
        if kind == "parquet":
            return _by_file(pq.read_table(stream, columns=["file_path", "pos"]))
        if kind == "puffin":
            from pyiceberg.table.deletion_vector import deletion_vectors_from_puffin_file
            from pyiceberg.table.puffin import PuffinFile

            vectors = deletion_vectors_from_puffin_file(PuffinFile(stream.read()))
            return {one.referenced_data_file: one.to_vector().to_numpy() for one in vectors}
    raise ValueError(f"deletes in {kind} are not read; rewrite the table's data files first")


def _by_file(table: Any) -> dict[str, np.ndarray]:
    paths = table.column("file_path").combine_chunks().dictionary_encode()
    numbers = paths.indices.to_numpy(zero_copy_only=False)
    order = np.argsort(numbers, kind="stable")
    ends = np.searchsorted(numbers[order], np.arange(len(paths.dictionary) + 1))
    positions = table.column("pos").to_numpy()[order]
    return {
        path: positions[ends[place] : ends[place + 1]]
        for place, path in enumerate(paths.dictionary.to_pylist())
    }
