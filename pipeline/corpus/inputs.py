"""From what a person wrote after `--input` to the list of files to read."""

import os

from pipeline import storage
from pipeline.corpus.formats.registry import by_ending, by_prefix, members
from pipeline.errors import UsageError


def find_inputs(patterns: list[str], input_format: str | None = None) -> list[tuple[str, str]]:
    """Finds the files that the patterns name, each once, in the patterns' order.

    A folder stands for all the files in it and below it; names in it that begin with `_` or `.`
    are passed over, as they are what other programs leave there.

    Args:
        patterns: files, folders, glob patterns, or `tfds:NAME/SPLIT`.
        input_format: the format of all of them; None for each by its ending.

    Returns:
        Pairs of path and format.

    Raises:
        UsageError: if a pattern names nothing, or an ending is that of no format.
    """
    formats: dict[str, str] = {}
    for pattern in patterns:
        named = by_prefix(pattern)
        if named is not None:
            formats[pattern] = named
            continue
        paths = _expand(pattern)
        if not paths:
            raise UsageError(f"no input: there is no file {pattern}")
        for path in paths:
            formats[path] = input_format or format_of(path)
    return list(formats.items())


def format_of(path: str) -> str:
    """The format that has a file's ending.

    Raises:
        UsageError: if none has it.
    """
    name = by_ending(path)
    if name is not None:
        return name
    raise UsageError(
        f"cannot tell the format of {path} from its ending; name it with --input_format, "
        f"or pick the files with a pattern such as 'DIR/*.parquet'"
    )


def _expand(pattern: str) -> list[str]:
    if storage.is_local(pattern):
        path = storage.local_path(pattern)
        if os.path.isfile(path):  # also a name with [ or * in it
            return [path]
        if os.path.isdir(path):
            return _files_below(path)
    else:
        exact = storage.match(pattern)
        if exact:
            return [file.path for file in exact]
        if not any(character in pattern for character in "*?["):
            below = [file.path for file in storage.match(storage.join(pattern, "**"))]
            return _members([path for path in below if not _hidden(path[len(pattern) :])])
    return [file.path for file in storage.match(pattern)]


def _files_below(folder: str) -> list[str]:
    paths = []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not _hidden(name))
        shown = members(sorted(name for name in names if not _hidden(name)))
        paths += [os.path.join(parent, name) for name in shown]
    return paths


def _members(paths: list[str]) -> list[str]:
    """Of the files of several folders, those that are to be read, in their order."""
    names: dict[str, list[str]] = {}
    for path in paths:
        parent, _, name = path.rpartition("/")
        names.setdefault(parent, []).append(name)
    wanted = {f"{parent}/{name}" for parent, some in names.items() for name in members(some)}
    return [path for path in paths if path in wanted]


def _hidden(path: str) -> bool:
    return any(part.startswith(("_", ".")) for part in path.split("/"))
