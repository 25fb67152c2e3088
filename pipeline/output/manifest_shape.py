"""What `_manifest.json` must hold, for those who read it: somebody may have changed it by hand."""

from typing import Any

NUMBER = (int, float)
COUNT = (int,)
TEXT = (str,)
OPTIONAL = "optional"  # before a shape: or null

PLAN = {
    "digest": TEXT,
    "settings": {"bundle": TEXT},
    "columns": {"text": [TEXT]},
    "reading": {"csv_columns": (OPTIONAL, [TEXT])},
    "sources": [[TEXT]],
    "skipped": [TEXT],
}
SERIES = {"options": TEXT, "working_folder": TEXT}
TABLE = {  # what a series notes of a table among its inputs
    "version": COUNT,
    "scored": [TEXT],
    "moved": [{"files": [TEXT], "rows": [[TEXT]]}],
}
MANIFEST = {
    "started": TEXT,
    "finished": TEXT,
    "seconds": NUMBER,
    "model": TEXT,
    "bundle": {"name": TEXT, "labels": [TEXT], "max_tokens": COUNT, "metrics": {}, "model": {}},
    "plan": PLAN,
    "rows": COUNT,
    "labelled": COUNT,
    "in_error": COUNT,
    "bad_files": [{"path": TEXT, "reason": TEXT}],
    "parts": [{"name": TEXT, "rows": COUNT, "bytes": COUNT}],
    "evaluation": (
        OPTIONAL,
        {"rows": COUNT, "accuracy": NUMBER, "macro_f1": NUMBER, "interval": [NUMBER]},
    ),
    "drift": (OPTIONAL, {"moved": [TEXT]}),
    "problems": [TEXT],
    "stats": {"sources": {}, "errors": {}, "rows_by_label": {}},
}


def misfit(value: Any, shape: Any, name: str = "") -> str | None:
    """Names what doesn't fit: `plan.sources`, say.

    Args:
        value: JSON values.
        shape: a dictionary of the keys that must be there, a list of the shape of every element,
            a tuple of types, or `OPTIONAL` and a shape. Keys beyond those are nobody's business.
        name: of the value.

    Returns:
        None if all fits.
    """
    if isinstance(shape, tuple) and shape[0] == OPTIONAL:
        return None if value is None else misfit(value, shape[1], name)
    if isinstance(shape, tuple):
        fits = isinstance(value, shape) and not isinstance(value, bool)
        return None if fits else name
    if not isinstance(value, type(shape)):
        return name
    if isinstance(shape, list):
        found = (misfit(one, shape[0], name) for one in value)
    else:
        prefix = f"{name}." if name else ""
        found = (
            misfit(value[key], one, prefix + key) if key in value else prefix + key
            for key, one in shape.items()
        )
    return next((one for one in found if one is not None), None)
