"""What an output folder may hold for a run to begin there, and what is said of it if not."""

from pipeline import layout, storage
from pipeline.corpus.planning.plan import Plan
from pipeline.corpus.planning.same_run import is_same, request, unfinished
from pipeline.corpus.planning.saved_plan import load_plan, saved_digest
from pipeline.errors import UsageError
from pipeline.folders.differences import differences
from pipeline.output.parts import plan_of_part
from pipeline.output.published import Published, named_parts, published
from pipeline.output.work import is_link, work_folder, work_folders


def refuse_series(output: str) -> None:
    """Refuses a folder of incremental runs.

    Raises:
        UsageError: if it is one.
    """
    if layout.holds_series(output):
        raise UsageError(f"{output} holds incremental runs; use --incremental or another --output")


def has_work(output: str, plan: Plan, overwrite: bool, is_finished: bool = False) -> bool:
    """Looks whether a run has anything to do in a folder, and writes nothing.

    Args:
        output: the folder.
        plan: what is to be done.
        overwrite: whether another run's results may go.
        is_finished: whether this very run has just been finished.

    Returns:
        False if the same run is published already.

    Raises:
        UsageError: if the folder holds another run, or something else.
    """
    there = published(output)
    is_same_run = there is not None and is_same(there.manifest["plan"], plan)
    if is_same_run and (not overwrite or is_finished):
        return False
    works = work_folders(output)
    _refuse_unexpected(output, there, works)
    if not overwrite:
        _refuse_other_runs(output, plan, there, works)
    if is_link(work_folder(output, plan)):
        raise UsageError(f"{work_folder(output, plan)} is a symbolic link; use another --output")
    return True


def unexpected_names(output: str) -> list[str]:
    """Names in the folder that are neither ours to delete nor the lock."""
    files = [file.name for file in unexpected_files(output, None)]
    folders = storage.folders_in(output)
    return files + [name for name in folders if layout.parse_work(name) is None]


def unexpected_files(output: str, there: Published | None) -> list[storage.FileInfo]:
    """The files that neither the lock nor the manifest accounts for."""
    ours = {layout.LOCK, layout.RUNS_PAGE}
    if there is not None:
        names = (layout.MANIFEST, layout.SUCCESS, layout.REPORT)
        ours |= {*names, *named_parts(there.manifest)}
    files = [file for file in storage.files_in(output) if file.name not in ours]
    return [file for file in files if not layout.is_temporary(file.name)]


def _refuse_unexpected(output: str, there: Published | None, works: list[str]) -> None:
    """Refuses somebody else's files under names that a run needs, or that readers look for.

    Version 0.1 left parts and page behind when it died while publishing; those may be replaced.
    """
    digests = {saved_digest(storage.join(work, layout.PLAN)) for work in works}
    for file in unexpected_files(output, there):
        name = file.name
        if name.startswith(layout.PART_PREFIX):
            is_unexpected = not layout.is_part(name) or plan_of_part(file.path) not in digests
        else:
            is_unexpected = name in (layout.MANIFEST, layout.SUCCESS, layout.REPORT) and not works
        if is_unexpected:
            raise UsageError(f"{output} holds something else ({name}); use another --output")


def _refuse_other_runs(output: str, plan: Plan, there: Published | None, works: list[str]) -> None:
    way_out = "use another --output, or --overwrite"
    asked = plan.identity()
    if there is not None:
        what = differences(request(there.manifest["plan"], asked), request(asked, asked))
        raise UsageError(f"{output} holds another run ({what}); {way_out}")
    if work_folder(output, plan) in works:
        return
    if works:
        try:
            saved = load_plan(storage.join(works[0], layout.PLAN)).identity()
            what = differences(unfinished(saved, asked), unfinished(asked, asked))
        except (OSError, ValueError, KeyError, TypeError):
            what = "its plan cannot be read: another version's, perhaps"
        raise UsageError(f"{output} holds the unfinished work of another run ({what}); {way_out}")
    unexpected = unexpected_names(output)
    if unexpected:
        raise UsageError(f"{output} holds something else ({unexpected[0]}); {way_out}")


def check_root(root: str) -> None:
    """Refuses an output folder that holds something else than series.

    Raises:
        UsageError: if it does.
    """
    names = [name for name in unexpected_names(root) if name != layout.FINGERPRINTS]
    unexpected = [name for name in names if not name.startswith(layout.SERIES_PREFIX)] + [
        storage.local_path(path) for path in work_folders(root)
    ]
    if unexpected:
        raise UsageError(
            f"{root} holds something else than incremental runs ({unexpected[0]}); "
            f"use another --output"
        )
