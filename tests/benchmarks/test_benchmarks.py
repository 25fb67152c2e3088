"""The benchmark's parts: corpora, arithmetic, turns, table, and that peers label as we do."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from benchmarks.arithmetic import document_flops
from benchmarks.contenders import Contender, Corpus, Settings, all_contenders
from benchmarks.corpora import Words, chunks, write_corpus
from benchmarks.peers.common import read_texts
from benchmarks.process import Failed, run_process
from benchmarks.rounds import run_all, schedule
from benchmarks.rows import Row, all_rows, figures
from benchmarks.table import fill, measured, table
from places import ROOT

TITLES = ["one two", "", "short"]
TEXTS = [
    "three four five six seven eight nine ten eleven twelve",
    "a b c d e f g h i j k l m",
    "text",
]


@pytest.fixture(scope="module")
def words() -> Words:
    return Words(pa.array(TITLES), pa.array(TEXTS))


def texts_of(tables) -> list[str]:
    table = pa.concat_tables(tables)
    return pc.binary_join_element_wise(table["title"], table["description"], " ").to_pylist()


def test_news_has_the_words_of_a_text_in_another_order(words):
    sources = [sorted(f"{a} {b}".split()) for a, b in zip(TITLES[:2], TEXTS[:2], strict=True)]
    made = texts_of(chunks(words, "news", 2_000))
    assert len(made) == 2_000
    assert {tuple(sorted(text.split())) for text in made} == {tuple(words) for words in sources}
    assert len(set(made)) == 2_000


def test_a_title_keeps_its_number_of_words(words):
    (made,) = chunks(words, "news", 500)
    for row in made.to_pylist():
        counts = len(row["title"].split()), len(row["description"].split())
        assert counts in [(2, 10), (0, 13)]


def test_corpora_are_the_same_for_a_seed_and_longer_ones_begin_with_shorter_ones(words):
    (first,), (again,) = chunks(words, "news", 100), chunks(words, "news", 100)
    (longer,), (other,) = chunks(words, "news", 300), chunks(words, "news", 100, seed=1)
    assert first.equals(again)
    assert longer.slice(0, 100).equals(first)
    assert not other.equals(first)
    assert longer["id"].to_pylist() == list(range(300))


def test_a_fifth_of_the_rows_repeats_one_that_came_before(words):
    made = texts_of(chunks(words, "repeats", 5_000))
    seen: set[str] = set()
    repeated = 0
    for text in made:
        repeated += text in seen
        seen.add(text)
    assert 900 < repeated < 1_100  # 1,000 are expected, with a standard deviation of 28


def test_long_articles_have_100_to_2000_words(words):
    lengths = np.array([len(text.split()) for text in texts_of(chunks(words, "long", 2_000))])
    assert lengths.min() >= 100 and lengths.max() <= 2_000
    assert 450 < np.median(lengths) < 550
    # The logarithms of a log-normal's quartiles are 2 * 0.6745 sigma apart.
    apart = np.log(np.percentile(lengths, 75)) - np.log(np.percentile(lengths, 25))
    assert apart == pytest.approx(1.349 * 0.6, rel=0.1)


def test_a_corpus_is_one_file_or_a_folder_of_several(words, tmp_path):
    write_corpus(words, "news", 90, tmp_path / "news.parquet")
    write_corpus(words, "news", 90, tmp_path / "news", files=4)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["news", "news.parquet"]
    one = pq.read_table(tmp_path / "news.parquet")
    several = [pq.read_table(path) for path in sorted((tmp_path / "news").iterdir())]
    assert [table.num_rows for table in several] == [22, 23, 22, 23]
    assert pa.concat_tables(several).equals(one)
    ids, texts = read_texts(tmp_path / "news", ["title", "description"], 50)
    assert ids.to_pylist() == list(range(50))
    assert texts.to_pylist() == texts_of([one.slice(0, 50)])


def test_operations_of_a_transformer_are_those_of_a_count_by_hand():
    spec = {
        "kind": "transformer",
        "embed": 4,
        "heads": 2,
        "key_size": 3,
        "feed_forward": 5,
        "dense": 7,
        "labels": 2,
    }
    # Of a token: q, k, v and the way back 4 * (2*4*6) = 192; feed-forward 2*4*5 + 2*5*4 = 80;
    # attention to 10 tokens: q.k 2*6*10 and weights.v 2*6*10 = 240. Head: 2*4*7 + 2*7*2 = 84.
    assert document_flops(spec, np.array([10])) == 10 * (192 + 80 + 240) + 84
    # A text of 1 token: 192 + 80 + 24, and the head; the mean of both texts.
    assert document_flops(spec, np.array([10, 1])) == ((5120 + 84) + (296 + 84)) / 2
    assert document_flops(spec, np.array([10]), is_served=True) == 5120 + 84
    # Served, if keys are at least as wide as embeddings: of each head (h QK') and (h VO), in all
    # 2 * 2 * (2*4*4) = 128; attention to 10 tokens is 4 wide then: 2 * (2*4*10 + 2*4*10) = 320.
    folded = document_flops({**spec, "key_size": 6}, np.array([10]), is_served=True)
    assert folded == 10 * (128 + 80 + 320) + 84


def test_operations_of_a_bert_are_those_of_a_count_by_hand():
    spec = {
        "kind": "bert",
        "architecture": "bert",
        "num_layers": 3,
        "num_heads": 2,
        "hidden_dim": 4,
        "intermediate_dim": 8,
        "pooling": "pooled",
        "labels": 2,
    }
    # A layer, of a token: 4 * (2*4*4) = 128; 2*4*8 + 2*8*4 = 128; to 5 tokens 4*4*5 = 80.
    # Pooler 2*4*4 = 32, softmax 2*4*2 = 16.
    assert document_flops(spec, np.array([5])) == 3 * 5 * (128 + 128 + 80) + 32 + 16
    assert document_flops({**spec, "pooling": "mean"}, np.array([5])) == 3 * 5 * 336 + 16
    # Served, [CLS] alone goes through the last layer: 256, and each head to 5 tokens 2 * (2*4*5).
    served = 2 * 5 * 336 + 256 + 2 * 80 + 32 + 16
    assert document_flops(spec, np.array([5]), is_served=True) == served
    mean = {**spec, "pooling": "mean"}
    assert document_flops(mean, np.array([5]), is_served=True) == 3 * 5 * 336 + 16


def contender(name: str, **settings) -> Contender:
    return Contender(name, name, "score", "small", Corpus("news", 10), **settings)


def test_contenders_take_turns():
    one, two, rare = contender("one"), contender("two"), contender("rare", most_rounds=1)
    order = [(number, c.name) for number, c in schedule([one, rare, two], 3)]
    assert order == [
        (0, "one"), (0, "rare"), (0, "two"), (1, "one"), (1, "two"), (2, "one"), (2, "two"),
    ]  # fmt: skip


def test_a_contender_that_fails_is_not_run_again_and_the_others_are():
    def run(c: Contender) -> dict:
        if c.name == "bad":
            raise Failed("exit code 1: no word")
        return {"seconds": 1.0}

    kept: list[dict] = []
    run_all([contender("bad"), contender("good")], 2, run, kept.append)
    assert kept == [
        {"contender": "bad", "round": 0, "error": "exit code 1: no word"},
        {"contender": "good", "round": 0, "seconds": 1.0},
        {"contender": "good", "round": 1, "seconds": 1.0},
    ]


def runs_of(name: str, *seconds: float, **more) -> list[dict]:
    common = {"contender": name, "peak_bytes": 10**9, **more}
    return [{**common, "round": n, "seconds": one} for n, one in enumerate(seconds)]


SMALL = [
    *runs_of("small", 60, 110, 85, rows=1_000_000, engine="openvino", precision="float32"),
    *runs_of("small:start", 10, 9, 30, rows=64),
    # A tenth of the rows, 2 s after a start-up of 10: 5,000 a second.
    *runs_of("small-keras", 12, 12, 12, rows=10_000, ready=10.0, done=12.0),
]


def row_named(name: str) -> Row:
    return next(row for row in all_rows() if row.name == name)


def test_a_peers_start_up_counts_once_when_its_time_is_scaled_up():
    # The peer would take 10 s and then 1,000,000 / 5,000 = 200 s.
    assert figures(row_named("small-keras"), SMALL) == [
        pytest.approx(210 / 60),
        pytest.approx(210 / 110),
        pytest.approx(210 / 85),
    ]


def test_start_up_is_taken_off_as_the_median_of_the_runs_on_next_to_nothing():
    # 999,936 rows in 60 - 10, 110 - 10 and 85 - 10 s, over 5,000 a second.
    found = figures(row_named("small-keras-rate"), SMALL)
    assert found == [pytest.approx(999_936 / (seconds * 5_000)) for seconds in (50, 100, 75)]


def test_a_row_needs_all_of_its_contenders():
    assert figures(row_named("small-bare"), SMALL) == []
    assert (
        figures(row_named("small-keras-rate"), [r for r in SMALL if ":" not in r["contender"]])
        == []
    )


def test_a_run_hardly_longer_than_its_start_up_has_no_rate():
    short = [*runs_of("small", 8, 60, 10.9, rows=1_000_000), *SMALL[3:]]
    found = figures(row_named("small-keras-rate"), short)
    assert found == [pytest.approx(999_936 / (50 * 5_000))]


def test_a_short_runs_rate_is_that_of_the_medians_of_all_rounds():
    runs = [
        *runs_of("small:start", 10, 9, 30, rows=64),
        *runs_of("small-5m", 110, rows=64 + 2_000_000),
        *runs_of("small-100k", 11, 14, 12, rows=64 + 80_000),
        *runs_of("repeats", 12, 14, rows=64 + 80_000),
    ]
    # 2,000,000 in 110 - 10 s over 80,000 in 12 - 10.
    assert figures(row_named("scale"), runs) == [0.5]
    assert figures(row_named("repeats"), runs) == [1.0, 0.5]
    assert figures(row_named("scale"), runs[3:]) == []  # no start-up to take off


def test_the_machines_rate_is_that_of_the_precision_in_use():
    rates = {"float32": 2e9, "bfloat16": 8e9}
    runs = [*SMALL, *runs_of("small-machine", 5, rates=rates, flops=1e5, rows=10)]
    # 999,936 in 50 s, where 2e9 / 1e5 = 20,000 a second are possible.
    assert figures(row_named("small-machine"), runs) == [pytest.approx(999_936 / 50 / 20_000)]


def test_the_table_shows_medians_bars_and_what_was_skipped(tmp_path):
    session = {
        "machine": {"bfloat16_units": False},
        "skipped": {"minilm": "no MiniLM bundle"},
        "runs": SMALL,
    }
    lines = table(all_rows(), [session]).splitlines()
    line = next(line for line in lines if "newsbeam over Keras predict" in line)
    assert line.endswith("| **2.47** | 1.91 to 3.50 | 3 | ≥ 10.0 | **below** |")
    assert any("Hugging Face" in line and "skipped: no MiniLM bundle" in line for line in lines)
    settings = Settings(*(Path(name) for name in ("small", "minilm", "backbone", "ag", "work")))
    shown = measured(all_contenders(settings), all_rows(), [session])
    assert "| Keras predict (small transformer) | 10,000 | 3 | 5,000 | 10.0 | 1.00 |" in shown


def test_a_row_is_of_the_latest_session_that_has_all_it_needs():
    about = {"machine": {"bfloat16_units": False}, "skipped": {}}
    later = {**about, "runs": runs_of("small-keras", 11, rows=10_000, ready=10.0, done=11.0)}
    both = table([row_named("small-keras")], [{**about, "runs": SMALL}, later])
    assert "**2.47**" in both


def test_text_goes_between_its_markers(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("a\n<!-- table -->\nold\n<!-- /table -->\nz\n")
    fill(readme, {"table": "new"})
    assert readme.read_text() == "a\n<!-- table -->\nnew\n<!-- /table -->\nz\n"
    with pytest.raises(ValueError, match="no place for other"):
        fill(readme, {"other": "new"})


def test_the_readme_has_a_place_for_all_that_is_filled_in(tmp_path):
    copy = tmp_path / "README.md"
    copy.write_text((ROOT / "benchmarks" / "README.md").read_text())
    fill(copy, {"machine": "M", "table": "T", "measured": "D"})


def test_every_row_needs_contenders_that_there_are():
    settings = Settings(*(Path(name) for name in ("small", "minilm", "backbone", "ag", "work")))
    names = set(all_contenders(settings))
    assert {name for row in all_rows() for name in row.needs} <= names


def test_a_process_is_measured_with_its_children():
    child = "import time; x = bytearray(200_000_000); time.sleep(1.5)"
    parent = f"""import subprocess, sys
