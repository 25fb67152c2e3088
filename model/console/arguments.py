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


class _Help(argparse.ArgumentDefaultsHelpFormatter):
    """Help that gives a default where there is one, unless the text gives it itself."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        text = action.help or ""
        is_said = action.default is None or action.default is False or "default:" in text
        return text if is_said else super()._get_help_string(action)


class Parser(argparse.ArgumentParser):
    """An ArgumentParser without abbreviations; its errors are one line and name what was meant.

    Args:
        wrong: what to raise over wrong arguments; without it, a line is printed, and it exits.
    """

    def __init__(self, wrong: type[Exception] | None = None, **kwargs):
        super().__init__(allow_abbrev=False, formatter_class=_Help, **kwargs)
        self._wrong = wrong

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
        """Ends with one line: as an exception, or printed, with exit code 2."""
        if self._wrong is not None:
            raise self._wrong(f"{message}; see --help")
        say_error(self.prog, message)
        raise SystemExit(2)
