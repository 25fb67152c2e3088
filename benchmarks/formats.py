"""What reading costs, by format and compression: one corpus in each, read as a worker reads it.

    python -m benchmarks.formats --agnews ../shared/data/agnews --output .cache/benchmarks/formats \
        --rows 50000

For each: whether the labels are those of the same rows in Parquet, and rows a second of processor
time (of all threads) relative to Parquet's, the median of `--rounds` in which everybody takes a
turn. Then what `--languages` costs a whole run, by the same measure.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import time
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.corpora import Words, write_corpus
from benchmarks.formats_written import Corpus, write_all
from pipeline.corpus.inputs import find_inputs
from pipeline.corpus.planning.plan import Plan
from pipeline.corpus.planning.planner import make_plan
from pipeline.corpus.sources import ReadSettings, WorkItem
from pipeline.corpus.tables.tables import Tables
from pipeline.stages.reading import read_source
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


def read(corpus: Corpus) -> pa.Table:
    """The documents of a corpus, read as one worker's."""
    tables = Tables([corpus.input])
    inputs = find_inputs([corpus.input], None, tables)
    plan = make_plan(
        inputs, list(corpus.text_columns), {}, reading=ReadSettings(SHARD_ROWS), tables=tables
    )
    return pa.concat_tables(_tables(plan)).select(["text"])


def _tables(plan: Plan) -> list[pa.Table]:
    return [
        shard.table
        for number, source in enumerate(plan.sources)
        for shard in read_source(plan, source, WorkItem(0, number, 0, source.rows))
    ]


def labels_of(documents: pa.Table, model: str) -> list[str | None]:
    """The labels of texts, by a bundle."""
    from pipeline.embedding.labeller import Labeller, Question

    labeller = Labeller(Question(model, text_columns=("text",)))
    found: list[str | None] = []
    for batch in documents.to_batches(SHARD_ROWS):
        found += [answer["label"] for answer in labeller(batch.to_pylist())]
    return found


def measure(corpora: list[Corpus], model: str, rounds: int) -> list[Row]:
    """Reads every corpus once for its labels, then in turns for the time it takes.

    Args:
        corpora: Parquet first.
        model: the bundle's path.
        rounds: how many turns.
    """
    texts = [read(corpus)["text"].to_pylist() for corpus in corpora]
    different = list(dict.fromkeys(chain.from_iterable(texts)))  # each is labelled once
    asked = pa.table({"text": pa.array(different, pa.string())})
    label = dict(zip(different, labels_of(asked, model), strict=True))
    labels = [[label[text] for text in some] for some in texts]
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
        rows.append(Row(corpus.format, corpus.compression, len(texts[number]), equal, relative))
    return rows


def cost_of_languages(corpus: Corpus, model: str, rounds: int, folder: Path) -> tuple[float, float]:
    """Processor seconds of a whole run, without and with `--languages`: the medians."""
    seconds: tuple[list[float], list[float]] = [], []
    for _ in range(rounds):
        for place, more in enumerate(([], ["--languages", "en"])):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            flags = ["--input", corpus.input, "--model", model, "--output", str(folder / "labels")]
            flags += ["--text_columns", ",".join(corpus.text_columns), "--overwrite", *more]
            command = [sys.executable, "-m", "pipeline.score", *flags]
            subprocess.run(command, check=True, capture_output=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            seconds[place].append(used)
    return statistics.median(seconds[0]), statistics.median(seconds[1])


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
    flags.add_argument("--no_languages", action="store_true")
    options = flags.parse_args(argv)
    open_bundle(options.model)
    options.output.mkdir(parents=True, exist_ok=True)
    made = options.output / "corpus.parquet"
    write_corpus(Words.of_agnews(options.agnews), "news", options.rows, made)
    corpora = write_all(pq.read_table(made), options.output)
    print(as_markdown(measure(corpora, options.model, options.rounds)))
    if not options.no_languages:
        costs = cost_of_languages(corpora[0], options.model, options.rounds, options.output)
        print(f"\nCPU seconds of a run: {costs[0]:.1f}, with --languages {costs[1]:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
