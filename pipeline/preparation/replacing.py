"""How prepared data take the place of older ones: whole, or not at all.

A run prepares into a folder of its own, in which `prepared.json` comes last. Then it takes the
place of what is there: the old `prepared.json` goes, then the old data, the new ones come, and the
new `prepared.json` last. A run that died on the way there has changed nothing; one that died in the
swap is finished by the next.

DIR/_work/plan.json     of the run; it says that the folder `_work` is ours
DIR/_work/old.json      names of the data that the run is to replace, as they were when it began
DIR/_work/new-<hex>/    the new data; decided when it has its `prepared.json`
DIR/_work/cleared.json  the old data are gone: whatever has such a name from now on is new
"""

import os
import re
import uuid
from typing import Any

from model.bundle.prepared import PREPARED_FORMAT
from pipeline import durable, layout, objects, storage
from pipeline.corpus.planning.plan import Plan
from pipeline.corpus.planning.saved_plan import save_plan, saved_digest
from pipeline.errors import NewsbeamError, UsageError
from pipeline.output.work import is_link
from pipeline.preparation.prepared import (
    EXAMPLES,
    PREPARED,
    plan_file,
    transform_dir,
    work_folder,
)

OLD = "old.json"
CLEARED = "cleared.json"
_STAGING = re.compile(r"new-[0-9a-f]{32}")


def settle(output: str) -> None:
    """Finishes a swap that died, and takes away what a run has left that died behind it.

    Args:
        output: The folder, locked by us.
    """
    if not _is_ours(work_folder(output)):
        return
    for name in storage.folders_in(work_folder(output)):
        staging = storage.join(work_folder(output), name)
        if _STAGING.fullmatch(name) and _described(staging) is not None:
            replace(output, staging)
            return
    # What begins has noted what it replaces, right behind its plan.
    has_begun = storage.exists(storage.join(work_folder(output), OLD))
    is_done = storage.exists(storage.join(work_folder(output), CLEARED))
    if _described(output) is not None and (is_done or not has_begun):
        _remove_work(output)


def begin(output: str, plan: Plan, overwrite: bool) -> str | None:
    """Makes the output folder ready; what is prepared there stays as it is.

    Args:
        output: The folder, locked by us and settled.
        plan: What is to be done.
        overwrite: Whether other data may be replaced.

    Returns:
        The folder to prepare into; None if this very data lies there already.

    Raises:
        UsageError: If the folder holds something else.
    """
    earlier = _described(output)
    begun = _is_ours(work_folder(output))
    unexpected = _unexpected_names(output, begun, is_ours=begun or earlier is not None)
    if unexpected:
        raise UsageError(f"{output} holds something else ({unexpected[0]}); use another --output")
    if earlier is not None:
        is_old = earlier.get("format", 0) < PREPARED_FORMAT
        if not is_old and earlier.get("plan") == plan.digest:
            return None
        if not overwrite:
            how = "by an older newsbeam" if is_old else "otherwise"
            raise UsageError(
                f"{output} holds data prepared {how}; use another --output, or --overwrite"
            )
    is_replacing = begun or earlier is not None
    _remove_work(output)
    save_plan(plan, plan_file(output))  # first: it says that the rest is ours
    old = [file.name for file in storage.files_in(output) if EXAMPLES.fullmatch(file.name)]
    old += [layout.last_part(transform_dir(output))]
    durable.write_json(
        storage.join(work_folder(output), OLD), old if is_replacing else [], make_folder=False
    )
    staging = storage.join(work_folder(output), f"new-{uuid.uuid4().hex}")
    save_plan(plan, plan_file(staging))
    return staging


def replace(output: str, staging: str) -> None:
    """Puts prepared data in the place of those that are there.

    Args:
        output: The folder, locked by us.
        staging: The folder with the new data, whole.

    Raises:
        NewsbeamError: If something else has come into their place.
    """
    work = work_folder(output)
    durable.delete_folder(work_folder(staging))
    if not storage.exists(storage.join(work, CLEARED)):
        durable.delete([storage.join(output, PREPARED)])
        old = storage.read_json(storage.join(work, OLD))
        durable.delete([storage.join(output, name) for name in old if EXAMPLES.fullmatch(name)])
        if layout.last_part(transform_dir(output)) in old:
            durable.delete_folder(transform_dir(output))
        durable.sync_folder(output)
        durable.write_json(storage.join(work, CLEARED), True, make_folder=False)
    last = storage.join(staging, PREPARED)
    names = [file.name for file in storage.files_in(staging) if file.path != last]
    for name in [*names, *storage.folders_in(staging)]:
        _move(storage.join(staging, name), storage.join(output, name))
    durable.sync_folder(output)
    _move(last, storage.join(output, PREPARED))
    durable.sync_folder(output)
    _remove_work(output)


def _move(source: str, target: str) -> None:
    """Moves a file or a folder to where nothing is; in a store it is copied."""
    taken = NewsbeamError(f"{target} is there already, and is none of ours")
    if storage.is_local(source):
        if os.path.lexists(storage.local_path(target)):
            raise taken
        os.rename(storage.local_path(source), storage.local_path(target))
        return
    below = storage.match(storage.join(source, "**"))
    for path in [file.path for file in below] or [source]:
        place = target + path[len(source) :]
        try:
            objects.copy(path, place, is_new=True)
        except FileExistsError as error:
            if not objects.is_same(path, place):
                raise taken from error


def _remove_work(output: str) -> None:
    """Takes the work folder away; last goes what tells that, and its plan, by which it is ours."""
    work = work_folder(output)
    last = [storage.join(work, CLEARED), plan_file(output)]
    if not _is_ours(work):
        return
    for name in storage.folders_in(work):
        durable.delete_folder(storage.join(work, name))
    durable.delete([file.path for file in storage.files_in(work) if file.path not in last])
    for path in last:
        durable.delete([path])
    durable.remove_if_empty(work)


def _is_ours(work: str) -> bool:
    return not is_link(work) and saved_digest(storage.join(work, layout.PLAN)) is not None


def _described(folder: str) -> dict[str, Any] | None:
    """What an earlier run has written; None if there is none, or it is something else."""
    try:
        value = storage.read_json(storage.join(folder, PREPARED))
    except (FileNotFoundError, ValueError):
        return None
    is_ours = isinstance(value, dict) and {"labels", "tokenizer", "rows"} <= set(value)
    return value if is_ours else None


def _unexpected_names(output: str, begun: bool, is_ours: bool) -> list[str]:
    """What a run would delete or read as its own, and isn't: links, and whatever has other names.

    Args:
        output: The folder.
        begun: Whether a run of ours has begun there, and not finished.
        is_ours: Whether a run of ours has begun or written it. Then other names are left alone,
            but for those that training would take for examples.
    """
    files = [file.name for file in storage.files_in(output) if file.name != layout.LOCK]
    folders = storage.folders_in(output)
    if not is_ours:
        return files + folders
    work = work_folder(output)
    foreign = storage.files_in(work) or storage.folders_in(work)
    return [
        *[n for n in files if n.startswith("examples-") and not EXAMPLES.fullmatch(n)],
        *[layout.last_part(path) for path in (transform_dir(output), work) if is_link(path)],
        *([layout.last_part(work)] if foreign and not begun else []),
    ]
