"""`_manifest.json`: what a published run is, what it was made of and what came out."""

import datetime
from collections.abc import Callable
from typing import Any

from pipeline.corpus.planning.plan import Plan
from pipeline.quality.drift import drift
from pipeline.quality.evaluation import coverage_facts, evaluate
from pipeline.quality.stats import of_no_rows

FORMAT = 1


def now() -> str:
    """The time, ISO 8601 in UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def manifest_of(
    plan: Plan,
    merged: dict[str, Any],
    parts: list[dict[str, Any]],
    started: dict[str, Any],
    notes: dict[str, Any],
) -> dict[str, Any]:
    """Puts the manifest together.

    Args:
        plan: what was to be done.
        merged: merged `stats`, `bad_files` (source and reason) and `rows`.
        parts: `name`, `rows` and `bytes` of each published file.
        started: what the launcher noted: `time`, `model`, and whatever else.
        notes: the `bundle`'s card, the `previous` run of a series or None, and of a cascade `then`:
            the second bundle's path (`model`) and card, and the two models' `names`; of one that
            keeps a promise `threshold`: what was chosen, and by what sample; with label sets
            `label_sets`: what they are made by.

    Returns:
        JSON values.
    """
    finished = now()
    seconds = (
        datetime.datetime.fromisoformat(finished) - datetime.datetime.fromisoformat(started["time"])
    ).total_seconds()
    stats, bundle = {**of_no_rows(), **merged["stats"]}, notes["bundle"]
    rows, labelled = stats.get("rows", 0), stats.get("labelled", 0)
    bad = [*plan.skipped, *merged["bad_files"].items()]
    problems: list[str] = []
    gold = stats.get("gold")
    return {
        "format": FORMAT,
        "started": started["time"],
        "finished": finished,
        "seconds": seconds,
        "model": started["model"],
        "bundle": bundle,
        **{key: notes[key] for key in ("then", "threshold") if key in notes},
        **(
            {"label_sets": coverage_facts(notes["label_sets"], stats)}
            if "label_sets" in notes
            else {}
        ),
        "plan": {"digest": plan.digest, **plan.identity()},
        **{key: started[key] for key in ("series", "replaces", "table") if key in started},
        "rows": rows,
        "labelled": labelled,
        "in_error": rows - labelled,
        "bad_files": [{"path": path, "reason": reason} for path, reason in bad],
        "parts": parts,
        "metrics": metrics_of(stats),
        "evaluation": gold
        and guarded("evaluation", problems, lambda: evaluate(gold, bundle["labels"])),
        "drift": guarded(
            "drift", problems, lambda: drift(stats, bundle["profile"], notes["previous"])
        ),
        "problems": problems,
        "stats": stats,
    }


def metrics_of(stats: dict[str, Any]) -> dict[str, float]:
    """The sums, under the names that Beam's own counters and distributions have."""
    counts = {key: round(value, 1) for key, value in stats.get("counts", {}).items()}
    by_code = {f"rows_in_error_{code}": rows for code, rows in stats.get("errors", {}).items()}
    return {
        "rows_labelled": stats.get("labelled", 0),
        "rows_in_error": stats.get("rows", 0) - stats.get("labelled", 0),
        **by_code,
        "rows_truncated": stats.get("truncated", 0),
        **counts,
    }


def guarded(what: str, problems: list[str], work: Callable[[], Any]) -> Any:
    """Runs what reports a run but is no part of it: labels are not lost because that fails.

    Args:
        what: its name.
        problems: where one line is added if it fails.
        work: does it.

    Returns:
        What `work` returns; None if it fails.
    """
    try:
        return work()
    except Exception as error:
        first = str(error).strip().split("\n")[0]
        problems.append(f"the {what} failed: {type(error).__name__}: {first}")
        return None
