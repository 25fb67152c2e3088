"""Writes the report of a published run again: `python -m pipeline.report --output DIR`."""

from model.console.terminal import say
from pipeline import layout, storage
from pipeline.errors import UsageError
from pipeline.launcher.command import folder_parser, main
from pipeline.output.published import readable_manifest, telling_of
from pipeline.reporting.page import write_report


def report(argv: list[str]) -> int:
    """Writes the report of a published run once more."""
    parser = folder_parser("pipeline.report", __doc__)
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
