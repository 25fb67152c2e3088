"""`_report.html`: what came out of a run, for the person who asks in the morning.

The page is made of the manifest and nothing else, so it costs the same for 100 rows and for
100 million, and can be written again: `python -m pipeline.report --output DIR`.
"""

import argparse
from typing import Any

import numpy as np

from model.training.corpus_profile import TOKEN_EDGES
from pipeline import layout, storage
from pipeline.errors import UsageError
from pipeline.launcher.command import main
from pipeline.output import folder
from pipeline.quality.evaluation import FOREIGN
from pipeline.quality.example_rows import rows_of
from pipeline.quality.stats import CONFIDENCE_BINS, LENGTH_BINS, bin_counts
from pipeline.reporting import humanize
from pipeline.reporting.findings import of_the_cascade, remarks

MOST_ROWS = 50  # of a table in the page
MOST_MAPPED = 30  # labels in a heat map
STAGES = {
    "read_ms": "Reading the corpus",
    "tokenizer_load_ms": "Loading TensorFlow and the tokenizer",
    "tokenizer_ms": "Tokenizing",
    "model_load_ms": "Loading the model",
    "model_ms": "Running the model",
    "then_load_ms": "Loading the second model",
    "then_ms": "Running the second model, with its tokenizer",
}


def write_report(output: str, manifest: dict[str, Any]) -> None:
    """Writes the page beside the manifest."""
    storage.write_bytes(storage.join(output, layout.REPORT), page(manifest).encode())


def page(manifest: dict[str, Any]) -> str:
    """The page of a run.

    Args:
        manifest: of a published run.

    Returns:
        HTML that needs nothing from outside, with everything from the corpus escaped.
    """
    return render("report.html.j2", facts(manifest))


