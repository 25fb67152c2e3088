"""Sections of the report that count: labels, errors, sources, time, examples; the bundle's card.

Each function takes what the manifest says and gives what its template shows.
"""

from typing import Any

from pipeline.quality.example_rows import rows_of
from pipeline.reporting import humanize

COUNTED = (
    *("parameters", "trainable_parameters", "rows", "teacher_rows", "validation_rows"),
    "conformal_rows",
)
STAGES = {
    "read_ms": "Reading the corpus",
    "tokenizer_load_ms": "Loading TensorFlow and the tokenizer",
    "tokenizer_ms": "Tokenizing",
    "model_load_ms": "Loading the model",
    "model_ms": "Running the model",
    "then_load_ms": "Loading the second model",
    "then_ms": "Running the second model, with its tokenizer",
}


def labels(stats: dict[str, Any], labels: list[str]) -> dict[str, Any]:
    """How many rows got each label, the most frequent first."""
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


def label_sets(manifest: dict[str, Any]) -> dict[str, Any] | None:
    """How many labels the rows' sets have; None of a run without sets."""
    found = manifest.get("label_sets")
    if found is None:
        return None
    total = sum(found["sizes"].values())
    return {
        **found,
        "rows": [
            {"labels": int(size), "rows": rows, "share": rows / total}
            for size, rows in found["sizes"].items()
        ],
    }


def errors(stats: dict[str, Any]) -> list[dict[str, Any]]:
    """How many rows are in error by reason, with examples."""
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


def sources(stats: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows by file, those with the most errors first."""
    files = [{"path": path, **counts} for path, counts in stats.get("sources", {}).items()]
    return sorted(files, key=lambda source: (-source["errors"], -source["rows"], source["path"]))


def speed(manifest: dict[str, Any]) -> dict[str, Any]:
    """Where the time went."""
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


def examples(stats: dict[str, Any], labels: list[str]) -> list[dict[str, Any]]:
    """Rows to read, by label."""
    rows = stats.get("examples", {})
    return [
        {
            "label": label,
            "confident": rows_of(rows["confident"][label]),
            "unsure": rows_of(rows["unsure"][label]),
        }
        for label in labels
        if label in rows.get("confident", {})
    ]


def card(bundle: dict[str, Any]) -> dict[str, Any]:
    """Names and values of all that is a single value in what the bundle says of itself."""
    return {
        title: {
            name.replace("_", " "): _shown(name, value)
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
        ],
        "layers": bundle["training"].get("layers", []),
    }


def _shown(name: str, value: str | int | float) -> str | int | float:
    if isinstance(value, float):
        return f"{value:,.4g}"
    return f"{value:,}" if name in COUNTED else value
