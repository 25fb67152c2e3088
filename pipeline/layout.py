"""The output folder's layout: every name in it, and the one walk over its runs.

DIR/part-*.parquet, _manifest.json, _report.html, _SUCCESS   a published run; `_SUCCESS` last
DIR/_claim                                                   the lock of whoever works on DIR
DIR/_work-<plan>/                                            a run that is not published yet:
    plan.json, plan-00001.json ...                           its plan, cut by the thousand inputs
    started.json, notes.json, merged.json                    notes on the way
    counts.json                                              rows of the pieces of large files
    threshold.json                                           a cascade's, if it is to keep a promise
    000012-000003.parquet, 000012-000004.end.parquet         its checkpoints
    failed-*.json, worker-*                                  what its workers report
    part-*.parquet, swap-*/swap.json                         what is about to be published
DIR/bundle=<digest>/run=<time>/                              a run of an incremental series
DIR/bundle=<digest>/_dropped.json                            inputs that were taken out of a table
DIR/_fingerprints.json, _runs.html                           of the series as a whole

Names on disk are a contract: folders that earlier versions wrote are read by these very names.
"""

import re
from typing import NamedTuple

from pipeline import durable, storage

SUCCESS = "_SUCCESS"
MANIFEST = "_manifest.json"
REPORT = "_report.html"
PART_PREFIX = "part-"
LOCK = "_claim"
FINGERPRINTS = "_fingerprints.json"
RUNS_PAGE = "_runs.html"
DROPPED = "_dropped.json"

WORK_PREFIX = "_work-"
PLAN = "plan.json"
STARTED = "started.json"
LAUNCH_CONTEXT = "notes.json"
MERGED = "merged.json"
COUNTS = "counts.json"
THRESHOLD = "threshold.json"
SWAP_PREFIX = "swap-"
SWAP_RECORD = "swap.json"
ENDED_PREFIX = "ended-"
GONE = "-gone-"
FAILURE_PREFIX = "failed-"
WORKER_PREFIX = "worker-"

SERIES_PREFIX = "bundle="
RUN_PREFIX = "run="
DIGEST_CHARACTERS = 12  # of a plan or a bundle, in the name of a folder

_PART = re.compile(r"part-\d{5,}-of-\d{5,}\.parquet")
_WORK = re.compile(r"_work-([0-9a-f]{12})(-gone-[0-9a-f]{32})?")
_TEMPORARY = re.compile(re.escape(durable.TEMPORARY) + r"[0-9a-f]{32}")
_CHECKPOINT = re.compile(r"(\d{6,})-(\d{6,})(\.end)?\.parquet")


class RunFolder(NamedTuple):
    """Where a run lies.

    Attributes:
        path: its folder.
        run: the time in its name; `-` for the output folder itself.
        bundle: the short digest in its series' name; None for the output folder itself.
    """

    path: str
    run: str = "-"
    bundle: str | None = None


def part_name(number: int, total: int) -> str:
    """The name of a published file."""
    return f"{PART_PREFIX}{number:05d}-of-{total:05d}.parquet"


def is_part(name: str) -> bool:
    """Whether a name is one that `part_name` gives."""
    return _PART.fullmatch(name) is not None


def is_temporary(name: str) -> bool:
    """Whether a name is that of a file which was being written."""
    return _TEMPORARY.fullmatch(name) is not None


def parse_work(name: str) -> tuple[str, bool] | None:
    """The plan's short digest, and whether the folder is being deleted; None for another name."""
    match = _WORK.fullmatch(name)
    return (match[1], match[2] is not None) if match else None


def gone_name(work: str, attempt: str) -> str:
    """The name of a work folder that is being deleted."""
    return f"{work}{GONE}{attempt}"


def work_name(plan_digest: str) -> str:
    """The name of the folder in which a plan's work lies until it is published."""
    return WORK_PREFIX + plan_digest[:DIGEST_CHARACTERS]


def checkpoint_name(item: int, table: int, is_last: bool) -> str:
    """The name of the checkpoint of one Table; `.end` says that nothing of the item follows."""
    return f"{item:06d}-{table:06d}{'.end' if is_last else ''}.parquet"


def checkpoints_of(item: int) -> str:
    """The pattern that an item's checkpoints fit."""
    return f"{item:06d}-*.parquet"


def parse_checkpoint(name: str) -> tuple[int, int, bool] | None:
    """Item, Table, and whether the item ends there; None for a file that is no checkpoint."""
    match = _CHECKPOINT.fullmatch(name)
    return (int(match[1]), int(match[2]), match[3] is not None) if match else None


def series_name(bundle_digest: str) -> str:
    """The name of the folder of a bundle's runs."""
    return SERIES_PREFIX + bundle_digest[:DIGEST_CHARACTERS]


def holds_series(output: str) -> bool:
    """Whether incremental runs lie below an output folder."""
    return any(name.startswith(SERIES_PREFIX) for name in storage.folders_in(output))


def runs_of(series: str) -> list[RunFolder]:
    """The runs of one series, given its folder, from the oldest to the latest."""
    bundle = last_part(series).removeprefix(SERIES_PREFIX)
    return [
        RunFolder(storage.join(series, name), name.removeprefix(RUN_PREFIX), bundle)
        for name in storage.folders_in(series)
        if name.startswith(RUN_PREFIX)
    ]


def runs_in(output: str) -> list[RunFolder]:
    """Every folder that may hold a run: the output folder itself, then its series' by time."""
    series = [name for name in storage.folders_in(output) if name.startswith(SERIES_PREFIX)]
    runs = [run for name in series for run in runs_of(storage.join(output, name))]
    return [RunFolder(output), *sorted(runs, key=lambda run: (run.run, run.bundle))]


def series_of(run_folder: str) -> str | None:
    """The folder of the series that a run's folder lies in; None for a plain run's."""
    series, _, name = run_folder.rstrip("/").rpartition("/")
    return series if series and name.startswith(RUN_PREFIX) else None


def last_part(path: str) -> str:
    """The last part of a path."""
    return path.rstrip("/").rpartition("/")[2]