def render(template: str, values: dict[str, Any]) -> str:
    """Fills a template; whatever it is given is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # not every process reports

    environment = Environment(
        loader=PackageLoader("pipeline.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in ("count", "percent", "duration", "plural", "moment", "size"):
        environment.filters[name] = getattr(humanize, name)
    return environment.get_template(template).render(values)


def facts(manifest: dict[str, Any]) -> dict[str, Any]:
    """Everything that the page says, by the names that the template uses."""
    stats, bundle = manifest["stats"], manifest["bundle"]
    return {
        "manifest": manifest,
        "bundle": bundle,
        "remarks": remarks(manifest),
        "labels": _labels(stats, bundle["labels"]),
        "cascade": of_the_cascade(manifest),
        "confidence": _confidence(stats),
        "lengths": _lengths(stats, bundle),
        "evaluation": _evaluation(manifest, bundle["labels"]),
        "errors": _errors(stats),
        "sources": _sources(stats),
        "speed": _speed(manifest),
        "examples": _examples(stats, bundle["labels"]),
        "card": _card(bundle),
        "most": MOST_ROWS,
    }


def _labels(stats: dict[str, Any], labels: list[str]) -> dict[str, Any]:
    from pipeline.reporting.charts import bars

    counts = {label: stats.get("rows_by_label", {}).get(label, 0) for label in labels}
    ordered = dict(sorted(counts.items(), key=lambda pair: -pair[1]))
    total = sum(counts.values())
    rows = [
        {
            "name": label,
            "rows": rows,
            "share": rows / total if total else 0,
            "score": stats["score_sums"][label] / rows if rows else None,
        }
        for label, rows in ordered.items()
    ]
    return {"rows": rows, "total": total, "figure": bars(ordered, "labels") if total else None}


def _confidence(stats: dict[str, Any]) -> dict[str, Any] | None:
    from pipeline.reporting.charts import histogram

    by_label = [bin_counts(bins, CONFIDENCE_BINS) for bins in stats.get("confidence", {}).values()]
    if not by_label:
        return None
    counts = [int(number) for number in np.sum(by_label, axis=0)]
    total = sum(counts)
    step = CONFIDENCE_BINS // 5
    ticks = {float(n): f"{n / CONFIDENCE_BINS:.1f}" for n in range(0, CONFIDENCE_BINS + 1, step)}
    first = next(number for number, rows in enumerate(counts) if rows)
    return {
        "high": sum(counts[18:]) / total,
        "low": sum(counts[:10]) / total,
        "mean": sum(stats["score_sums"].values()) / total,
        "bins": [
            {"from": n / CONFIDENCE_BINS, "to": (n + 1) / CONFIDENCE_BINS, "rows": counts[n]}
            for n in range(first, CONFIDENCE_BINS)
        ],
        "figure": histogram(counts, ticks, "confidence", "confidence of the label"),
    }


def _lengths(stats: dict[str, Any], bundle: dict[str, Any]) -> dict[str, Any] | None:
    from pipeline.reporting.charts import histogram

    counts = bin_counts(stats.get("lengths", {}), LENGTH_BINS)
    total = sum(counts)
    if not total:
        return None
    trained = (bundle["profile"] or {}).get("tokens", {}).get("counts", [])
    other = trained if len(trained) == LENGTH_BINS else [0] * LENGTH_BINS
    used = [number for number in range(LENGTH_BINS) if counts[number] or other[number]]
    first, last = used[0], used[-1] + 1
    ticks = {
        float(n - first): f"{TOKEN_EDGES[n]:,}"
        for n in range(first, min(last + 1, LENGTH_BINS))
        if (n - first) % max(1, (last - first) // 8) == 0
    }
    measured = stats.get("counts", {})
    return {
        "rows": total,
        "mean": stats["length_sum"] / total,
        "truncated": stats["truncated"],
        "truncated_share": stats["truncated"] / total,
        "unknown_share": measured.get("unknown_tokens", 0) / max(measured.get("tokens", 0), 1),
        "has_training": bool(sum(other)),
        "bins": [
            {
                "from": TOKEN_EDGES[n],
                "to": TOKEN_EDGES[n + 1] - 1 if n + 1 < LENGTH_BINS else None,
                "rows": counts[n],
            }
            for n in range(first, last)
        ],
        "figure": histogram(
            counts[first:last],
            ticks,
            "lengths",
            "tokens in the text",
            other[first:last],
            "training corpus",
        ),
    }


def _evaluation(manifest: dict[str, Any], labels: list[str]) -> dict[str, Any] | None:
    from pipeline.reporting.charts import heat_map, reliability

    found = manifest["evaluation"]
    if not found:
        return None
    true = [*labels, FOREIGN] if found["foreign"] else labels
    cells = np.array([[found["matrix"][row][column] for column in labels] for row in true])
    confusions = sorted(
        (
            {"true": row, "given": column, "rows": rows}
            for row in true
            for column, rows in found["matrix"][row].items()
            if rows and row != column
        ),
        key=lambda pair: -pair["rows"],
    )
    bins = found["calibration"]
    gold = manifest["stats"]["gold"]
    return {
        **found,
        "column": manifest["plan"]["columns"]["gold"],
        "confusions": confusions,
        "true": true,
        "labels": labels,
        "surer": sum(part["rows"] * (part["score"] - part["accuracy"]) for part in bins) > 0,
        "heat_map": heat_map(true, labels, cells, "matrix") if len(labels) <= MOST_MAPPED else None,
        "reliability": reliability(
            [part["score"] for part in bins],
            [part["accuracy"] for part in bins],
            [part["rows"] for part in bins],
            "reliability",
        ),
        "mistakes": rows_of(gold["mistakes"]),
        "foreign_examples": rows_of(gold["foreign_examples"]),
    }


def _errors(stats: dict[str, Any]) -> list[dict[str, Any]]:
    examples = stats.get("examples", {}).get("errors", {})
    return [
        {
            "code": code,
            "rows": rows,
            "meaning": humanize.REASONS.get(code, ""),
            "examples": rows_of(examples.get(code, [])),
        }
        for code, rows in sorted(stats.get("errors", {}).items(), key=lambda pair: -pair[1])
    ]


def _sources(stats: dict[str, Any]) -> list[dict[str, Any]]:
    found = [{"path": path, **counts} for path, counts in stats.get("sources", {}).items()]
    return sorted(found, key=lambda source: (-source["errors"], -source["rows"], source["path"]))


def _speed(manifest: dict[str, Any]) -> dict[str, Any]:
    stats = manifest["stats"]
    counts, sessions = stats.get("counts", {}), stats.get("sessions", {})
    last = sessions.get(manifest["started"], 0) if sessions else manifest["rows"]
    total = sum(counts.get(key, 0) for key in STAGES)
    padded, scored = counts.get("padded_tokens", 0), counts.get("scored_tokens", 0)
    return {
        "sessions": len({*sessions, manifest["started"]}),
        "rows": last,
        "rate": last / manifest["seconds"] if manifest["seconds"] else None,
        "stages": [
            {
                "name": name,
                "seconds": counts[key] / 1000,
                "share": counts[key] / total if total else 0,
                "rate": (counts["then_rows"] if key == "then_ms" else manifest["rows"])
                / counts[key]
                * 1000
                if counts[key] and "load" not in key
                else None,
            }
            for key, name in STAGES.items()
            if key in counts
        ],
        "tokens": counts.get("tokens", 0),
        "repeated": max(manifest["labelled"] - counts.get("scored_rows", 0), 0),
        "batches": counts.get("batches", 0),
        "batch_rows": counts["scored_rows"] / counts["batches"] if counts.get("batches") else 0,
        "padding": 1 - scored / padded if padded else 0,
    }


def _examples(stats: dict[str, Any], labels: list[str]) -> list[dict[str, Any]]:
    found = stats.get("examples", {})
    return [
        {
            "label": label,
            "confident": rows_of(found["confident"][label]),
            "unsure": rows_of(found["unsure"][label]),
        }
        for label in labels
        if label in found.get("confident", {})
    ]


def _card(bundle: dict[str, Any]) -> dict[str, Any]:
    """Names and values of all that is a single value in what the bundle tells of itself."""
    return {
        title: {
            name.replace("_", " "): f"{value:,.4g}" if isinstance(value, float) else value
            for name, value in bundle[key].items()
            if isinstance(value, str | int | float)
        }
        for title, key in (
            ("How it was trained", "training"),
            ("Network", "model"),
            ("Tokenizer", "tokenizer"),
            ("Made with", "versions"),
        )
    } | {
        "measured": [
            {"part": part, **values}
            for part, values in bundle["metrics"].items()
            if isinstance(values, dict) and "accuracy" in values and "rows" in values
        ]
    }


def write_again(argv: list[str]) -> int:
    """Writes the report of a published run once more."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.report", description=__doc__)
    parser.add_argument("--output", metavar="DIR", required=True, help="the folder of the run")
    parser.add_argument("--verbose", action="store_true", help="show tracebacks")
    options = parser.parse_args(argv)
    manifest = folder.published_manifest(options.output)
    if manifest is None:
        raise UsageError(f"there is no finished run in {options.output}")
    write_report(options.output, manifest)
    print(f"the report lies in {storage.join(options.output, layout.REPORT)}")
    return 0


if __name__ == "__main__":
    main(write_again)
