"""From what a person wrote after `--input` to the list of files to read."""

import os

from model.console.terminal import say
from pipeline import storage
from pipeline.corpus.formats.registry import by_ending, by_prefix, members
from pipeline.corpus.tables.tables import TABLE_FORMAT, Tables
from pipeline.errors import UsageError
from pipeline.table_names import is_table

FOLDER_PLACEHOLDERS = ("/", "_$folder$")


def find_inputs(
    patterns: list[str], input_format: str | None = None, tables: Tables | None = None
) -> list[tuple[str, str]]:
    """Finds the files that the patterns name, each once, in the patterns' order.

    A folder stands for all the files in it and below it; names in it that begin with `_` or `.`
    are passed over, as they are what other programs leave there. A file that is named twice, in
    whichever way, is one input, under its first name.

    Args:
        patterns: files, folders, glob patterns, `tfds:NAME/SPLIT`, or names of tables.
        input_format: the format of all files but tables'; None for each by its ending.
        tables: the snapshots of the tables.

    Returns:
        Pairs of path and format.

    Raises:
        UsageError: if a pattern names nothing, a folder can't be read, or an ending is that of no
            format.
    """
    formats: dict[str, str] = {}
    seen: set[str] = set()
    for pattern in patterns:
        named = by_prefix(pattern)
        if named is not None:
            formats[pattern] = named
            continue
        if is_table(pattern):
            assert tables is not None
            paths = tables.files(pattern)
            kind: str | None = TABLE_FORMAT
        else:
            paths, kind = _expand(pattern), input_format
        if not paths:
            raise UsageError(f"no input: {_nothing_at(pattern)}")
        for path in paths:
            real = storage.real_path(path)
            if real not in seen:
                seen.add(real)
                formats[path] = kind or format_of(path)
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


def _nothing_at(pattern: str) -> str:
    if storage.is_local(pattern) and os.path.isdir(storage.local_path(pattern)):
        passed_over = "names with _ or . in front are passed over"
        return f"the folder {pattern} holds no files ({passed_over})"
    return f"there is no file {pattern}"


def _expand(pattern: str) -> list[str]:
    if storage.is_local(pattern):
        path = storage.local_path(pattern)
        if os.path.isfile(path):  # also a name with [ or * in it
            return [path]
        if os.path.isdir(path):
            return _files_below(path)
    else:
        exact = _objects(pattern)
        if exact:
            return exact
        if not any(character in pattern for character in "*?["):
            below = _objects(storage.join(pattern, "**"))
            return _members([path for path in below if not _hidden(path[len(pattern) :])])
    return [file.path for file in storage.match(pattern)]


def _objects(pattern: str) -> list[str]:
    """Objects of a store, without those that consoles and Hadoop make to show folders."""
    paths = [file.path for file in storage.match(pattern)]
    return [path for path in paths if not path.endswith(FOLDER_PLACEHOLDERS)]


def _files_below(folder: str, inside: tuple[str, ...] = ()) -> list[str]:
    """The files in a folder, then those below it, also where links lead.

    Raises:
        UsageError: for a folder that can't be read.
    """
    real = os.path.realpath(folder)
    if real in inside:
        say(f"passed over: {folder}, a link to a folder that it lies in")
        return []
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise UsageError(f"cannot read the folder {folder}: {error.strerror}") from error
    folders, names = [], []
    for entry in entries:
        if _hidden(entry.name):
            continue
        if entry.is_dir():
            folders.append(entry.name)
        elif entry.is_file() or entry.is_symlink():  # a link to nothing is said when it is opened
            names.append(entry.name)
        else:
            say(f"passed over: {entry.path}, which is no file")
    paths = [os.path.join(folder, name) for name in members(names)]
    for name in folders:
        paths += _files_below(os.path.join(folder, name), (*inside, real))
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
