"""The output folder: whose it is, and what a run may do there. What lies in it: `layout.py`."""

from typing import Any

from pipeline import layout, storage
from pipeline.corpus.plan import Plan, load_plan, save_plan
from pipeline.corpus.same_run import continued, is_same, request, unfinished
from pipeline.errors import UsageError
from pipeline.output.manifest import now
from pipeline.worker.failures import forget_failures
from pipeline.worker.watchdog import forget_workers

SHOWN_DIFFERENCES = 3


def work_folder(output: str, plan: Plan) -> str:
    """Where a plan's work lies until it is published."""
    return storage.join(output, layout.work_name(plan.digest))


def enter(
    output: str, plan: Plan, model: str, overwrite: bool, notes: dict[str, Any] | None = None
) -> bool:
    """Makes the folder ready for a run, which continues what an earlier one has begun.

    The order matters, since we may die between any two steps: our plan is saved first, then
    `_SUCCESS` goes, then other runs' work. The old parts stay until new ones are to be written.

    Args:
        output: the folder, held by us.
        plan: what is to be done.
        model: the bundle's path.
        overwrite: whether another run's results may go.
        notes: what else the manifest is to say.

    Returns:
        False if the same run is published already; nothing is to be done.

    Raises:
        UsageError: if the folder holds another run, or something else.
    """
    published = published_manifest(output)
    if published is not None and is_same(published["plan"], plan) and not overwrite:
        clean_up(output)
        return False
    work = work_folder(output, plan)
    works = work_folders(output)
    if layout.holds_series(output):
        raise UsageError(f"{output} holds incremental runs; use --incremental or another --output")
    resumes = layout.last_part(work) in map(layout.last_part, works) and published is None
    if not overwrite and not resumes:
        _refuse(output, plan, published, works)
    if not resumes:
        _delete_work(work)  # what an overwritten run of the same plan has left
    forget_failures(work)
    forget_workers(work)
    storage.delete([file.path for file in storage.files_in(work) if _is_temporary(file)])
    save_plan(plan, storage.join(work, layout.PLAN))
    load_plan.cache_clear()  # this process may hold it as it was saved before
    started = {"time": now(), "model": model, **(notes or {})}
    storage.write_json(storage.join(work, layout.STARTED), started)
    storage.delete([storage.join(output, layout.SUCCESS)])
    clean_up(output, keep=work)
    return True


def saved_plan(output: str, plan: Plan) -> Plan:
    """The plan by which to go on: that of unfinished work for the same request, else the new one.

    Args:
        output: the folder, held by us.
        plan: what this command would do in an empty folder.
    """
    if storage.exists(storage.join(output, layout.SUCCESS)):
        return plan
    for work in work_folders(output):
        try:
            saved = load_plan(storage.join(work, layout.PLAN))
        except (OSError, ValueError, KeyError, TypeError):
            continue
        going_on = continued(saved, plan)
        if going_on is not None and layout.work_name(going_on.digest) == layout.last_part(work):
            return going_on
    return plan


def published_manifest(output: str) -> dict[str, Any] | None:
    """The manifest of the run that is published in the folder, if one is."""
    if not storage.exists(storage.join(output, layout.SUCCESS)):
        return None
    try:
        return storage.read_json(storage.join(output, layout.MANIFEST))
    except (OSError, ValueError):
        return None


def work_folders(output: str) -> list[str]:
    """The folders of runs that are not published yet: those that have a plan."""
    plans = storage.match_below(output, f"{layout.WORK_PREFIX}*/{layout.PLAN}")
    return [path.removesuffix(f"/{layout.PLAN}") for path in plans]


def clean_up(output: str, keep: str | None = None) -> None:
    """Deletes what dead runs have left: temporary files, and work folders other than `keep`."""
    storage.delete([file.path for file in storage.files_in(output) if _is_temporary(file)])
    for name in storage.folders_in(output):
        if name.startswith(layout.WORK_PREFIX) and (keep is None or name != layout.last_part(keep)):
            _delete_work(storage.join(output, name))


def _delete_work(work: str) -> None:
    storage.delete([storage.join(work, layout.PLAN)])  # first: without it, the rest is nobody's
    storage.delete_folder(work)


def _is_temporary(file: storage.FileInfo) -> bool:
    return file.name.startswith(storage.TEMPORARY)


def _refuse(output: str, plan: Plan, published: dict[str, Any] | None, works: list[str]) -> None:
    way_out = "use another --output, or --overwrite"
    asked = plan.identity()
    if published is not None:
        told = differences(request(published["plan"], asked), request(asked, asked))
        raise UsageError(f"{output} holds another run ({told}); {way_out}")
    if works:
        try:
            saved = load_plan(storage.join(works[0], layout.PLAN)).identity()
            told = differences(unfinished(saved, asked), unfinished(asked, asked))
        except (OSError, ValueError, KeyError, TypeError):
            told = "its plan cannot be read: another version's, perhaps"
        raise UsageError(f"{output} holds the unfinished work of another run ({told}); {way_out}")
    strange = strange_things(output)
    if strange:
        raise UsageError(f"{output} holds something else ({strange[0]}); {way_out}")


def strange_things(output: str) -> list[str]:
    """Names in the folder that are neither ours to delete nor the claim."""
    ours = (layout.LOCK, layout.RUNS_PAGE)
    files = [f.name for f in storage.files_in(output) if f.name not in ours]
    files = [name for name in files if not name.startswith(storage.TEMPORARY)]
    folders = storage.folders_in(output)
    return files + [name for name in folders if not name.startswith(layout.WORK_PREFIX)]


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
