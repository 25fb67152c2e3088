"""Command lines that say clearly what is wrong with them."""

import argparse
import difflib
import sys
from collections.abc import Sequence
from typing import NoReturn

from model.terminal import say


def program(module: str) -> str:
    """What a person called a command by: `newsbeam train`, or Python and its module."""
    name = sys.argv[0]
    return name if name.startswith("newsbeam ") else f"python -m {module}"


class Parser(argparse.ArgumentParser):
    """An ArgumentParser without abbreviations; its errors are one line and name what was meant."""

    def __init__(self, **kwargs):
        super().__init__(
            allow_abbrev=False, formatter_class=argparse.ArgumentDefaultsHelpFormatter, **kwargs
        )

    def parse_args(self, args: Sequence[str] | None = None, namespace=None):  # type: ignore[override]
        """Parses, or exits with 2 over an unknown flag."""
        options, unknown = self.parse_known_args(args, namespace)
        if unknown:
            flag = unknown[0].partition("=")[0]
            near = difflib.get_close_matches(flag, self._option_string_actions, n=1)
            hint = f"did you mean {near[0]}?" if near else "see --help"
            self.error(f"unknown argument {flag}: {hint}")
        return options

    def error(self, message: str) -> NoReturn:
        """Prints one line and exits with 2."""
        say(f"{self.prog}: error: {message}", sys.stderr)
        raise SystemExit(2)


def share(text: str) -> float:
    """A number from 0 up to, but without, 1."""
    value = float(text)
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not in [0, 1)")
    return value


def positive(text: str) -> int:
    """A whole number above 0."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def above_zero(text: str) -> float:
    """A number above 0."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value
