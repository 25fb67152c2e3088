"""The output folder: what lies in it, whose it is, and what a run may do there.

DIR/_SUCCESS           the commit
DIR/_manifest.json     what the published run is
DIR/part-*.parquet     its rows
DIR/_work-<plan>/      finished files of a run that is not published yet, and its plan
"""

from typing import Any

from pipeline import storage
from pipeline.claim import NAME as CLAIM
from pipeline.errors import UsageError
from pipeline.manifest import MANIFEST, SUCCESS, now
from pipeline.plan import Plan, load_plan, save_plan

WORK = "_work-"
PLAN = "plan.json"
SHOWN_DIFFERENCES = 3


def work_folder(output: str, plan: Plan) -> str:
    """Where a plan's work lies until it is published."""
    return storage.join(output, f"{WORK}{plan.digest[:12]}")


def enter(output: str, plan: Plan, model: str, overwrite: bool) -> bool:
    """Makes the folder ready for a run, which continues what an earlier one has begun.

    Args:
        output: the folder, held by us.
        plan: what is to be done.
        model: the bundle's path.
        overwrite: whether another run's results may go.

    Returns:
        False if this very plan is published already; nothing is to be done.

    Raises:
        UsageError: if the folder holds another run, or something else.
    """
    work = work_folder(output, plan)
    published = published_manifest(output)
    works = work_folders(output)
    resumes = work in works and published is None
    if published is not None and published["plan"]["digest"] == plan.digest and not overwrite:
        _clear(works)
        return False
    if not overwrite and not resumes:
        _refuse(output, plan, published, works)
    if not resumes:
        storage.delete_folder(work)  # what an overwritten run of the same plan has left
    for file in storage.files_in(work):
        if file.name.startswith((storage.TEMPORARY, "failed-", "worker-")):
            storage.delete([file.path])
    save_plan(plan, storage.join(work, PLAN))
    storage.write_json(storage.join(work, "started.json"), {"time": now(), "model": model})
    storage.delete([storage.join(output, SUCCESS)])
    _clear([other for other in works if other != work])
    return True


def published_manifest(output: str) -> dict[str, Any] | None:
    """The manifest of the run that is published in the folder, if one is."""
    if not storage.exists(storage.join(output, SUCCESS)):
        return None
    try:
        return storage.read_json(storage.join(output, MANIFEST))
    except (OSError, ValueError):
        return None


def work_folders(output: str) -> list[str]:
    """The folders of runs that are not published yet: those that have a plan."""
    plans = storage.match_below(output, f"{WORK}*/{PLAN}")
    return [path.removesuffix(f"/{PLAN}") for path in plans]


def _clear(works: list[str]) -> None:
    for work in works:
        storage.delete([storage.join(work, PLAN)])  # first: without it, the rest is nobody's
        storage.delete_folder(work)


def _refuse(output: str, plan: Plan, published: dict[str, Any] | None, works: list[str]) -> None:
    way_out = "use another --output, or --overwrite"
    if published is not None:
        told = differences(published["plan"], plan.identity())
        raise UsageError(f"{output} holds another run ({told}); {way_out}")
    if works:
        told = differences(load_plan(storage.join(works[0], PLAN)).identity(), plan.identity())
        raise UsageError(f"{output} holds the unfinished work of another run ({told}); {way_out}")
    strange = [file.name for file in storage.files_in(output) if file.name != CLAIM]
    strange += storage.folders_in(output)
    if strange:
        raise UsageError(f"{output} holds something else ({strange[0]}); {way_out}")


def differences(one: dict[str, Any], other: dict[str, Any]) -> str:
    """Says in a few words how two plans' identities differ."""
    found = []
    for group in ("settings", "columns", "reading"):
        for key in {**one[group], **other[group]}:
            before, after = one[group].get(key), other[group].get(key)
            if before != after:
                found.append(f"{key}: {_short(before)} there, {_short(after)} now")
    before, after = dict(one["sources"]), dict(other["sources"])
    changed = [path for path in before if path in after and before[path] != after[path]]
    for paths, what in (
        ([path for path in before if path not in after], "no longer an input"),
        ([path for path in after if path not in before], "a new input"),
        (changed, "changed"),
    ):
        if paths:
            more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
            found.append(f"{paths[0]}{more}: {what}")
    if not found:
        return "its inputs stand in another order"
    rest = len(found) - SHOWN_DIFFERENCES
    return "; ".join(found[:SHOWN_DIFFERENCES]) + (f"; and {rest} more" if rest > 0 else "")


def _short(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 40 else text[:12] + "…"
