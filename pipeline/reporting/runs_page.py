"""`_runs.html`: the runs of a series over time, made of their manifests."""

from typing import Any

from pipeline import durable, layout, storage
from pipeline.errors import UsageError
from pipeline.output.published import readable_manifest
from pipeline.reporting.humanize import moment
from pipeline.reporting.page import render

MOST_LABELS = 8  # lines of a figure


def write_series(output: str) -> str:
    """Writes the page of all published runs below an output folder.

    Args:
        output: what the runs were given as `--output`.

    Returns:
        The page's path.

    Raises:
        UsageError: if no run is published there.
    """
    manifests = published_runs(output)
    if not manifests:
        raise UsageError(f"there is no finished run in {output}")
    path = storage.join(output, layout.RUNS_PAGE)
    durable.write_bytes(path, page(manifests).encode())
    return path


def published_runs(output: str) -> list[dict[str, Any]]:
    """The manifests of the published runs, of a plain one or of incremental ones, oldest first."""
    manifests = [readable_manifest(run.path) for run in layout.runs_in(output)]
    return sorted((one for one in manifests if one), key=lambda manifest: manifest["finished"])


def page(manifests: list[dict[str, Any]]) -> str:
    """The page, in HTML.

    Args:
        manifests: of published runs, oldest first.
    """
    from pipeline.reporting.charts import over_time

    runs = [_run(manifest) for manifest in manifests]
    times = [moment(run["finished"])[:16] for run in runs]
    totals: dict[str, int] = {}
    for run in runs:
        for label, rows in run["labels"].items():
            totals[label] = totals.get(label, 0) + rows
    frequent = sorted(totals, key=lambda label: -totals[label])[:MOST_LABELS]
    figures = {
        "rows": over_time(times, {"rows": [run["rows"] for run in runs]}, "rows", "rows"),
        "labels": over_time(
            times,
            {
                label: [
                    run["labels"].get(label, 0) / run["labelled"] if run["labelled"] else None
                    for run in runs
                ]
                for label in frequent
            },
            "labels",
            "share of the labels",
        ),
        "confidence": over_time(
            times,
            {"mean confidence": [run["confidence"] for run in runs]},
            "confidence",
            "mean confidence",
        ),
        "errors": over_time(
            times, {"in error": [run["error_share"] for run in runs]}, "errors", "share in error"
        ),
        "speed": over_time(
            times, {"speed": [run["rate"] for run in runs]}, "speed", "documents a second"
        ),
    }
    shares = {label: totals[label] / (sum(totals.values()) or 1) for label in frequent}
    return render("runs.html.j2", {"runs": runs, "figures": figures, "shares": shares})


def _run(manifest: dict[str, Any]) -> dict[str, Any]:
    stats, rows, labelled = manifest["stats"], manifest["rows"], manifest["labelled"]
    last = stats.get("sessions", {}).get(manifest["started"], 0)
    evaluation = manifest["evaluation"]
    return {
        "finished": manifest["finished"],
        "bundle": manifest["bundle"]["name"],
        "digest": manifest["bundle"]["digest"][:12],
        "rows": rows,
        "labelled": labelled,
        "in_error": manifest["in_error"],
        "error_share": manifest["in_error"] / rows if rows else None,
        "labels": stats.get("rows_by_label", {}),
        "confidence": sum(stats["score_sums"].values()) / labelled if labelled else None,
        "seconds": manifest["seconds"],
        "rate": last / manifest["seconds"] if manifest["seconds"] else None,
        "accuracy": evaluation["accuracy"] if evaluation else None,
        "drift": (manifest["drift"] or {}).get("moved", []),
    }
