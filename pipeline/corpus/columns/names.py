"""Names of columns as a person writes them: `a,b`, `a:new`, and quoted as in CSV where need be.

A name with a comma, a colon, a quote in front or blanks around it stands in double quotes, and a
quote within them is doubled: `"one, two"`, `"10:30":time`, `" title "`.
"""

import re
from typing import Literal

from pipeline.errors import UsageError

Carried = tuple[str, str] | Literal["all"]  # a column's old and new name, or all columns
ALL: Literal["all"] = "all"
SHOWN_CHARACTERS = 60
_NEEDS_QUOTES = re.compile(r'[,:]|^\s|\s$|^"|^$')


def split_names(text: str) -> list[str]:
    """Splits `a,"b, c"` into names."""
    return [_unquoted(part) for part in _split(text, ",")]


def split_carried(text: str) -> list[Carried]:
    """Splits `a,"b, c":new,all` into pairs of old and new name, and `all`."""
    return [ALL if part == ALL else _pair(part) for part in _split(text, ",")]


def _pair(entry: str) -> tuple[str, str]:
    """Old and new name of `name:new`, or twice the same one of `name`."""
    name, *rest = _split(entry, ":", most=1)
    return _unquoted(name), _unquoted(rest[0]) if rest else _unquoted(name)


def as_written(name: str) -> str:
    """A name as a person must write it on the command line."""
    return '"' + name.replace('"', '""') + '"' if _NEEDS_QUOTES.search(name) else name


def carried_as_written(entry: Carried) -> str:
    """A carried column as a person writes it: `all`, `name` or `name:new`."""
    if entry == ALL:
        return ALL
    old, new = map(as_written, entry)
    return f'"{ALL}"' if old == new == ALL else old if old == new else f"{old}:{new}"


def shown(names: list[str], most: int) -> str:
    """The first of many names, as a message lists them: a page of them helps nobody."""
    listed = ", ".join(_short(as_written(name)) for name in names[:most])
    return listed + (f" and {len(names) - most:,} more" if len(names) > most else "")


def _short(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"


def _split(text: str, sign: str, most: int = -1) -> list[str]:
    """Splits at a sign that stands outside of quotes; parts of nothing but blanks are left out."""
    parts, start = [], 0
    word, is_quoted, closed = 0, False, -1  # where a name begins, and where a quote has ended
    for place, character in enumerate(text):
        if character == '"' and is_quoted:
            is_quoted, closed = False, place
        elif character == '"':
            is_doubled = closed >= 0 and closed == place - 1
            is_quoted = is_doubled or not text[word:place].strip()
        elif character in ",:" and not is_quoted:
            word = place + 1
            if character == sign and most != 0:
                parts.append(text[start:place])
                start, most = word, most - 1
    if is_quoted:
        raise UsageError(f"a quote is open in {_short(text)}")
    return [part.strip() for part in (*parts, text[start:]) if part.strip()]


def _unquoted(part: str) -> str:
    is_quoted = len(part) > 1 and part[0] == part[-1] == '"'
    return part[1:-1].replace('""', '"') if is_quoted else part
