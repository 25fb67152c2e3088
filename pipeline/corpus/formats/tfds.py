"""TensorFlow Datasets: `tfds:NAME/SPLIT`, NAME and SPLIT as TFDS takes them.

So NAME may have config and version, and SPLIT may be `test[:10%]` or `train+test`. The data set
must have been prepared; nothing is downloaded. A class label comes out under its name. Features
other than scalars of text, numbers and class labels are not offered.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from pipeline.corpus.sources import Columns, Facts, ReadSettings, Rows
from pipeline.errors import BadFileError, UsageError

PREFIX = "tfds:"
BATCH_ROWS = 1024


class Stretch(NamedTuple):
    """Rows of a split that lie in one file.

    Attributes:
        split: its name.
        file: number of the file among the split's.
        start: the first row, counted in the split.
        end: behind the last.
    """

    split: str
    file: int
    start: int
    end: int


def inspect(path: str, settings: ReadSettings) -> Facts:
    """Looks the split up in the data set's description.

    Raises:
        UsageError: if there is no such data set or split on the disk.
    """
    builder, stretches = _open(path, settings)
    features = sorted(builder.info.features.items())  # TFDS keeps no order
    fields = [(name, _arrow_type(feature)) for name, feature in features]
    schema = pa.schema([(name, kind) for name, kind in fields if kind is not None])
    lengths = [stretch.end - stretch.start for stretch in stretches]
    return Facts(schema, sum(lengths), lengths)


def files(path: str, settings: ReadSettings) -> list[str]:
    """The files in which the rows lie, for fingerprints."""
    builder, stretches = _open(path, settings)
    splits = builder.info.splits
    return list(dict.fromkeys(str(splits[one.split].filepaths[one.file]) for one in stretches))


def read(
    path: str,
    start: int,
    rows: int | None,
    columns: Columns,
    settings: ReadSettings,
    file_size: int | None = None,
) -> Iterator[Rows]:
    """Reads `rows` rows from row `start` on, in the split's order.

    Raises:
        BadFileError: if a shard can't be read to its end.
    """
    assert rows is not None  # the description always has them
    import tensorflow_datasets as tfds

    builder, stretches = _open(path, settings)
    features = builder.info.features
    names = columns.names()
    count = 0
    try:
        for part in _part(stretches, start, rows):
            dataset = builder.as_dataset(
                split=tfds.core.ReadInstruction(
                    part.split, from_=part.start, to=part.end, unit="abs"
                ),
                shuffle_files=False,
                read_config=tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False),
            )
            for batch in tfds.as_numpy(dataset.batch(BATCH_ROWS)):
                arrays = [_array(batch[column], features[column]) for column in names]
                length = len(next(iter(batch.values())))
                count += length
                yield Rows(pa.Table.from_arrays(arrays, names=names))
    except Exception as error:  # TensorFlow has no common class for damaged records
        raise BadFileError(path, str(error).split("\n")[0]) from error
    if count != rows:
        raise BadFileError(path, f"{count} of {rows} rows could be read")


def _part(stretches: list[Stretch], start: int, rows: int) -> Iterator[Stretch]:
    """Of stretches one behind the other, `rows` rows from row `start` on."""
    before = 0
    for one in stretches:
        first = one.start + max(start - before, 0)
        last = min(one.end, one.start + start + rows - before)
        if first < last:
            yield one._replace(start=first, end=last)
        before += one.end - one.start


def _open(path: str, settings: ReadSettings) -> tuple[Any, list[Stretch]]:
    """The data set, and where the rows that are meant lie."""
    import tensorflow_datasets as tfds

    name, _, split = path.removeprefix(PREFIX).rpartition("/")
    where = settings.tfds_data_dir
    place = where or "TFDS's own data folder"
    if not name:
        raise UsageError(f"{path} names no split; write tfds:NAME/SPLIT")
    try:
        builder = tfds.builder(name, data_dir=where)
    except (tfds.core.DatasetNotFoundError, ValueError, AssertionError) as error:
        raise UsageError(f"there is no TFDS data set {name} in {place}") from error
    splits = builder.info.splits
    if not splits:
        data_dir = f", data_dir={where!r}" if where else ""
        raise UsageError(
            f"the TFDS data set {name} is not prepared in {place}; do so by python -c "
            f'"import tensorflow_datasets as tfds; tfds.load({name!r}{data_dir})"'
        )
    try:
        meant = tfds.core.ReadInstruction.from_spec(split).to_absolute(splits)
    except (ValueError, NotImplementedError) as error:
        known = ", ".join(sorted(splits))
        raise UsageError(
            f"the TFDS data set {name} has no split {split}, only: {known}; and parts of these, "
            f"such as {min(splits)}[:10%]"
        ) from error
    return builder, [one for part in meant for one in _stretches(part, splits)]


def _stretches(part: Any, splits: Any) -> Iterator[Stretch]:
    """The rows of one of TFDS' absolute instructions, file by file."""
    lengths = splits[part.splitname].shard_lengths
    start = part.from_ or 0
    end = sum(lengths) if part.to is None else part.to
    before = 0
    for file, length in enumerate(lengths):
        first, last = max(start, before), min(end, before + length)
        if first < last:
            yield Stretch(part.splitname, file, first, last)
        before += length


def _arrow_type(feature: Any) -> pa.DataType | None:
    if hasattr(feature, "int2str"):
        return pa.string()
    if getattr(feature, "shape", None) != ():
        return None
    dtype = np.dtype(feature.np_dtype)
    return pa.string() if dtype.kind in "OSU" else pa.from_numpy_dtype(dtype)


def _array(values: Any, feature: Any) -> pa.Array:
    if hasattr(feature, "int2str"):
        return pa.array([feature.int2str(i) if i >= 0 else None for i in values], pa.string())
    if values.dtype.kind == "O":  # bytes; that they are UTF-8 is checked like anybody's
        return pa.array(list(values), pa.binary())
    return pa.array(values)
