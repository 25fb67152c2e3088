"""Lists the runs of an output folder: `python -m pipeline.runs --output DIR`."""

import json
import sys
from typing import Any

from model.console.terminal import say
from model.console.text_table import text_table
from pipeline import layout, storage
from pipeline.corpus.planning.saved_plan import load_plan
from pipeline.errors import UsageError
from pipeline.launcher.command import folder_parser, main
from pipeline.layout import DIGEST_CHARACTERS
from pipeline.output.checkpoints import find_checkpoints
from pipeline.output.published import readable_manifest, table_of
from pipeline.output.work import work_folders
from pipeline.reporting.runs_page import write_series

COLUMNS = ("bundle", "run", "state", "inputs", "rows", "errors", "duration", "finished")
RIGHT = ("inputs", "rows", "errors", "duration")


def list_runs(output: str) -> list[dict[str, Any]]:
    """Describes the runs in a folder, of incremental scoring or of a plain run, oldest first.

    Returns:
        For each run `bundle` (short digest), `run` (name; `-` for a plain one), `state`
        (`published`, or `unfinished` with how far it came), `inputs`, `rows`, `errors`, `seconds`,
        `finished`, `table`; None for what is not known yet.
    """
    return [one for run in layout.runs_in(output) for one in describe(*run)]


def describe(path: str, run: str, bundle: str | None) -> list[dict[str, Any]]:
    """Describes the run in one folder; an empty list if there is none."""
    manifest = readable_manifest(path)
    if manifest is not None:
        return [
            {
                "bundle": bundle or manifest["plan"]["settings"]["bundle"][:DIGEST_CHARACTERS],
                "run": run,
                "state": "published",
                "inputs": len(manifest["plan"]["sources"]),
                "rows": manifest["rows"],
                "errors": manifest["in_error"],
                "seconds": manifest["seconds"],
                "finished": manifest["finished"],
                "table": table_of(manifest),
            }
        ]
    unfinished = []
    for work in work_folders(path):
        try:
            plan = load_plan(storage.join(work, layout.PLAN))
        except (OSError, ValueError, KeyError, TypeError):
            continue
        _, missing = find_checkpoints(plan, work)
        done = len(plan.items) - len(missing)
        unfinished.append(
            {
                "bundle": plan.settings["bundle"][:DIGEST_CHARACTERS],
                "run": run,
                "state": f"unfinished, {done:,} of {len(plan.items):,} work items done",
                "inputs": len(plan.sources),
                "rows": None,
                "errors": None,
                "seconds": None,
                "finished": None,
                "table": None,
            }
        )
    return unfinished


def as_lines(runs: list[dict[str, Any]]) -> list[str]:
    """The runs as a table for people."""
    shown = [{**run, "duration": _duration(run["seconds"])} for run in runs]
    columns = (*COLUMNS, "table") if any(run.get("table") for run in runs) else COLUMNS
    return text_table(columns, [[_cell(run[name]) for name in columns] for run in shown], RIGHT)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _duration(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"


def runs(argv: list[str]) -> int:
    """Prints the runs of a folder."""
    parser = folder_parser("pipeline.runs", __doc__)
    parser.add_argument("--html", action="store_true", help="also write a page of them, _runs.html")
    parser.add_argument("--json", action="store_true", help="print one JSON object a run")
    options = parser.parse_args(argv)
    listed = list_runs(options.output)
    if not listed:
        raise UsageError(f"there are no runs in {options.output}")
    for line in map(json.dumps, listed) if options.json else as_lines(listed):
        say(line)
    if options.html:
        say(f"the page lies in {write_series(options.output)}", sys.stderr)
    return 0


if __name__ == "__main__":
    main(runs)
