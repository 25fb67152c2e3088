"""What was measured, kept: `results.json` holds one session for each call of the command.

Contenders are only ever compared within one session, where they took turns. A row of the table is
taken from the latest session that measured all it needs, so parts can be run one by one.
"""

import datetime
import json
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

from benchmarks.process import ROOT
from benchmarks.rows import Row, figures
from model.engines.processor import no_bfloat16

PACKAGES = ("tensorflow", "keras", "openvino", "torch", "transformers", "apache-beam", "pyarrow")

Session = dict[str, Any]


def new_session(settings: dict[str, Any]) -> Session:
    """An empty session: when, where and how."""
    return {
        "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "commit": _commit(),
        "settings": settings,
        "skipped": {},
        "runs": [],
    }


def machine() -> dict[str, Any]:
    """The processor, its cores, memory, and the versions of what runs on it."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9),
        "bfloat16_units": no_bfloat16() is None,
        "python": platform.python_version(),
        "versions": versions,
    }


def load(file: Path) -> list[Session]:
    """The sessions so far."""
    return json.loads(file.read_text())["sessions"] if file.is_file() else []


def save(file: Path, sessions: list[Session]) -> None:
    """Writes the sessions beside their place and renames them into it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f".{file.name}.tmp")
    beside.write_text(json.dumps({"sessions": sessions}, indent=1) + "\n")
    beside.replace(file)


def latest(row: Row, sessions: list[Session]) -> tuple[Session, list[float]] | None:
    """The latest session that has figures for a row, and these, a figure a round."""
    for session in reversed(sessions):
        found = figures(row, session["runs"])
        if found:
            return session, found
    return None


def why_not(row: Row, sessions: list[Session]) -> str:
    """Why a row has no figure."""
    for session in reversed(sessions):
        for name in row.needs:
            if name in session["skipped"]:
                return f"skipped: {session['skipped'][name]}"
            errors = [r["error"] for r in session["runs"] if r["contender"] == name if "error" in r]
            if errors:
                return f"failed: {name}: {errors[-1]}"
        if set(row.needs) <= {run["contender"] for run in session["runs"]}:
            return "too few rows to take the start-up off"
    return "not run yet"


def _processor() -> str:
    with open("/proc/cpuinfo") as stream:
        names = [line.split(":", 1)[1].strip() for line in stream if line.startswith("model name")]
    flags = Path("/proc/cpuinfo").read_text()
    widest = next((f for f in ("amx_bf16", "avx512_bf16", "avx512f", "avx2") if f in flags), "")
    return f"{names[0] if names else platform.machine()} ({widest})"


def _commit() -> str:
    found = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True
    )
    return found.stdout.strip() or "unknown"