subprocess.run([sys.executable, "-c", {child!r}])
print('{{"rows": 7}}')
"""
    recorded = run_process([sys.executable, "-c", parent], {})
    assert recorded["rows"] == 7
    assert recorded["peak_bytes"] > 200_000_000
    assert recorded["seconds"] >= 1.5
    with pytest.raises(Failed, match="exit code 3: why"):
        run_process(
            [sys.executable, "-c", "import sys; print('why', file=sys.stderr); sys.exit(3)"], {}
        )


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    """Rows of the toy corpus, each with an id."""
    from toys import TOY_TEXTS

    file = tmp_path_factory.mktemp("corpus") / "corpus.parquet"
    texts = [text for text, _ in TOY_TEXTS] * 3
    columns = {"id": np.arange(len(texts)), "title": texts, "description": ["the"] * len(texts)}
    pq.write_table(pa.table(columns), file, row_group_size=20)
    return file


@pytest.fixture(scope="module")
def our_labels(corpus, toy_bundle, tmp_path_factory) -> list[tuple[int, str]]:
    from pipeline.score import score

    output = tmp_path_factory.mktemp("ours") / "labels"
    command = ["--input", str(corpus), "--model", toy_bundle.path, "--output", str(output)]
    assert score([*command, "--id_column", "id", "--engine", "tensorflow"]) == 0
    return labels_of(*output.glob("part-*.parquet"))


def labels_of(*files: Path) -> list[tuple[int, str]]:
    table = pa.concat_tables(pq.read_table(file, columns=["id", "label"]) for file in files)
    return sorted(zip(table["id"].to_pylist(), table["label"].to_pylist(), strict=True))


def options_of(corpus: Path, bundle, output: Path, rows: int | None = None):
    import argparse

    return argparse.Namespace(
        model=bundle.path, input=str(corpus), output=str(output), rows=rows, engine="tensorflow"
    )


@pytest.mark.slow
def test_the_bare_loop_labels_as_the_pipeline_does(corpus, toy_bundle, our_labels, tmp_path):
    from benchmarks.peers.bare_loop import run

    recorded = run(options_of(corpus, toy_bundle, tmp_path / "labels.parquet"))
    assert recorded["rows"] == len(our_labels) == 36
    assert len({label for _, label in our_labels}) > 1
    assert labels_of(tmp_path / "labels.parquet") == our_labels


@pytest.mark.slow
def test_beams_idiom_labels_as_the_pipeline_does(corpus, toy_bundle, our_labels, tmp_path):
    from benchmarks.peers.beam_idiom import run

    run(options_of(corpus, toy_bundle, tmp_path / "labels"))
    assert labels_of(*tmp_path.glob("labels*.parquet")) == our_labels


@pytest.mark.slow
def test_keras_padded_labels_as_the_pipeline_does(corpus, toy_bundle, our_labels, tmp_path):
    from benchmarks.peers.keras_padded import run

    recorded = run(options_of(corpus, toy_bundle, tmp_path / "labels.parquet", 25))
    assert recorded["rows"] == 25
    assert labels_of(tmp_path / "labels.parquet") == our_labels[:25]


@pytest.mark.slow
def test_the_gpu_benchmark_measures_what_it_says_on_any_device():
    code = """
import json
from benchmarks import gpu
from model.networks.transformer import transformer_spec
spec = transformer_spec(50, 256, 4, embed=4, key_size=2, feed_forward=4, dense=4)
recorded = gpu.measure_network(spec, 16, 1)
print(gpu.table("toy card", gpu.matrix_rate(64, 1), {"toy": recorded}))
print(json.dumps({**recorded, "card": gpu.card()}))
"""
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    environment["XLA_FLAGS"] = "--xla_backend_optimization_level=0"  # compiles faster
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    recorded = json.loads(done.stdout.splitlines()[-1])
    rates = [
        recorded[f"{work}_{way}"] for work in ("train", "score") for way in ("grouped", "padded")
    ]
    assert min(rates) > 0
    assert recorded["card"] is None
    assert "| toy | train |" in done.stdout and "| toy | score |" in done.stdout


def test_without_a_gpu_the_gpu_benchmark_is_skipped():
    pytest.importorskip("jax")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu"],
        cwd=ROOT, env={**os.environ, "JAX_PLATFORMS": "cpu"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0
    assert "skipped" in done.stdout
