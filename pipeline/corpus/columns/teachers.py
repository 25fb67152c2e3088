"""Labels of teachers: an input may have probabilities in place of a true label."""

import json

import pyarrow as pa

from pipeline.corpus.documents import METADATA_KEY
from pipeline.errors import UsageError


def teachers_labels(path: str, schema: pa.Schema, column: str | None) -> tuple[str, ...] | None:
    """The names of a teacher's labels, in the order of its probabilities.

    Args:
        path: of the input.
        schema: its columns, and the metadata that scoring has written.
        column: with the probabilities, if there are any.

    Returns:
        The names; None for an input without the column.

    Raises:
        UsageError: if the column holds something else, or nothing names its labels.
    """
    if column is None or column not in schema.names:
        return None
    kind = schema.field(column).type
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    if not is_list or not pa.types.is_floating(kind.value_type):
        raise UsageError(f"column {column} of {path} holds no lists of probabilities but {kind}")
    try:
        names = json.loads((schema.metadata or {})[METADATA_KEY])["labels"]
    except (KeyError, ValueError):
        raise UsageError(
            f"{path} does not name the labels of its {column}: score those texts again; "
            "a file that python -m pipeline.score writes has the names in its footer"
        ) from None
    return tuple(names)


def check_teachers(labels: list[tuple[str, tuple[str, ...] | None]]) -> None:
    """Checks that all teachers have the same labels, in whatever order.

    Args:
        labels: path and, of a teacher's, the names of its labels.

    Raises:
        UsageError: for the first that has others.
    """
    known = [(path, names) for path, names in labels if names is not None]
    for path, names in known[1:]:
        first = known[0][1]
        if sorted(names) != sorted(first):
            raise UsageError(
                f"the inputs clash: {known[0][0]} has probabilities of {', '.join(first)}, "
                f"{path} of {', '.join(names)}"
            )
