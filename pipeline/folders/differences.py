"""How two runs differ, in a few words for whoever is refused."""

from typing import Any

SHOWN = 3


def differences(one: dict[str, Any], other: dict[str, Any]) -> str:
    """Says in a few words how two plans' identities differ."""
    lines = []
    for group in ("settings", "columns", "reading"):
        for key in {**one[group], **other[group]}:
            before, after = one[group].get(key), other[group].get(key)
            if before != after:
                lines.append(f"{key}: {_short(before)} there, {_short(after)} now")
    before, after = dict(one["sources"]), dict(other["sources"])
    changed = [path for path in before if path in after and before[path] != after[path]]
    for paths, what in (
        ([path for path in before if path not in after], "no longer an input"),
        ([path for path in after if path not in before], "a new input"),
        (changed, "changed"),
    ):
        if paths:
            more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
            lines.append(f"{paths[0]}{more}: {what}")
    if not lines:
        return "its inputs stand in another order"
    rest = len(lines) - SHOWN
    return "; ".join(lines[:SHOWN]) + (f"; and {rest} more" if rest > 0 else "")


def _short(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 40 else text[:12] + "…"
