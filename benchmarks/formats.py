"""What reading costs, by format and compression: one corpus in each, read as a worker reads it.

    python -m benchmarks.formats --agnews ../shared/data/agnews --output .cache/benchmarks/formats \
        --rows 50000

For each: whether the labels are those of the same rows in Parquet, and rows a second of processor
time (of all threads) relative to Parquet's, the median of `--rounds` in which everybody takes a
turn. Before that, what `--languages` costs from the file to the label, by the same measure.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.corpora import Words, write_corpus
from benchmarks.formats_written import Corpus, write_all
from model.engines.choose import choose_engine
from pipeline.corpus.inputs import find_inputs
from pipeline.corpus.languages import leave_out, sample
from pipeline.corpus.planning.planner import make_plan
from pipeline.corpus.sources import ReadSettings, WorkItem
from pipeline.corpus.tables.tables import Tables
from pipeline.stages.reading import read_source
from pipeline.stages.rescoring import open_model
from pipeline.stages.scoring import score_table
from pipeline.stages.tokenizing import tokenize_table
from pipeline.worker.bundles import open_bundle

SHARD_ROWS = 16_384


class Row(NamedTuple):
    """A line of the table.

    Attributes:
        format: and `compression`, as they are called.
        rows: that were read.
        equal: the share of labels that are those of Parquet's rows.
        relative: rows a second of processor time, over Parquet's.
    """

    format: str
    compression: str
    rows: int
    equal: float
    relative: float


class Chain:
    """The stages of a run without Beam around them: documents -> labelled rows.

    Args:
        model: the bundle's path.
    """

    def __init__(self, model: str):
        self._bundle = open_bundle(model)
        self._model = open_model(self._bundle, choose_engine(self._bundle.model["kind"]))

    def __call__(self, table: pa.Table, languages: frozenset[str] = frozenset()) -> pa.Table:
        """Labels the texts of a Table that are in the languages, or all of them."""
        if languages:
            table, _ = leave_out(table, languages)
        else:
            sample(table)
        tokenized = tokenize_table(table, self._model.tokenize)
        labelled, _ = score_table(tokenized, self._model.scorer, self._bundle.labels)
        return labelled


def read(corpus: Corpus) -> list[pa.Table]:
    """The documents of a corpus, read as one worker's."""
    tables = Tables([corpus.input])
    inputs = find_inputs([corpus.input], None, tables)
    reading = ReadSettings(SHARD_ROWS)
    plan = make_plan(inputs, list(corpus.text_columns), {}, reading=reading, tables=tables)
    return [
        shard.table
        for number, source in enumerate(plan.sources)
        for shard in read_source(plan, source, WorkItem(0, number, 0, source.rows))
    ]


def measure(corpora: list[Corpus], chain: Chain, rounds: int) -> list[Row]:
    """Labels every corpus once, then reads all in turns for the time it takes.

    Args:
        corpora: Parquet first.
        chain: labels them.
        rounds: how many turns.
    """
    labels = [
        [label for table in read(corpus) for label in chain(table)["label"].to_pylist()]
        for corpus in corpora
    ]
    seconds: list[list[float]] = []
    for _ in range(rounds):
        seconds.append([])
        for corpus in corpora:
            started = time.process_time()
            read(corpus)
            seconds[-1].append(time.process_time() - started)
    rows = []
    for number, corpus in enumerate(corpora):
        pairs = zip(labels[0], labels[number], strict=True)
        equal = sum(one == other for one, other in pairs) / len(labels[0])
        relative = statistics.median(turn[0] / turn[number] for turn in seconds)
        rows.append(Row(corpus.format, corpus.compression, len(labels[number]), equal, relative))
    return rows


def cost_of_languages(corpus: Corpus, chain: Chain, rounds: int) -> float:
    """Processor time of labelling English texts with `--languages en`, over that without: a median.

    From the file to the label, in this process, so that no start-up is in it.
    """
    ratios = []
    for _ in range(rounds):
        seconds = []
        for languages in (frozenset[str](), frozenset({"en"})):
            started = time.process_time()
            for table in read(corpus):
                chain(table, languages)
            seconds.append(time.process_time() - started)
        ratios.append(seconds[1] / seconds[0])
    return statistics.median(ratios)


def as_markdown(rows: list[Row]) -> str:
    """The table."""
    lines = [
        "| format | compression | rows | labels equal | rows a CPU second, over Parquet's |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    for row in rows:
        figures = f"{row.rows:,} | {row.equal:.2%} | {row.relative:.2f}"
        lines.append(f"| {row.format} | {row.compression} | {figures} |")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    flags = argparse.ArgumentParser(prog="benchmarks.formats", description=__doc__)
    flags.add_argument("--agnews", required=True)
    flags.add_argument("--output", required=True, type=Path, help="where the corpora lie")
    flags.add_argument("--model", default="bundles/agnews-transformer")
    flags.add_argument("--rows", type=int, default=50_000)
    flags.add_argument("--rounds", type=int, default=3)
    options = flags.parse_args(argv)
    chain = Chain(options.model)
    options.output.mkdir(parents=True, exist_ok=True)
    made = options.output / "corpus.parquet"
    write_corpus(Words.of_agnews(options.agnews), "news", options.rows, made)
    corpora = write_all(pq.read_table(made), options.output)
    chain(read(corpora[0])[0])  # engines are slow at first
    cost = cost_of_languages(corpora[0], chain, options.rounds)
    print(f"--languages takes {cost:.2f} times the processor time", flush=True)
    print(as_markdown(measure(corpora, chain, options.rounds)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
