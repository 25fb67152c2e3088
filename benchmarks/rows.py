"""The rows of the table: each is a ratio of what contenders did in one round."""

import statistics
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from benchmarks.contenders import START

MILLION, MINILM_TEXTS = 1_000_000, 20_000
GIGABYTE = 1e9
MOST_OVER = 3.0
NOISE = 0.1  # start-up varies by as much: less time beyond it is no measurement
SMALL = ("small-100k", "small-5m", "repeats")  # the command of `small`, on other corpora


class TooShort(ValueError):
    """A run took hardly longer than the run on next to nothing: it has no rate."""


class Round:
    """One round's runs, and the medians of the whole session.

    Args:
        runs: what each contender did, by its name.
        medians: of all rounds, by the contender's name, start-ups among them: `seconds` and `rows`.
    """

    def __init__(self, runs: Mapping[str, dict[str, Any]], medians: Mapping[str, dict[str, float]]):
        self.runs, self._medians = runs, medians

    def start(self, name: str) -> float:
        """Seconds from the process' start until the first document could be labelled."""
        run = self.runs[name]
        return run["ready"] if "ready" in run else self._empty(name)["seconds"]

    def rate(self, name: str) -> float:
        """Documents a second in this round, start-up taken off."""
        run = self.runs[name]
        if "ready" in run:
            return run["rows"] / (run["done"] - run["ready"])
        return self._rate(name, run)

    def usual_rate(self, name: str) -> float:
        """The same by the medians of all rounds: of runs so short that noise would rule one."""
        return self._rate(name, self._medians[name])

    def seconds(self, name: str, rows: int | None = None) -> float:
        """Seconds for so many rows, start-up included once; as measured for its own rows."""
        run = self.runs[name]
        if rows is None or run["rows"] == rows:
            return run["seconds"]
        return self.start(name) + rows / self.rate(name)

    def _empty(self, name: str) -> dict[str, float]:
        """The run on next to nothing, by the same command."""
        return self._medians[("small" if name in SMALL else name) + START]

    def _rate(self, name: str, run: Mapping[str, float]) -> float:
        empty = self._empty(name)
        rows, seconds = run["rows"] - empty["rows"], run["seconds"] - empty["seconds"]
        if rows <= 0 or seconds <= NOISE * empty["seconds"]:
            raise TooShort(name)
        return rows / seconds


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes:
        name: by which `--only` calls it.
        what: what is measured.
        needs: the contenders.
        value: the figure of one round.
        bar: what it should be.
        at_most: whether the bar is a most, not a least.
        unit: of the figure; a ratio has none.
    """

    name: str
    what: str
    needs: tuple[str, ...]
    value: Callable[[Round], float]
    bar: float | None = None
    at_most: bool = False
    unit: str = ""

    def passes(self, figure: float) -> bool | None:
        """Whether a figure passes the bar; None where there is none."""
        if self.bar is None:
            return None
        return figure <= self.bar if self.at_most else figure >= self.bar

    def over_bar(self, figure: float) -> float | None:
        """How far a figure is beyond the bar: above 1 it passes, whichever way the bar is."""
        if self.bar is None:
            return None
        if self.at_most:
            return self.bar / max(figure, self.bar / MOST_OVER)  # a loss of accuracy may be 0
        return figure / self.bar


def machine_bound(round_: Round, name: str, machine: str) -> float:
    """Our rate over what the machine's products allow, in the precision that was used."""
    about = round_.runs[machine]
    rate = about["rates"][round_.runs[name]["precision"]]
    return round_.rate(name) / (rate / about["flops"])


def _times_faster(ours: str, peer: str, rows: int) -> Callable[[Round], float]:
    return lambda r: r.seconds(peer, rows) / r.seconds(ours, rows)


