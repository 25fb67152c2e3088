"""Beam's own options on our command line: any flag that it knows, checked before any work.

Beam's parser drops what it doesn't know, and over a wrong value prints all its flags and exits.
"""

import argparse
import contextlib
import difflib
import importlib
import io
from collections.abc import Iterable

from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions, StandardOptions

from pipeline.errors import UsageError

RUNNER = "FnApiRunner"  # in this process; it is the same everywhere and touches no network


def flags_of(options_classes: Iterable[type[PipelineOptions]]) -> list[str]:
    """The flags that options classes declare."""
    parser = argparse.ArgumentParser(allow_abbrev=False, add_help=False)
    parser.add_value_provider_argument = parser.add_argument  # type: ignore[attr-defined]
    for options_class in options_classes:
        options_class._add_argparse_args(parser)  # type: ignore[arg-type]
    return [flag for action in parser._actions for flag in action.option_strings]


def parse_beam_options(words: list[str], ours: list[str]) -> PipelineOptions:
    """Parses what of a command line isn't ours.

    Args:
        words: flags and values.
        ours: our own flags, of which one may have been meant.

    Raises:
        UsageError: for a flag that Beam doesn't know, a value that doesn't fit, or a stray word.
    """
    beams = flags_of(PipelineOptions.__subclasses__())
    for flag in [text.split("=", 1)[0] for text in words if text.startswith("-")]:
        if flag not in beams:
            close = difflib.get_close_matches(flag, ours + beams, n=1)
            hint = f"; did you mean {close[0]}?" if close else "; see --help"
            raise UsageError(f"unknown option {flag}{hint}")
    options, known = _parsed(words)
    stray = _stray_words(words, beams)
    if stray:
        raise UsageError(f"'{stray}' belongs to no option; did you mean --input {stray}?")
    standard = options.view_as(StandardOptions)
    if "runner" not in known:
        standard.runner = RUNNER
    _check_runner(standard.runner or "")
    workers = options.view_as(DirectOptions).direct_num_workers
    if workers is not None and workers < 0:
        raise UsageError(f"--direct_num_workers: {workers} is below 0, which stands for all cores")
    return options


def _parsed(words: list[str]) -> tuple[PipelineOptions, dict]:
    printed = io.StringIO()
    try:
        with contextlib.redirect_stderr(printed):
            options = PipelineOptions(words)
            return options, options.get_all_options(drop_default=True)
    except SystemExit as stop:
        lines = printed.getvalue().strip().splitlines() or ["a runner's option has a wrong value"]
        raise UsageError(f"{lines[-1].partition('error: ')[2] or lines[-1]}; see --help") from stop
    except (ValueError, TypeError) as error:  # JSON where Beam wants some
        raise UsageError(f"a runner's option has a wrong value: {error}") from error


def _check_runner(name: str) -> None:
    """Sees to it that Beam finds the runner, by its short name or by that of its class."""
    short = [known.lower() for known in StandardOptions.KNOWN_RUNNER_NAMES]
    if name.lower() in short or f"{name.lower()}runner" in short:
        return
    module, _, last = name.rpartition(".")
    with contextlib.suppress(ImportError, AttributeError, ValueError):
        getattr(importlib.import_module(module), last)
        return
    close = difflib.get_close_matches(name, StandardOptions.KNOWN_RUNNER_NAMES, n=1)
    hint = f"did you mean {close[0]}?" if close else "such as DirectRunner or DataflowRunner"
    raise UsageError(f"--runner: there is no runner {name!r}; {hint}")


def _stray_words(words: list[str], beams: list[str]) -> str | None:
    """A word that no flag takes, such as a file name without `--input`."""
    parser = argparse.ArgumentParser(allow_abbrev=False, add_help=False)
    for flag in beams:
        parser.add_argument(flag, nargs="?", action="append")
    _, stray = parser.parse_known_args(words)
    return next((word for word in stray if not word.startswith("-")), None)
