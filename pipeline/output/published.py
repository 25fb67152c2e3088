"""What is published in a folder: the manifest that `_SUCCESS` stands for.

`_SUCCESS` holds the SHA-256 of `_manifest.json`, so that a reader who comes while one run takes
another's place never takes one's manifest for the other's. Version 0.1 left it empty.
"""

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from pipeline import layout, storage
from pipeline.errors import NewsbeamError, UsageError, one_line
from pipeline.output.manifest_shape import MANIFEST, PLAN, misfit

TRIES = 3
PAUSE_SECONDS = 0.2


class Published(NamedTuple):
    """A published run.

    Attributes:
        commit: SHA-256 of its manifest's bytes.
        manifest: what it says of itself.
    """

    commit: str
    manifest: dict[str, Any]


def commit_of(content: bytes) -> str:
    """What `_SUCCESS` says of a manifest."""
    return hashlib.sha256(content).hexdigest()


def published(output: str) -> Published | None:
    """The run that is published in the folder, if one is.

    Raises:
        OSError: if a disk or a store doesn't answer; that says nothing of what is published.
    """
    for number in range(TRIES):
        time.sleep(PAUSE_SECONDS * number)
        said = storage.read_if_there(storage.join(output, layout.SUCCESS))
        if said is None:
            return None
        content = storage.read_if_there(storage.join(output, layout.MANIFEST))
        if content is not None and said.strip().decode(errors="replace") in (
            "",
            commit_of(content),
        ):
            manifest = as_manifest(content)
            return Published(commit_of(content), manifest) if manifest is not None else None
    return None  # another run takes its place just now, or somebody has changed the manifest


def published_manifest(output: str) -> dict[str, Any] | None:
    """The manifest of the run that is published in the folder, if one is."""
    found = published(output)
    return found and found.manifest


def readable_manifest(output: str) -> dict[str, Any] | None:
    """The manifest of the run that is published in the folder, for those who tell of it.

    Raises:
        UsageError: if it lacks something, as somebody has changed it.
    """
    manifest = published_manifest(output)
    wrong = misfit(manifest, MANIFEST) if manifest is not None else None
    if wrong is not None:
        raise damaged_manifest(output, wrong)
    return manifest


@contextmanager
def telling_of(output: str) -> Iterator[None]:
    """Turns what a manifest that somebody has changed does to those who tell of it into one line.

    Raises:
        UsageError: for it.
    """
    try:
        yield
    except (OSError, NewsbeamError):
        raise
    except Exception as error:
        raise damaged_manifest(output, one_line(error)) from error


def damaged_manifest(output: str, what: str) -> UsageError:
    """Says that a manifest cannot be what was published."""
    path = storage.join(output, layout.MANIFEST)
    return UsageError(f"{path} is not as it was published ({what}); the parts beside it are")


def as_manifest(content: bytes) -> dict[str, Any] | None:
    """A manifest of ours; None for what is something else."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return value if misfit(value, {"plan": PLAN}) is None else None


def named_parts(manifest: dict[str, Any]) -> list[str]:
    """The names of the parts in a manifest."""
    names = [part["name"] for part in manifest.get("parts", [])]
    return [name for name in names if layout.is_part(name)]  # whatever somebody wrote into it


def gave_nothing(path: str, manifest: dict[str, Any]) -> bool:
    """Whether an input could not be read at all; it is tried again until it can."""
    bad = {one["path"] for one in manifest["bad_files"]}
    return path in bad and not manifest["stats"]["sources"].get(path, {}).get("rows")


def table_of(manifest: dict[str, Any]) -> str | None:
    """The table that a published run is in, as it is written on a command line; None for none."""
    note = manifest.get("table")
    name = note.get("name") if isinstance(note, dict) else None
    return name if isinstance(name, str) else None
