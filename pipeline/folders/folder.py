"""The output folder: whose it is, and what a run may do there. What lies in it: `layout.py`."""

from collections.abc import Callable
from typing import Any

from pipeline import durable, layout, storage
from pipeline.corpus.planning.plan import Plan
from pipeline.corpus.planning.same_run import continued
from pipeline.corpus.planning.saved_plan import load_plan, save_plan, saved_digest
from pipeline.folders.refusals import has_work, refuse_series
from pipeline.output.into_table import with_slot
from pipeline.output.manifest import now
from pipeline.output.parts import left_parts
from pipeline.output.published import Published, named_parts, published
from pipeline.output.swap import finish_swaps
from pipeline.output.work import (
    fence_work,
    gone_folders,
    remove_remains,
    remove_work,
    work_folder,
    work_folders,
)
from pipeline.worker.failures import forget_failures
from pipeline.worker.watchdog import forget_workers


def enter(
    output: str,
    plan: Plan,
    model: str,
    overwrite: bool,
    notes: dict[str, Any] | None = None,
    before_work: Callable[[], None] = lambda: None,
) -> bool:
    """Makes the folder ready for a run, which continues what an earlier one has begun.

    What is published stays so until this run has passed all its checks (`swap.py`). What a run
    that died had decided is finished first.

    Args:
        output: the folder, locked by us.
        plan: what is to be done.
        model: the bundle's path.
        overwrite: whether another run's results may go.
        notes: what else the manifest is to say.
        before_work: is called if there is work to do, before anything of it is written; what it
            raises is raised.

    Returns:
        False if the same run is published already; nothing is to be done.

    Raises:
        UsageError: if the folder holds another run, or something else.
    """
    refuse_series(output)
    work = work_folder(output, plan)
    is_finished = layout.last_part(work) in settle(output)
    if not has_work(output, plan, overwrite, is_finished):
        return False
    before_work()
    there, works = published(output), work_folders(output)
    _begin(work, plan, model, there, with_slot(notes or {}, output, there and there.commit))
    for other in works if overwrite else []:
        if layout.last_part(other) != layout.last_part(work):
            _give_up(output, other)
    return True


def settle(output: str) -> list[str]:
    """Finishes what runs that died have decided, and takes away what they have left.

    Args:
        output: the folder, locked by us.

    Returns:
        Names of the work folders whose runs have been finished now.
    """
    alive = {layout.last_part(work) for work in work_folders(output)}
    for gone in gone_folders(output):
        digest = saved_digest(storage.join(gone, layout.PLAN))
        if digest is not None and layout.work_name(digest) not in alive:
            _delete_left(output, digest)
    remove_remains(output)
    finished = finish_swaps(output)
    there = published(output)
    for work in work_folders(output) if there is not None else []:
        if _is_left_of(work, there):
            remove_work(work)
    return finished


def saved_plan(output: str, plan: Plan, overwrite: bool = False) -> Plan:
    """The plan by which to go on: that of unfinished work for the same request, else the new one.

    Args:
        output: the folder, locked by us.
        plan: what this command would do in an empty folder.
        overwrite: whether what is published may go.
    """
    there = published(output)
    if there is not None and not overwrite:
        return plan
    for work in work_folders(output):
        try:
            saved = load_plan(storage.join(work, layout.PLAN))
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            continue
        going_on = continued(saved, plan)
        if going_on is None or _is_left_of(work, there):
            continue
        if layout.work_name(going_on.digest) == layout.last_part(work):
            return going_on
    return plan


def read_started(work: str) -> dict[str, Any]:
    """What the launcher has noted: `time`, `model`, `over` (the commit to replace), and more."""
    return storage.read_json(storage.join(work, layout.STARTED))


def give_up(output: str) -> None:
    """Takes the unfinished runs away in a folder that holds no published one."""
    for work in work_folders(output):
        _give_up(output, work)
    durable.remove_if_empty(output)


def _begin(
    work: str, plan: Plan, model: str, over: Published | None, notes: dict[str, Any]
) -> None:
    """Makes a work folder ready: its plan first, without which the rest is nobody's."""
    forget_failures(work)
    forget_workers(work)
    durable.delete([f.path for f in storage.files_in(work) if layout.is_temporary(f.name)])
    save_plan(plan, storage.join(work, layout.PLAN))
    load_plan.cache_clear()  # this process may hold it as it was saved before
    started = {"time": now(), "model": model, "over": over and over.commit, **notes}
    durable.write_json(storage.join(work, layout.STARTED), started)


def unfinished_works(output: str) -> list[str]:
    """The work folders of runs that are under way or have died, also beside a published run."""
    there = published(output)
    return [work for work in work_folders(output) if not _is_left_of(work, there)]


def _is_left_of(work: str, there: Published | None) -> bool:
    """Whether a work folder is what the published run has left of itself when it died.

    If not, it is the work of a run that was to take its place, perhaps of the same plan.
    """
    if there is None:
        return False
    if layout.work_name(there.manifest["plan"]["digest"]) != layout.last_part(work):
        return False
    try:
        return read_started(work).get("over") != there.commit
    except (FileNotFoundError, ValueError):
        return True


def _give_up(output: str, work: str) -> None:
    """Takes a work folder away, and parts of its run that are in the folder and not published.

    Whoever still works at that run can do nothing more when its work folder has another name; only
    then it is certain what is published.
    """
    digest = saved_digest(storage.join(work, layout.PLAN))
    if storage.is_local(work):
        work = fence_work(work)
        _delete_left(output, digest)  # while its plan says that they are ours
        remove_work(work)
    else:
        remove_work(work)
        _delete_left(output, digest)


def _delete_left(output: str, digest: str | None) -> None:
    if digest is not None:
        there = published(output)
        names = set(named_parts(there.manifest)) if there is not None else set()
        durable.delete(left_parts(output, digest, names))
