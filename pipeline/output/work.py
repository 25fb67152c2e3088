"""Work folders: whose they are, and how one is taken away.

A folder is ours if it is named by the digest of the plan that lies in it. Taking one away fences
whoever still works in it: on a disk it first gets another name, in one step, and nobody makes it
anew (`make_folder=False`); in a store its objects go in an order in which nobody can use the rest.
"""

import os
import shutil
import uuid
from contextlib import suppress

from pipeline import durable, layout, storage
from pipeline.corpus.planning.plan import Plan
from pipeline.corpus.planning.saved_plan import saved_digest


def work_folder(output: str, plan: Plan) -> str:
    """Where a plan's work lies until it is published."""
    return storage.join(output, layout.work_name(plan.digest))


def work_folders(output: str) -> list[str]:
    """The folders of runs that are not published yet: those that have a plan."""
    return [path for path in _ours(output) if not _is_gone(path)]


def is_ours(path: str) -> bool:
    """Whether a folder is a work folder of ours: its plan has the digest that names it."""
    parsed = layout.parse_work(layout.last_part(path))
    if parsed is None or is_link(path):
        return False
    digest = saved_digest(storage.join(path, layout.PLAN))
    return digest is not None and digest.startswith(parsed[0])


def is_link(path: str) -> bool:
    """Whether a path is a symbolic link, which is never followed to delete something."""
    return storage.is_local(path) and os.path.islink(storage.local_path(path).rstrip("/"))


def remove_work(path: str) -> None:
    """Takes a work folder of ours away with all that is in it; its plan goes last."""
    if not is_ours(path):
        return
    if not storage.is_local(path):
        _remove_objects(path)
        return
    path = fence_work(path)
    with suppress(FileNotFoundError):
        for name in os.listdir(path):
            inner = os.path.join(path, name)
            if os.path.isdir(inner) and not os.path.islink(inner):
                shutil.rmtree(inner, ignore_errors=True)
            elif name != layout.PLAN:
                durable.delete([inner])
        durable.delete([os.path.join(path, layout.PLAN)])
        with suppress(OSError):
            os.rmdir(path)


def fence_work(path: str) -> str:
    """Ends all attempts in a work folder of ours on a disk, by giving it another name.

    Returns:
        Its name from now on; still the old one in a store, or if somebody else was faster.
    """
    path = storage.local_path(path).rstrip("/") if storage.is_local(path) else path
    if not storage.is_local(path) or _is_gone(path):
        return path
    gone = layout.gone_name(path, uuid.uuid4().hex)
    try:
        os.rename(path, gone)
    except FileNotFoundError:
        return path
    return gone


def gone_folders(output: str) -> list[str]:
    """Work folders of ours that somebody was about to take away."""
    return [path for path in _ours(output) if _is_gone(path)]


def remove_remains(output: str) -> None:
    """Deletes what dead runs have left half deleted or half written in the output folder."""
    _remove_temporary(output)
    for name in storage.folders_in(output):
        path = storage.join(output, name)
        if layout.parse_work(name) is None or is_link(path):
            continue
        if not is_ours(path):  # nobody's, if there is nothing in it but half a plan
            _remove_temporary(path)
            durable.remove_if_empty(path)
        elif _is_gone(path):
            remove_work(path)


def _remove_temporary(folder: str) -> None:
    durable.delete([f.path for f in storage.files_in(folder) if layout.is_temporary(f.name)])


def _is_gone(path: str) -> bool:
    parsed = layout.parse_work(layout.last_part(path))
    return parsed is not None and parsed[1]


def _ours(output: str) -> list[str]:
    names = [name for name in storage.folders_in(output) if layout.parse_work(name) is not None]
    return [path for name in names if is_ours(path := storage.join(output, name))]


def _remove_objects(path: str) -> None:
    """Deletes a work folder's objects until none comes any more."""
    plan = storage.join(path, layout.PLAN)
    while left := [file.path for file in storage.match(storage.join(path, "**"))]:
        decisive = [one for one in left if one.endswith(f"/{layout.SWAP_RECORD}")]
        durable.delete(decisive)
        durable.delete([one for one in left if one not in (*decisive, plan)])
        if left == [plan]:
            durable.delete([plan])
