"""Label sets of a run: the column, what manifest and report say, and what is refused."""

import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fakes import LABELS, FakeEngine, fake_bundle, fake_tokenizer
from model.label_sets import conformal_scores
from outputs import manifest, rows
from pipeline.launcher.command import run_command
from pipeline.reporting.findings import of_missed_coverage, of_the_sets
from pipeline.score import score
from pipeline.stages.covering import add_label_sets

ROWS = 600


def corpus(seed: int, right: float = 1.0) -> pa.Table:
    """News whose true labels are drawn from what the fake model says of them, or from anything."""
    draw = np.random.default_rng(seed)
    titles = [" ".join(f"w{n}" for n in draw.integers(0, 500, 6)) for _ in range(ROWS)]
    likely = probabilities_of(titles)
    gold = (likely.cumsum(axis=1) > draw.random((ROWS, 1))).argmax(axis=1)
    gold = np.where(draw.random(ROWS) < right, gold, draw.integers(0, 4, ROWS))
    truth = [LABELS[one] for one in gold]
    return pa.table({"title": titles, "description": [""] * ROWS, "truth": truth})


def probabilities_of(titles: list[str]) -> np.ndarray:
    token_ids, _ = fake_tokenizer(pa.array(titles))
    padded = np.array([(ids + [0] * 16)[:16] for ids in token_ids.to_pylist()])
    return FakeEngine()(padded)


@pytest.fixture
def cover(tmp_path, play):
    """A function that scores `news.parquet` with a bundle that has held rows out."""
    held_out = corpus(1)
    gold = np.array([LABELS.index(name) for name in held_out["truth"].to_pylist()])
    scores = conformal_scores(probabilities_of(held_out["title"].to_pylist()), gold)
    model = fake_bundle(tmp_path / "model", conformal=scores)
    news = corpus(2)
    blank = pa.table({"title": [" ", "w1"], "description": [None, ""], "truth": ["World", None]})
    pq.write_table(pa.concat_tables([news, blank]), tmp_path / "news.parquet")

    def run(*more: str, output: str = "out", news: str = "news.parquet", model=model) -> int:
        flags = ["--input", str(tmp_path / news), "--output", str(tmp_path / output)]
        return run_command(score, [*flags, "--model", model, "--shard_rows", "250", *more])

    run.folder, run.scores, run.model = tmp_path, scores, model
    return run


def published(run, output: str = "out") -> pa.Table:
    return rows(run.folder / output)


@pytest.mark.parametrize("coverage", [0.9, 0.99])
def test_sets_hold_the_true_label_as_often_as_was_asked(cover, coverage, capsys):
    assert cover("--coverage", str(coverage), "--gold_column", "truth") == 0
    table, found = published(cover), manifest(cover.folder / "out")
    assert table.schema.field("label_set").type == pa.list_(pa.string())
    names = table.column_names
    assert names.index("label_set") == names.index("probabilities") + 1
    truth = pq.read_table(cover.folder / "news.parquet")["truth"].to_pylist()
    covered, sizes = [], []
    for row, true in zip(table.to_pylist(), truth, strict=True):
        if row["error"]:
            assert row["label_set"] is None
            continue
        assert row["label_set"][0] == row["label"]
        likely = dict(zip(LABELS, row["probabilities"], strict=True))
        likelihoods = [likely[name] for name in row["label_set"]]
        assert likelihoods == sorted(likelihoods, reverse=True)
        sizes.append(len(row["label_set"]))
        covered += [true in row["label_set"]] if true else []
    assert len(covered) == ROWS and len(sizes) == ROWS + 1
    # The held-out rows vary as much as the new ones.
    spread = math.sqrt(coverage * (1 - coverage) * 2 / ROWS)
    assert np.mean(covered) == pytest.approx(coverage, abs=4 * spread)

    sets = found["label_sets"]
    assert (sets["coverage"], sets["held_out"]) == (coverage, ROWS)
    assert sets["least"] in cover.scores["mistakes"]
    assert sets["sizes"] == {str(n): sizes.count(n) for n in sorted(set(sizes))}
    assert (sets["known"], sets["covered"]) == (ROWS, sum(covered))
    assert sets["reached"] == np.mean(covered)
    assert sets["interval"][0] < sets["reached"] < sets["interval"][1]
    assert found["plan"]["settings"]["coverage"] == coverage
    assert of_missed_coverage(found) == []
    said, page = capsys.readouterr().out, (cover.folder / "out" / "_report.html").read_text()
    assert f"label sets: {of_the_sets(found)}" in said
    assert f"the true label is in {sets['reached']:.1%} of the sets" in said
    assert f"<strong>{sets['reached']:.1%}</strong> of {ROWS} rows with a true label" in page
    assert f'<td class="n">1</td><td class="n">{sizes.count(1)}</td>' in page


