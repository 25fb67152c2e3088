"""Who is measured: each contender is one command on one corpus."""

import dataclasses
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

START = ":start"  # the same command on a corpus of next to nothing: its start-up
MINILM_ROWS = 4_000  # 20,000 would take half of the hour that all may take
SOME_ROUNDS = 2  # of what takes a minute or two and varies little
TWO_WORKERS = ("--direct_num_workers", "2", "--direct_running_mode", "multi_processing")


class Corpus(NamedTuple):
    """A corpus of `benchmarks.corpora`, or AG News' test set as it is."""

    kind: str
    rows: int
    files: int = 1

    def file(self, settings: "Settings") -> Path:
        """Where it lies: a file, or a folder of several."""
        if self.kind == "test":
            return settings.agnews / "test.parquet"
        if self.files > 1:
            return settings.work / f"{self.kind}-{self.rows}-in-{self.files}"
        return settings.work / f"{self.kind}-{self.rows}.parquet"


@dataclass(frozen=True)
class Settings:
    """Where everything lies, and how much of it is taken."""

    small: Path
    minilm: Path
    backbone: Path
    agnews: Path
    work: Path
    scale: float = 1.0
    minilm_rows: int = MINILM_ROWS
    confidence: float = 0.95

    def rows(self, rows: int) -> int:
        """So many rows, at this scale."""
        return max(64, int(rows * self.scale))

    @property
    def hugging_face(self) -> Path:
        """The MiniLM bundle as a Hugging Face directory."""
        return self.work / "hugging-face"


@dataclass(frozen=True)
class Contender:
    """A command.

    Attributes:
        name: by which rows of the table call it.
        what: what it is called in the table.
        program: `score` (that is us), a peer's name, or `import` (of TensorFlow, nothing else).
        model: `small`, `minilm` or `hugging_face`.
        corpus: what it labels.
        rows: so many of its rows only.
        options: more options.
        most_rounds: it takes too long for all rounds.
        starts: whether its start-up is measured by a run on next to nothing; else it tells itself
            when it was ready.
    """

    name: str
    what: str
    program: str
    model: str
    corpus: Corpus
    rows: int | None = None
    options: tuple[str, ...] = ()
    most_rounds: int | None = None
    starts: bool = False

    def start(self) -> "Contender":
        """The run that measures its start-up."""
        is_test = self.corpus.kind == "test"  # only there are true labels
        return dataclasses.replace(
            self,
            name=self.name + START,
            what=f"{self.what}: start-up",
            corpus=self.corpus if is_test else Corpus("news", 64, 2),
            options=(*self.options, "--limit", "64") if is_test else self.options,
            rows=None,
            starts=False,
        )

    def command(self, settings: Settings, output: Path) -> list[str]:
        """The command line."""
        if self.program == "import":
            return [sys.executable, "-c", "import tensorflow"]
        corpus = str(self.corpus.file(settings))
        common = ["--model", str(getattr(settings, self.model)), "--input", corpus]
        if self.program == "score":
            command = [sys.executable, "-m", "pipeline.score", *common, "--output", str(output)]
            return [*command, "--id_column", "id", *self.options]
        limit = [] if self.rows is None else ["--rows", str(self.rows)]
        peer = [sys.executable, "-m", "benchmarks.peers", self.program, *common, *limit]
        return [*peer, "--output", f"{output}.parquet", *self.options]


def all_contenders(settings: Settings) -> dict[str, Contender]:
    """Everybody, by name, in the order of a round; start-ups beside those whose they are."""
    rows = settings.rows
    million, hundred = Corpus("news", rows(1_000_000)), Corpus("news", rows(100_000))
    five = Corpus("news", rows(5_000_000))
    # Two files, so that two workers have something to share: rows of a Parquet file are planned
    # 131,072 at a time.
    bert = Corpus("news", rows(settings.minilm_rows), 2)
    test = Corpus("test", 3_800)
    part = rows(20_000)
    then = ("--then", str(settings.minilm), "--confidence", str(settings.confidence))
    gold = ("--gold_column", "label")
    each = [
        Contender("small", "newsbeam", "score", "small", million, starts=True),
        Contender("small-keras", "Keras predict", "keras_padded", "small", million, part),
        Contender(
            "small-idiom", "Beam RunInference", "beam_idiom", "small", Corpus("news", part),
            starts=True,
        ),
        Contender("small-bare", "bare loop", "bare_loop", "small", million, rows(200_000)),
        Contender(
            "small-machine", "machine", "machine", "small", hundred, most_rounds=SOME_ROUNDS
        ),
        Contender("import", "import tensorflow", "import", "small", hundred),
        Contender("small-100k", "newsbeam", "score", "small", hundred),
        Contender(
            "repeats", "newsbeam, a fifth repeated", "score", "small",
            Corpus("repeats", hundred.rows), most_rounds=SOME_ROUNDS,
        ),
        Contender(
            "long", "newsbeam, long articles", "score", "small", Corpus("long", rows(10_000)),
            most_rounds=1,
        ),
        Contender("small-5m", "newsbeam", "score", "small", five, most_rounds=SOME_ROUNDS),
        Contender("minilm", "newsbeam", "score", "minilm", bert, starts=True),
        Contender(
            "minilm-hf", "Hugging Face pipeline", "transformers_pipeline", "hugging_face", bert,
            rows(500),
        ),
        Contender("minilm-keras", "Keras predict", "keras_padded", "minilm", bert, rows(500)),
        Contender(
            "minilm-tf", "newsbeam, TensorFlow", "score", "minilm", bert,
            options=("--engine", "tensorflow"), starts=True,
        ),
        Contender(
            "minilm-machine", "machine", "machine", "minilm", bert, most_rounds=SOME_ROUNDS
        ),
        Contender(
            "minilm-two", "newsbeam, two workers", "score", "minilm", bert,
            options=TWO_WORKERS, starts=True, most_rounds=SOME_ROUNDS,
        ),
        Contender(
            "alone", "newsbeam, test set", "score", "minilm", test, options=gold, starts=True,
            most_rounds=SOME_ROUNDS,
        ),
        Contender(
            "cascade", "newsbeam, cascade, test set", "score", "small", test,
            options=(*then, *gold), starts=True, most_rounds=SOME_ROUNDS,
        ),
    ]  # fmt: skip
    found: dict[str, Contender] = {}
    for one in each:
        found[one.name] = one
        if one.starts:
            found[one.name + START] = one.start()
    return found
