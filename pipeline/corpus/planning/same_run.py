"""When two runs are the same: if a person has asked for the same.

What follows from the machine and from our version (the engine that `auto` chose, how the work is
cut, versions) is in the plan too, and under its digest. But it must not make another run of the
same command: elsewhere, or after an upgrade, what is finished is finished, and what isn't goes on
by the plan that was saved.
"""

import dataclasses
from typing import Any

from pipeline import storage
from pipeline.corpus.formats.registry import by_prefix
from pipeline.corpus.planning.plan import Plan

TEXTS = ("languages", "long_texts", "window_stride")
ASKED = ("engine", "precision", "input_format")
DEFAULTS = {"engine": "auto", "precision": "float32", "input_format": None}
CHOSEN = ("bundle", "limit", "then", "confidence", "agreement", "coverage", *TEXTS)


def request(identity: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """What was asked for, of all that a plan's identity says; in the same groups.

    Args:
        identity: a plan's, from a manifest, say.
        now: the identity of the plan that it is compared to. Version 0.1 has noted what `auto`
            came to, not what was asked for; it counts as the same wherever it may be.
    """
    settings = identity["settings"]
    asked = settings.get("asked")
    if asked is None:
        asked = {**DEFAULTS, **now["settings"].get("asked", {})}
        engine, precision, *_ = settings.get("engine") or (asked["engine"], asked["precision"])
        if asked["engine"] != "auto":
            asked["engine"] = engine
        if asked["precision"] != "float32":
            asked["precision"] = precision
    return {
        "settings": {
            **{name: settings.get(name) for name in CHOSEN},
            **{name: asked[name] for name in ASKED},
        },
        "columns": identity["columns"],
        "reading": {"csv_columns": identity["reading"]["csv_columns"]},
        "sources": [[_real(path), fingerprint] for path, fingerprint in identity["sources"]],
        "skipped": identity["skipped"],
    }


def _real(path: str) -> str:
    """One name for an input, however a person has written it."""
    return path if by_prefix(path) is not None else storage.real_path(path)


def is_same(identity: dict[str, Any], plan: Plan) -> bool:
    """Whether a plan, of which the identity is known, was made for what is asked for now."""
    now = plan.identity()
    return request(identity, now) == request(now, now)


def unfinished(identity: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """What must be equal for unfinished work to go on: the request, cutting by name, versions."""
    asked = request(identity, now)
    settings = identity["settings"]
    budget = now["settings"].get("asked", {}).get("batch_tokens")
    cutting = {"batch_tokens": settings["engine"][-1]} if budget is not None else {}
    versions = {"version": settings.get("version"), **settings.get("versions", {})}
    return {
        **asked,
        "settings": {**asked["settings"], **cutting, **versions},
        "reading": identity["reading"],
    }


def continued(saved: Plan, plan: Plan) -> Plan | None:
    """The plan by which unfinished work goes on: the saved one, with this machine's paths.

    Args:
        saved: the plan of the unfinished work.
        plan: what this command would do in an empty folder.

    Returns:
        None if it cannot go on: see `unfinished`.
    """
    asked = plan.identity()
    if unfinished(saved.identity(), asked) != unfinished(asked, asked):
        return None
    sources = [
        dataclasses.replace(now, path=then.path)  # as rows that are written already name it
        for now, then in zip(plan.sources, saved.sources, strict=True)
    ]
    return dataclasses.replace(saved, reading=plan.reading, sources=sources)
