"""What language a text is in, and rows in others than those wanted left out.

CLD2 (the Compact Language Detector of Chrome, whose tables lie in the package `pycld2`) looks at
the first characters of a text: 8 us each, and hardly ever a wrong answer where it is sure. Where it
isn't, the row is scored, and counts as of unknown language.
"""

from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pycld2

from pipeline.corpus.documents import LANGUAGE

CHARACTERS = 150  # of a text that are looked at: fewer are unsure, more take longer
SAMPLED_ROWS = 64  # of a Table, where all languages are wanted
UNKNOWN = "unknown"
# CLD2 has some older codes, and tells scripts and written standards apart.
CODES = {"iw": "he", "jw": "jv", "zh-Hant": "zh", "nn": "no", "nb": "no", "un": UNKNOWN}


def known_languages() -> set[str]:
    """The codes of the languages that can be recognised, mostly of two letters (ISO 639-1)."""
    codes = {CODES.get(code, code) for _, code in pycld2.LANGUAGES}
    return {code for code in codes if code != UNKNOWN and len(code) <= 3}


def language_name(code: str) -> str:
    """The English name of a language."""
    names = {CODES.get(known, known): name for name, known in reversed(pycld2.LANGUAGES)}
    return names.get(code, code).capitalize()


def detect(text: str) -> str:
    """The code of a text's language, by its beginning; `unknown` where CLD2 is not sure."""
    head = text[:CHARACTERS]
    try:
        is_sure, _, found = pycld2.detect(head)
    except pycld2.error:  # control characters, which it takes for bytes that are no UTF-8
        try:
            is_sure, _, found = pycld2.detect("".join(filter(str.isprintable, head)))
        except pycld2.error:
            return UNKNOWN
    return CODES.get(found[0][1], found[0][1]) if is_sure else UNKNOWN


def leave_out(table: pa.Table, wanted: frozenset[str]) -> tuple[pa.Table, dict[str, int]]:
    """Puts the rows in error whose language is known and none of those wanted.

    Args:
        table: documents with `text` (string, null where there is an `error`) and `error`.
        wanted: codes of languages.

    Returns:
        The Table, and how many of its texts are in which language.
    """
    texts = table["text"].combine_chunks()
    languages = pa.array([None if text is None else detect(text) for text in texts.to_pylist()])
    kept = pa.array([*wanted, UNKNOWN])
    is_out = pc.and_(pc.is_valid(texts), pc.invert(pc.is_in(languages.cast(pa.string()), kept)))
    reasons = pc.binary_join_element_wise(f"{LANGUAGE}: ", languages.cast(pa.string()), "")
    error = pc.if_else(is_out, reasons, table["error"].combine_chunks())
    texts = pc.if_else(is_out, pa.scalar(None, pa.string()), texts)
    for name, column in (("text", texts), ("error", error)):
        table = table.set_column(table.schema.get_field_index(name), name, column)
    return table, dict(Counter(languages.drop_null().to_pylist()))


def sample(table: pa.Table) -> dict[str, int]:
    """How many of a few texts, spread over a Table's rows, are in which language."""
    texts = table["text"].combine_chunks().drop_null()
    rows = np.unique(np.linspace(0, len(texts) - 1, min(SAMPLED_ROWS, len(texts))).astype(int))
    return dict(Counter(map(detect, texts.take(pa.array(rows)).to_pylist())))