def test_without_true_labels_the_sizes_are_said(cover, capsys):
    assert cover("--coverage", "0.9") == 0
    sets = manifest(cover.folder / "out")["label_sets"]
    assert sum(sets["sizes"].values()) == ROWS + 1 and "reached" not in sets
    assert "for a coverage of 90 %\n" in capsys.readouterr().out
    assert "Label sets" in (cover.folder / "out" / "_report.html").read_text()


def test_without_coverage_there_is_none_of_it(cover, capsys):
    assert cover("--gold_column", "truth") == 0
    assert "label_set" not in published(cover).column_names
    assert "label_sets" not in manifest(cover.folder / "out")
    assert "abel set" not in (cover.folder / "out" / "_report.html").read_text()
    assert "label sets" not in capsys.readouterr().out


def test_another_coverage_is_another_run(cover, capsys):
    assert cover("--coverage", "0.9") == 0
    assert cover("--coverage", "0.90") == 0
    assert "nothing to do" in capsys.readouterr().out
    assert cover("--coverage", "0.95") == 2
    assert "(coverage: 0.9 there, 0.95 now)" in capsys.readouterr().err
    assert cover() == 2
    for coverage in ("0.9", "0.95", "0.95"):
        assert cover("--coverage", coverage, "--incremental", output="series") == 0
    assert len(list((cover.folder / "series").glob("bundle=*/run=*"))) == 2


def test_a_corpus_of_another_kind_is_found_out(cover, capsys):
    pq.write_table(corpus(3, right=0.7), cover.folder / "odd.parquet")
    assert cover("--coverage", "0.9", "--gold_column", "truth", news="odd.parquet") == 0
    found = manifest(cover.folder / "out")
    (sentence,) = of_missed_coverage(found)
    assert sentence.startswith(
        f"The label sets hold the true label in {found['label_sets']['reached']:.1%}"
    )
    assert "python -m model.calibrate" in sentence
    assert sentence.split("%")[0] in (cover.folder / "out" / "_report.html").read_text()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--coverage", "1"], "argument --coverage: 1 is not above 0 and below 1"),
        (["--coverage", "0"], "argument --coverage: 0 is not above 0 and below 1"),
        (["--coverage", "much"], "argument --coverage: 'much' is no number"),
        (
            ["--coverage", "0.999"],
            "a coverage of 0.999 takes 999 rows held out for label sets, and",
        ),
        (
            ["--coverage", "0.9", "--then", "MODEL", "--agreement", "0.9"],
            "--coverage goes without --then: label sets are one bundle's, and a cascade has two",
        ),
        (
            ["--coverage", "0.9", "--carry_columns", "truth:label_set"],
            "the output has a column label_set of its own",
        ),
    ],
)
def test_what_cannot_be_is_one_line(cover, flags, message, capsys):
    assert cover(*[cover.model if flag == "MODEL" else flag for flag in flags]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not any((cover.folder / "out").glob("part-*"))


def test_a_bundle_without_rows_held_out_is_told_the_way_out(cover, fake, capsys):
    for more in ((), ("--incremental",)):
        assert cover("--coverage", "0.9", *more, model=fake) == 2
        error = capsys.readouterr().err
        assert f"{fake} has no rows held out for label sets" in error
        assert f"python -m model.calibrate --model {fake} --input" in error
        assert error.count("\n") == 1


def test_a_table_of_literal_rows():
    likely = pa.array([[0.5, 0.2, 0.3], None, [0.1, 0.8, 0.1]], pa.list_(pa.float32()))
    table = pa.table({"probabilities": pa.chunked_array([likely.slice(0, 1), likely.slice(1)])})
    found = add_label_sets(table, ("a", "b", "c"), 0.3)
    assert found["label_set"].to_pylist() == [["a", "c"], None, ["b"]]
    found = add_label_sets(table, ("a", "b", "c"), math.inf)
    assert found["label_set"].to_pylist() == [["a"], None, ["b"]]
    for empty in (table.slice(0, 0), table.slice(1, 1)):
        nothing = add_label_sets(empty, ("a", "b", "c"), 0.3)["label_set"]
        assert nothing.to_pylist() == [None] * empty.num_rows
        assert nothing.type == pa.list_(pa.string())
