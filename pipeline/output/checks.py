"""What must hold of a run before it is published; whatever doesn't, its work is kept."""

from typing import Any

from pipeline import durable, storage
from pipeline.corpus.documents import LEFT_OUT
from pipeline.corpus.planning.plan import Plan
from pipeline.errors import BadFileError, NewsbeamError, TooManyErrorsError
from pipeline.output.checkpoints import find_checkpoints
from pipeline.quality.stats import Stats


def complete_files(plan: Plan, work: str) -> list[storage.FileInfo]:
    """The checkpoints in the corpus' order.

    Raises:
        NewsbeamError: if a work item is not finished; the same command continues it.
    """
    files, missing = find_checkpoints(plan, work)
    if missing:
        raise NewsbeamError(
            f"{len(missing)} of {len(plan.items)} work items are not finished, "
            f"the first of them number {missing[0]}; run the same command again"
        )
    return files


def check_bad_files(bad_files: dict[str, list[str]], work: str) -> None:
    """Refuses what an earlier try with `--on_bad_file skip` has passed over, where this may not.

    Their ends are deleted, so that the same command tries them again.

    Raises:
        BadFileError: for the first of them.
    """
    if not bad_files:
        return
    durable.delete([storage.join(work, name) for _, name in bad_files.values()])
    source, (reason, _) = min(bad_files.items())
    raise BadFileError(source, reason)


def check_counts(merged: dict[str, Any], planned: int | None) -> None:
    """Compares the rows read with the rows in the files, and with those that were planned.

    Args:
        merged: what the checkpoints say together.
        planned: how many rows there should be, if that is known.

    Raises:
        NewsbeamError: if they don't add up.
    """
    read, written = merged["stats"].get("rows", 0), merged["rows"]
    if read != written or (planned is not None and planned != read and not merged["bad_files"]):
        raise NewsbeamError(
            f"the rows don't add up: {planned or 'an unknown number'} planned, {read} read, "
            f"{written} written; nothing was published"
        )


def check_error_rate(stats: Stats, most: float | None) -> None:
    """Holds the share of rows in error against its bound; rows left out on purpose are none.

    Raises:
        TooManyErrorsError: if it is larger; the message counts the reasons.
    """
    codes = {code: rows for code, rows in stats.get("errors", {}).items() if code not in LEFT_OUT}
    rows, errors = stats.get("rows", 0), sum(codes.values())
    if most is not None and rows and errors / rows > most:
        reasons = ", ".join(f"{code} {count:,}" for code, count in sorted(codes.items()))
        raise TooManyErrorsError(
            f"{errors:,} of {rows:,} rows are in error ({errors / rows:.2%}, --max_error_rate "
            f"allows {most:.2%}): {reasons}; nothing was published, the finished work is kept"
        )
