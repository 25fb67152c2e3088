"""What the report says of the languages that a corpus is in, beside those of the bundle."""

from typing import Any

from pipeline.corpus.languages import UNKNOWN, language_name
from pipeline.reporting.humanize import percent, plural

MANY_FOREIGN = 0.01  # from this share on it is worth a sentence
SHOWN = 3


def languages(manifest: dict[str, Any]) -> dict[str, Any] | None:
    """The languages of the texts that were looked at; None of a run that looked at none."""
    found = manifest["stats"].get("languages")
    if not found:
        return None
    total = sum(found.values())
    return {
        "wanted": manifest["plan"]["settings"].get("languages", []),
        "others": other_languages(manifest),
        "texts": total,
        "rows": [
            {"code": code, "name": language_name(code), "texts": texts, "share": texts / total}
            for code, texts in sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))
        ],
    }


def other_languages(manifest: dict[str, Any]) -> dict[str, Any] | None:
    """How much of the corpus is in languages that the bundle was not trained on.

    Returns:
        `trained` on which, `texts` that were looked at, the `share` of those in another one that is
        known, and `codes` of these, the most frequent first; None if the bundle names no languages
        or none were looked at.
    """
    found = manifest["stats"].get("languages")
    trained = manifest["bundle"].get("training", {}).get("languages")
    if not found or not trained:
        return None
    others = {code: n for code, n in found.items() if code not in (*trained, UNKNOWN)}
    total = sum(found.values())
    return {
        "trained": trained,
        "texts": total,
        "share": sum(others.values()) / total,
        "codes": sorted(others, key=lambda code: (-others[code], code)),
    }


def of_other_languages(manifest: dict[str, Any]) -> str | None:
    """How much of the corpus the bundle was not trained for; None if little, or left out."""
    others = other_languages(manifest)
    asked = manifest["plan"]["settings"].get("languages")
    if others is None or asked or others["share"] < MANY_FOREIGN:
        return None
    names = ", ".join(map(language_name, others["codes"][:SHOWN]))
    more = " and others" if len(others["codes"]) > SHOWN else ""
    trained = ",".join(others["trained"])
    return (
        f"{percent(others['share'])} of a sample of {plural(others['texts'], 'text')} are in "
        f"languages that the model was not trained on ({names}{more}), where its labels are not "
        f"to be believed; --languages {trained} leaves them out"
    )
