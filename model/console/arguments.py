"""Command lines that say clearly what is wrong with them."""

import argparse
import difflib
import sys
from collections.abc import Sequence
from typing import NoReturn

from model.console.terminal import say


def program(module: str) -> str:
    """What a person called a command by: `newsbeam train`, or Python and its module."""
    name = sys.argv[0]
    return name if name.startswith("newsbeam ") else f"python -m {module}"


def say_error(name: str, message: object) -> None:
    """Prints the one line that a command ends with; `name` is its module's, or what help shows."""
    say(f"{program(name).replace('python -m ', '')}: error: {message}", sys.stderr)


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
        say_error(self.prog, message)
        raise SystemExit(2)
