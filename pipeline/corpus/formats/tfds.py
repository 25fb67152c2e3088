"""TensorFlow Datasets: `tfds:NAME/SPLIT`, NAME as TFDS takes it (with config and version).

The data set must have been prepared; nothing is downloaded. A class label comes out under its
name. Features other than scalars of text, numbers and class labels are not offered.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.corpus.sources import Columns, Facts, ReadSettings, Rows
from pipeline.errors import BadFileError, UsageError

PREFIX = "tfds:"
BATCH_ROWS = 1024


def inspect(path: str, settings: ReadSettings) -> Facts:
    """Looks the split up in the data set's description.

    Raises:
        UsageError: if there is no such data set or split on the disk.
    """
    builder, split = _open(path, settings)
    info = builder.info.splits[split]
    features = sorted(builder.info.features.items())  # TFDS keeps no order
    fields = [(name, _arrow_type(feature)) for name, feature in features]
    schema = pa.schema([(name, kind) for name, kind in fields if kind is not None])
    return Facts(schema, info.num_examples, list(info.shard_lengths))


def files(path: str, settings: ReadSettings) -> list[str]:
    """The files in which the split lies, for fingerprints."""
    builder, split = _open(path, settings)
    return [str(file) for file in builder.info.splits[split].filepaths]


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
    if not rows:
        return
    import tensorflow_datasets as tfds

    builder, split = _open(path, settings)
    part = tfds.core.ReadInstruction(split, from_=start, to=start + rows, unit="abs")
    features = builder.info.features
    names = columns.names()
    count = 0
    try:
        dataset = builder.as_dataset(
            split=part,
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


def _open(path: str, settings: ReadSettings) -> tuple[Any, str]:
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
    if not builder.info.splits:
        raise UsageError(f"the TFDS data set {name} is not prepared in {place}; run 'tfds build'")
    if split not in builder.info.splits:
        known = ", ".join(sorted(builder.info.splits))
        raise UsageError(f"the TFDS data set {name} has no split {split}, only: {known}")
    return builder, split


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
