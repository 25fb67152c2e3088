"""Compares two runs: `python -m pipeline.compare --left RUN --right RUN`.

What would a new model change? Score the same inputs with it into another folder, and compare.
"""

import json
import os
import sys
from typing import Any

from model.console.arguments import Parser, program
from model.console.terminal import say
from pipeline import durable, storage
from pipeline.comparing.comparison import compare as compare_runs
from pipeline.comparing.page import as_lines, facts, page
from pipeline.errors import UsageError
from pipeline.launcher.command import main
from pipeline.output.published import readable_manifest, telling_of


def compare(argv: list[str]) -> int:
    """Prints where two runs agree, and writes a page of it."""
    parser = Parser(prog=program("pipeline.compare"), description=__doc__)
    for flag, run in (("--left", "the run before"), ("--right", "the run after")):
        parser.add_argument(
            flag,
            type=storage.supported,
            required=True,
            metavar="RUN",
            help=f"{run}: its folder, with _SUCCESS in it",
        )
    parser.add_argument("--html", metavar="FILE", help="also write a page, to a new file")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")
    parser.add_argument("--verbose", action="store_true", help="show tracebacks")
    options = parser.parse_args(argv)
    if options.html and os.path.lexists(options.html):
        raise UsageError(f"{options.html} is there already; write the page to another file")
    left, right = (manifest_of(path) for path in (options.left, options.right))
    with telling_of(options.right), telling_of(options.left):
        compared = compare_runs((options.left, left), (options.right, right))
        values = facts(compared, {"left": left, "right": right})
    for line in [json.dumps(compared)] if options.json else as_lines(values):
        say(line)
    if options.html:
        durable.write_bytes(options.html, page(values).encode())
        say(f"the page lies in {options.html}", sys.stderr)
    return 0


def manifest_of(output: str) -> dict[str, Any]:
    """The manifest of a published run.

    Raises:
        UsageError: if there is none.
    """
    manifest = readable_manifest(output)
    if manifest is None:
        raise UsageError(
            f"there is no finished run in {output}; python -m pipeline.runs --output DIR lists them"
        )
    return manifest


if __name__ == "__main__":
    main(compare)
