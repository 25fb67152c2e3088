"""Values of options, from what stands on the command line."""

import argparse
import re
import sys

MOST = (1 << 31) - 1  # what Arrow and the engines count in


def positive(text: str, most: int = MOST) -> int:
    """A whole number above 0, as options take it."""
    try:
        number = int(text.replace("_", ""))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number") from None
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    if number > most:
        raise argparse.ArgumentTypeError(f"{text} is more than {most:,}")
    return number


def row_count(text: str) -> int:
    """A number of rows above 0, as options take it; of a whole corpus, so that it may be large."""
    return positive(text, sys.maxsize)


def share(text: str) -> float:
    """A number from 0 to 1, as options take it."""
    number = _number(text)
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return number


def share_below_1(text: str) -> float:
    """A number from 0 up to, but without, 1, as options take it."""
    number = _number(text)
    if not 0 <= number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not in [0, 1)")
    return number


def above_zero(text: str) -> float:
    """A finite number above 0, as options take it."""
    number = _number(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


def certainty(text: str) -> float:
    """A number above 0 and up to 1, as options take it."""
    number = _number(text)
    if not 0 < number <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0 and up to 1")
    return number


def promise(text: str) -> float:
    """A number above 0 and below 1, as options take it."""
    number = _number(text)
    if not 0 < number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0 and below 1")
    return number


def language_codes(text: str) -> list[str]:
    """Codes of languages, parted by commas, as options take them: sorted, each once."""
    codes = sorted({code.strip().lower() for code in text.split(",")})
    for code in codes:
        if not re.fullmatch("[a-z]{2,3}", code):
            raise argparse.ArgumentTypeError(f"{code!r} is no code of a language; en is English")
    return codes


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None
