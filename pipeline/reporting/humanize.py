"""Numbers, durations and reasons as a person reads them."""

from pipeline.corpus import documents

# What each code in `error` means.
REASONS = {
    documents.BLANK: "The row has no text, or only white space.",
    documents.NO_TOKENS: "The text has no token, such as punctuation alone.",
    documents.JSON: "The line is not one JSON object.",
    documents.FIELDS: "The CSV row has too few or too many fields.",
    documents.QUOTE: "A quote in the CSV row was opened and never closed.",
    documents.ENCODING: "The row's bytes are not UTF-8 text.",
    documents.MODEL: "The model failed on this row, though not on its neighbours.",
    documents.LANGUAGE: "The text is in a language that was not asked for; left out on purpose.",
    documents.RECORD: "A record of the web archive cannot be read.",
    documents.HTTP: "The web server's answer is an error; left out on purpose.",
    documents.NOT_HTML: "The web server's answer is no page; left out on purpose.",
    documents.NO_TEXT: "The page shows no article; left out on purpose.",
}


def count(number: float) -> str:
    """A whole number with commas: 1,234,567."""
    return f"{number:,.0f}"


def percent(share: float) -> str:
    """A share with one decimal, which never says 0 or 100 of what is neither."""
    if 0 < share < 0.0005:
        return "under 0.1%"
    if 0.9995 <= share < 1:
        return "over 99.9%"
    return f"{share:.1%}"


def duration(seconds: float) -> str:
    """Hours, minutes and seconds, the two that matter."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600:,} h {whole % 3600 // 60} min"


def plural(number: int, one: str, many: str = "") -> str:
    """`1 row`, `2 rows`; `many` is for what has no plain s: the templates' batches."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def moment(iso: str) -> str:
    """`2026-11-22 06:00:12 UTC`, of an ISO time in UTC."""
    return iso.replace("T", " ").replace("+00:00", " UTC")


def size(number: float) -> str:
    """Bytes in a unit that fits: 1.5 MB."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:,.0f} {unit}" if unit == "bytes" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:,.1f} TB"