def all_rows() -> list[Row]:
    """The table, from above."""
    s, start = MILLION, START
    return [
        Row(
            "small-keras", "small transformer, 1,000,000 texts: newsbeam over Keras predict",
            ("small", "small" + start, "small-keras"), _times_faster("small", "small-keras", s), 10,
        ),
        Row(
            "small-keras-rate", "the same, start-up taken off (the aim)",
            ("small", "small" + start, "small-keras"),
            lambda r: r.rate("small") / r.rate("small-keras"), 20,
        ),
        Row(
            "small-idiom", "small transformer, 1,000,000 texts: over Beam's RunInference",
            ("small", "small" + start, "small-idiom", "small-idiom" + start),
            _times_faster("small", "small-idiom", s), 12,
        ),
        Row(
            "small-bare", "small transformer over the bare loop, start-up taken off",
            ("small", "small" + start, "small-bare"),
            lambda r: r.rate("small") / r.rate("small-bare"), 0.85,
        ),
        Row(
            "small-machine", "small transformer over the machine's matrix rate",
            ("small", "small" + start, "small-machine"),
            lambda r: machine_bound(r, "small", "small-machine"),
        ),
        Row(
            "minilm-hf", "MiniLM, 20,000 texts: newsbeam over the Hugging Face pipeline",
            ("minilm", "minilm" + start, "minilm-hf"),
            _times_faster("minilm", "minilm-hf", MINILM_TEXTS), 5,
        ),
        Row(
            "minilm-keras", "MiniLM, 20,000 texts: over Keras predict",
            ("minilm", "minilm" + start, "minilm-keras"),
            _times_faster("minilm", "minilm-keras", MINILM_TEXTS), 6,
        ),
        Row(
            "minilm-tf", "MiniLM, 20,000 texts, TensorFlow engine: over the Hugging Face pipeline",
            ("minilm-tf", "minilm-tf" + start, "minilm-hf"),
            _times_faster("minilm-tf", "minilm-hf", MINILM_TEXTS), 3.5,
        ),
        Row(
            "minilm-machine", "MiniLM over the machine's matrix rate, start-up taken off",
            ("minilm", "minilm" + start, "minilm-machine"),
            lambda r: machine_bound(r, "minilm", "minilm-machine"), 0.6,
        ),
        Row(
            "first-file", "start to first checkpoint over `import tensorflow`",
            ("small-100k", "import"),
            lambda r: r.runs["small-100k"]["first_file"] / r.seconds("import"), 1.8, at_most=True,
        ),
        Row(
            "scale", "documents a second at 5,000,000 rows over 100,000, start-up taken off",
            ("small-5m", "small-100k", "small" + start),
            lambda r: r.rate("small-5m") / r.usual_rate("small-100k"), 0.95,
        ),
        Row(
            "memory", "peak memory at 5,000,000 rows over 100,000",
            ("small-5m", "small-100k"),
            lambda r: r.runs["small-5m"]["peak_bytes"] / r.runs["small-100k"]["peak_bytes"],
            1.1, at_most=True,
        ),
        Row(
            "memory-bytes", "peak memory at 5,000,000 rows",
            ("small-5m",), lambda r: r.runs["small-5m"]["peak_bytes"] / GIGABYTE,
            1.6, at_most=True, unit="GB",
        ),
        Row(
            "workers", "MiniLM: two local workers over one, start-up taken off",
            ("minilm", "minilm" + start, "minilm-two", "minilm-two" + start),
            lambda r: r.rate("minilm-two") / r.rate("minilm"), 1.0,
        ),
        Row(
            "default", "MiniLM, 20,000 texts: the default over two local workers",
            ("minilm", "minilm" + start, "minilm-two", "minilm-two" + start),
            _times_faster("minilm", "minilm-two", MINILM_TEXTS), 1.0,
        ),
        Row(
            "padding", "long articles: tokens with padding over real tokens",
            ("long",), lambda r: r.runs["long"]["padding"], 1.05, at_most=True,
        ),
        Row(
            "repeats", "a fifth of the rows repeated: documents a second over no repeats",
            ("repeats", "small-100k", "small" + start),
            lambda r: r.rate("repeats") / r.usual_rate("small-100k"),
        ),
        Row(
            "cascade", "cascade over MiniLM alone, AG News test set, start-up taken off",
            ("cascade", "cascade" + start, "alone", "alone" + start),
            lambda r: r.rate("cascade") / r.rate("alone"), 3.0,
        ),
        Row(
            "cascade-accuracy", "accuracy that the cascade gives up",
            ("cascade", "alone"),
            lambda r: 100 * (r.runs["alone"]["accuracy"] - r.runs["cascade"]["accuracy"]),
            0.3, at_most=True, unit="points",
        ),
    ]  # fmt: skip


def medians_of(runs: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Each contender's median time, start-ups among them, and its rows."""
    by_name: dict[str, list[dict[str, Any]]] = {}
    for run in runs:
        if "error" not in run and "rows" in run:
            by_name.setdefault(run["contender"], []).append(run)
    return {
        name: {key: statistics.median(run[key] for run in many) for key in ("seconds", "rows")}
        for name, many in by_name.items()
    }


def figures(row: Row, runs: list[dict[str, Any]]) -> list[float]:
    """The row's figure in each round in which all that it needs has run, and for long enough."""
    medians = medians_of(runs)
    by_round: dict[int, dict[str, dict[str, Any]]] = {}
    for run in runs:
        if "error" not in run:
            by_round.setdefault(run["round"], {})[run["contender"]] = run
    needed = [name for name in row.needs if not name.endswith(START)]
    if any(name not in medians for name in row.needs if name.endswith(START)):
        return []
    found = []
    for _, there in sorted(by_round.items()):
        if all(name in there for name in needed):
            with suppress(TooShort):
                found.append(row.value(Round(there, medians)))
    return found
