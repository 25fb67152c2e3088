"""One run of one contender: its process, and what its output says."""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.contenders import Contender, Settings
from benchmarks.process import run_process

QUIET = {
    "KERAS_BACKEND": "tensorflow",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "",  # everybody on the processor
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_VERBOSITY": "error",
}


def measure(contender: Contender, settings: Settings) -> dict[str, Any]:
    """Runs a contender in a folder of its own, which is deleted afterwards.

    Returns:
        What `run_process` says; of us also what the manifest says.

    Raises:
        Failed: if it fails.
    """
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=settings.work))
    output = folder / "labels"
    # Its own cache, so that no run knows the fingerprints of the one before.
    environment = {**QUIET, "XDG_CACHE_HOME": str(folder / "cache")}
    is_ours = contender.program == "score"
    try:
        result = run_process(
            contender.command(settings, output), environment, output if is_ours else None
        )
        if is_ours:
            result |= of_manifest(json.loads((output / "_manifest.json").read_text()))
        return {"rows": contender.rows or contender.corpus.rows, **result}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def of_manifest(manifest: dict[str, Any]) -> dict[str, Any]:
    """What a run of ours says of itself: rows, engine, padding, accuracy and stages."""
    counts = manifest["stats"]["counts"]
    engine, precision, *_ = manifest["plan"]["settings"]["engine"]
    result = {
        "rows": manifest["rows"],
        "engine": engine,
        "precision": precision,
        "padding": counts["padded_tokens"] / max(counts["scored_tokens"], 1),
        "stages_ms": {key: value for key, value in counts.items() if key.endswith("_ms")},
    }
    if manifest.get("evaluation"):
        result["accuracy"] = manifest["evaluation"]["accuracy"]
    return result
