"""`_manifest.json`: what a published run is, what it was made of and what came out."""

import datetime
from typing import Any

from pipeline.plan import Plan

MANIFEST = "_manifest.json"
SUCCESS = "_SUCCESS"
FORMAT = 1


def now() -> str:
    """The time, ISO 8601 in UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def manifest_of(
    plan: Plan, found: dict[str, Any], parts: list[dict[str, Any]], started: dict[str, Any]
) -> dict[str, Any]:
    """Puts the manifest together.

    Args:
        plan: what was to be done.
        found: merged `stats`, `bad_files` (source and reason) and `rows`.
        parts: `name`, `rows` and `bytes` of each published file.
        started: what the launcher noted: `time`, `model`, and whatever else.

    Returns:
        JSON values.
    """
    finished = now()
    seconds = (
        datetime.datetime.fromisoformat(finished) - datetime.datetime.fromisoformat(started["time"])
    ).total_seconds()
    stats = found["stats"]
    rows, labelled = stats.get("rows", 0), stats.get("labelled", 0)
    bad = [*plan.skipped, *found["bad_files"].items()]
    return {
        "format": FORMAT,
        "started": started["time"],
        "finished": finished,
        "seconds": seconds,
        "model": started["model"],
        "plan": {"digest": plan.digest, **plan.identity()},
        **{key: started[key] for key in ("series", "replaces") if key in started},
        "rows": rows,
        "labelled": labelled,
        "in_error": rows - labelled,
        "bad_files": [{"path": path, "reason": reason} for path, reason in bad],
        "parts": parts,
        "stats": stats,
    }
