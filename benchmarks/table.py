"""The table, in Markdown: of ratios, and of what was measured to get them."""

import statistics
from pathlib import Path
from typing import Any

from benchmarks.contenders import START, Contender
from benchmarks.rows import Round, Row, TooShort, medians_of
from benchmarks.sessions import Session, latest, why_not


def table(rows: list[Row], sessions: list[Session]) -> str:
    """One line a row: its median, the range over the rounds, the bar, and whether it passes."""
    lines = [
        "| work | figure | range | rounds | bar | |",
        "| --- | ---: | :---: | ---: | ---: | --- |",
    ]
    for row in rows:
        bar = "" if row.bar is None else f"{'≤' if row.at_most else '≥'} {_figure(row.bar, row)}"
        found = latest(row, sessions)
        if found is None:
            lines.append(f"| {row.what} | | | | {bar} | {why_not(row, sessions)} |")
            continue
        _, figures = found
        median = statistics.median(figures)
        passes = {True: "passes", False: "**below**", None: ""}[row.passes(median)]
        if passes == "**below**" and row.at_most:
            passes = "**above**"
        spread = f"{_figure(min(figures), row)} to {_figure(max(figures), row)}"
        lines.append(
            f"| {row.what}{_precision(row, found[0])} | **{_figure(median, row)}** | {spread} | "
            f"{len(figures)} | {bar} | {passes} |"
        )
    return "\n".join(lines)


def measured(contenders: dict[str, Contender], rows: list[Row], sessions: list[Session]) -> str:
    """One line a contender of the sessions that the table is made from."""
    lines = [
        "| contender | rows | runs | documents a second | start-up, s | peak memory, GB |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    wanted: dict[str, Session] = {}
    for row in rows:
        found = latest(row, sessions)
        for name in row.needs if found else ():
            wanted[name] = found[0]  # type: ignore[index]
    for name, contender in contenders.items():
        if name not in wanted or name.endswith(START):
            continue
        runs = [r for r in wanted[name]["runs"] if r["contender"] == name and "error" not in r]
        rate, start = _rate_and_start(name, runs, wanted[name])
        cells = [
            f"{contender.what} ({_model(contender, runs[0])})",
            f"{runs[0]['rows']:,}" if contender.program != "import" else "",
            str(len(runs)),
            rate,
            start,
            f"{statistics.median(run['peak_bytes'] for run in runs) / 1e9:.2f}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def describe(session: Session) -> str:
    """The machine, in a sentence."""
    machine = session["machine"]
    units = "with" if machine["bfloat16_units"] else "without"
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return (
        f"{machine['processor']}, {machine['cores']} cores, {units} bfloat16 units, "
        f"{machine['memory_gb']} GB; Python {machine['python']}, {versions}; "
        f"commit {session['commit']}, {session['started'][:10]}."
    )


def rates(sessions: list[Session]) -> str:
    """The machine's matrix rates, in a sentence, from the latest session that has them."""
    for session in reversed(sessions):
        runs = [run for run in session["runs"] if "rates" in run]
        if runs:
            said = []
            for precision in ("float32", "bfloat16"):
                found = [r["rates"][precision] for r in runs if r["rates"][precision]]
                if found:
                    said.append(f"{statistics.median(found) / 1e9:,.0f} GFLOP/s in {precision}")
            return f"Matrix products reach {' and '.join(said)}."
    return ""


def fill(readme: Path, parts: dict[str, str]) -> None:
    """Puts text between the markers `<!-- name -->` and `<!-- /name -->` of a file."""
    text = readme.read_text(encoding="utf-8")
    for name, part in parts.items():
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        before, _, rest = text.partition(begin)
        _, found, after = rest.partition(end)
        if not found:
            raise ValueError(f"{readme} has no place for {name}")
        text = f"{before}{begin}\n{part}\n{end}{after}"
    readme.write_text(text, encoding="utf-8")


def _figure(figure: float, row: Row) -> str:
    digits = 1 if abs(figure) >= 10 else 2
    return f"{figure:.{digits}f}{' ' + row.unit if row.unit else ''}"


def _precision(row: Row, session: Session) -> str:
    """Which precision a row of the machine's rate is about."""
    if not row.name.endswith("-machine"):
        return ""
    ours = next(r for r in session["runs"] if r["contender"] == row.needs[0] and "precision" in r)
    precision = ours["precision"]
    has_units = session["machine"]["bfloat16_units"]
    return f" ({precision}{'' if has_units else ': this processor has no bfloat16 units'})"


def _rate_and_start(name: str, runs: list[dict[str, Any]], session: Session) -> tuple[str, str]:
    if name == "import":
        return "", f"{statistics.median(run['seconds'] for run in runs):.1f}"
    if "rates" in runs[0]:
        return "", ""
    rounds = [Round({name: run}, medians_of(session["runs"])) for run in runs]
    try:
        rate = statistics.median(one.rate(name) for one in rounds)
        start = statistics.median(one.start(name) for one in rounds)
    except (KeyError, TooShort):  # no start-up in this session, or hardly more than that
        return "", ""
    return f"{rate:,.0f}", f"{start:.1f}"


def _model(contender: Contender, run: dict[str, Any]) -> str:
    model = "small transformer" if contender.model == "small" else "MiniLM"
    if contender.program == "import":
        return "nothing else"
    return f"{model}, {run['engine']} {run['precision']}" if "engine" in run else model
