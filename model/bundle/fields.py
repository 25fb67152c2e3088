"""What `bundle.json` must say: its fields, and what a slip of the hand may make of them.

Whoever edits it by hand shall hear so when the bundle is opened, and not when hours of scoring end.
"""

import datetime
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

MOST_TOKENS = 1 << 20  # far beyond any network; a slip of the hand takes no terabytes

Check = Callable[[Any], bool]


def wrong_field(fields: Mapping[str, Any]) -> str | None:
    """Names the first field that can't be.

    Args:
        fields: `bundle.json`, with all its fields, without `format`.

    Returns:
        `labels`, `tokenizer.unknown_id` and the like; None if all are well.
    """
    for name, check in _FIELDS.items():
        if not check(fields[name]):
            return name
    for group, checks in _WITHIN.items():
        for name, check in checks.items():
            if not check(fields[group].get(name)):
                return f"{group}.{name}"
    profile = fields["profile"]
    for name, check in _PROFILE.items() if profile is not None else ():
        if name in profile and not check(profile[name]):
            return f"profile.{name}"
    for part, measured in fields["metrics"].items():
        if not _is_measured(measured):
            return f"metrics.{part}"
    if fields["model"].get("labels", len(fields["labels"])) != len(fields["labels"]):
        return "labels"  # the network gives another number of probabilities
    return None


def is_measurement(metrics: Any) -> bool:
    """Whether these are figures by the part of the corpus that they were measured on."""
    return isinstance(metrics, dict) and all(map(_is_measured, metrics.values()))


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and value >= 0 and (isinstance(value, int) or math.isfinite(value))


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_share(value: Any) -> bool:
    return _is_number(value) and value <= 1


def _is_length(value: Any) -> bool:
    return _is_whole(value) and 1 <= value <= MOST_TOKENS


def _is_group(value: Any) -> bool:
    return isinstance(value, dict)


def _are_names(value: Any) -> bool:
    is_list = isinstance(value, list) and bool(value) and all(map(_is_text, value))
    return is_list and len(set(value)) == len(value)


def _is_time(value: Any) -> bool:
    try:
        datetime.datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return False
    return True


def _are_digests(value: Any) -> bool:
    """Of at least one file: a bundle without any would be checked for nothing."""
    return (
        _is_group(value)
        and bool(value)
        and all(
            isinstance(digest, str) and re.fullmatch("[0-9a-f]{64}", digest)
            for digest in value.values()
        )
    )


def _is_histogram(value: Any) -> bool:
    counts = value.get("counts") if _is_group(value) else None
    return isinstance(counts, list) and all(map(_is_number, counts))


def _is_measured(value: Any) -> bool:
    if not _is_group(value):
        return False
    checks = {"rows": _is_whole, "accuracy": _is_share}
    return all(check(value[name]) for name, check in checks.items() if name in value)


_FIELDS: dict[str, Check] = {
    "name": _is_text,
    "labels": _are_names,
    "max_tokens": _is_length,
    "text_columns": _are_names,
    "tokenizer": _is_group,
    "model": _is_group,
    "training": _is_group,
    "metrics": _is_group,
    "profile": lambda value: value is None or _is_group(value),
    "created": _is_time,
    "versions": lambda value: _is_group(value) and all(map(_is_text, value.values())),
    "files": _are_digests,
}
_WITHIN: dict[str, dict[str, Check]] = {
    "tokenizer": {
        "kind": _is_text,
        "vocab_size": _is_length,
        "pad_id": lambda value: _is_whole(value) and value == 0,  # scoring pads with 0
        "unknown_id": _is_whole,
    },
    "model": {"kind": _is_text},
    "training": {"languages": lambda value: value is None or _are_names(value)},
}
_PROFILE: dict[str, Check] = {
    "rows": _is_whole,
    "labelled_rows": _is_whole,
    "unknown_share": _is_share,
    "label_shares": lambda value: _is_group(value) and all(map(_is_share, value.values())),
    "tokens": _is_histogram,
    "confidence": _is_histogram,
}
