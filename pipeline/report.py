"""Writes the report of a published run again: `python -m pipeline.report --output DIR`."""

from model.console.arguments import Parser, program
from model.console.terminal import say
from pipeline import layout, storage
from pipeline.errors import UsageError
from pipeline.launcher.command import main
from pipeline.output.published import readable_manifest, telling_of
from pipeline.reporting.page import write_report


def report(argv: list[str]) -> int:
    """Writes the report of a published run once more."""
    parser = Parser(prog=program("pipeline.report"), description=__doc__)
    parser.add_argument(
        "--output",
        type=storage.supported,
        metavar="DIR",
        required=True,
        help="the folder of the run",
    )
    parser.add_argument("--verbose", action="store_true", help="show tracebacks")
    options = parser.parse_args(argv)
    manifest = readable_manifest(options.output)
    if manifest is None:
        raise UsageError(f"there is no finished run in {options.output}")
    with telling_of(options.output):
        write_report(options.output, manifest)
    say(f"the report lies in {storage.join(options.output, layout.REPORT)}")
    return 0


if __name__ == "__main__":
    main(report)
