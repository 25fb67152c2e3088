"""Input and output that lie within each other: a run must neither read nor replace its own rows."""

import os

from model.console.terminal import say
from pipeline import storage
from pipeline.corpus.formats.registry import by_prefix
from pipeline.errors import UsageError
from pipeline.table_names import is_table


def apart(
    patterns: list[str],
    inputs: list[tuple[str, str]],
    output: str,
    called: str = "output folder",
) -> list[tuple[str, str]]:
    """Leaves out what lies in the output folder, or in another that is written to; says so.

    A corpus' folder may have the labels in a folder below it: those are no corpus.

    Args:
        patterns: what was asked for.
        inputs: pairs of path and format that the patterns name.
        output: the folder to write to.
        called: what it is called.

    Returns:
        The inputs that lie elsewhere.

    Raises:
        UsageError: if an input was asked for that lies in the output folder, or nothing is left.
    """
    root = _real(output)
    for pattern in patterns:
        is_path = by_prefix(pattern) is None and not is_table(pattern)
        if is_path and _is_within(_real(_fixed_part(pattern)), root):
            raise UsageError(f"the input {pattern} lies in the {called} {output}")
    left = [
        (path, kind)
        for path, kind in inputs
        if by_prefix(path) is not None or not _is_within(_real(path), root)
    ]
    if not left:
        raise UsageError(f"no input: all that is asked for lies in the {called} {output}")
    if len(left) < len(inputs):
        say(f"passed over: the {called} {output}, which lies below the input")
    return left


def _fixed_part(pattern: str) -> str:
    """The pattern itself if it is a name, else the folder in front of its first wildcard."""
    if storage.is_local(pattern) and os.path.exists(storage.local_path(pattern)):
        return pattern
    parts = pattern.split("/")
    wild = [number for number, part in enumerate(parts) if any(sign in part for sign in "*?[")]
    return "/".join(parts[: wild[0]]) or "/" if wild and wild[0] else "." if wild else pattern


def _real(path: str) -> str:
    """One name for a file or folder, however it was named."""
    if storage.is_local(path):
        return storage.real_path(path)
    scheme, _, rest = path.partition("://")
    return f"{scheme}://" + "/".join(part for part in rest.split("/") if part)


def _is_within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
