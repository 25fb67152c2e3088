"""The report: what it says against the published rows, and what it does with odd corpora."""

import json
import re
import shutil
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from scipy.spatial.distance import jensenshannon
from sklearn import metrics

from model.data.corpus_profile import CONFIDENCE_EDGES, TOKEN_EDGES
from pages import Page
from pipeline.launcher.command import run_command
from pipeline.quality.stats import merge, shard_stats
from pipeline.report import report
from pipeline.reporting import humanize
from pipeline.reporting.page import page as page_of
from pipeline.reporting.sections import STAGES
from pipeline.score import score
from scored import bundle_card, manifest_for, random_rows, scored_table
from toys import TOY_LABELS, TOY_MAX_TOKENS, TOY_WORDS

PROFILE = {
    "rows": 500,
    "labelled_rows": 500,
    "unknown_share": 0.02,
    "label_shares": {"Business": 0.7, "Sci/Tech": 0.1, "Sports": 0.1, "World": 0.1},
    "tokens": {"counts": [0, 5, 20, 100, 200, 100, 50, 20, 5] + [0] * 10},
    "confidence": {"counts": [0] * 10 + [50] * 10},
}


def percent(share):
    return f"{share:.1%}"


@pytest.fixture(scope="module")
def bundle_with_profile(toy_bundle, tmp_path_factory):
    """The toy bundle, which says what its training corpus looked like."""
    folder = tmp_path_factory.mktemp("bundle") / "toy"
    shutil.copytree(toy_bundle.path, folder)
    about = json.loads((folder / "bundle.json").read_text())
    about["profile"] = PROFILE
    about["metrics"] = {"validation": {"rows": 500, "accuracy": 0.99, "loss": 0.1}}
    (folder / "bundle.json").write_text(json.dumps(about))
    return str(folder)


def write_corpus(folder):
    """Two files of JSON lines, with broken lines, rows without text, and odd true labels."""
    draw = np.random.default_rng(11)
    for name, rows in (("a.jsonl", 230), ("b.jsonl", 170)):
        lines = []
        for number in range(rows):
            words = draw.choice([*TOY_WORDS, "other", "<b>bold</b>"], draw.integers(1, 25))
            truth = draw.choice([*TOY_LABELS, "Weather", None], p=[0.23] * 4 + [0.05, 0.03])
            row = {"key": f"{name}-{number}", "title": " ".join(words), "truth": truth}
            line = json.dumps({**row, "description": ""})
            if number % 20 == 3:
                line = line[: len(line) // 2]
            elif number % 25 == 7:
                line = json.dumps({**row, "title": " ", "description": ""})
            lines.append(line + "\n")
        (folder / name).write_text("".join(lines))


@pytest.fixture(scope="module")
def run(bundle_with_profile, tmp_path_factory):
    """Page, manifest and published rows of a run, the rows with `truth` and `text`."""
    folder = tmp_path_factory.mktemp("run")
    write_corpus(folder)
    output = folder / "labels"
    arguments = ["--input", str(folder / "*.jsonl"), "--model", bundle_with_profile]
    arguments += ["--output", str(output), "--id_column", "key", "--gold_column", "truth"]
    assert score([*arguments, "--shard_rows", "64", "--carry_columns", "truth,title"]) == 0
    rows = pd.concat(pd.read_parquet(part) for part in sorted(output.glob("part-*.parquet")))
    rows["label"] = rows["label"].astype(object).where(rows["label"].notna(), None)
    manifest = json.loads((output / "_manifest.json").read_text())
    return Page((output / "_report.html").read_text()), manifest, rows, output


def test_the_counts_at_the_top(run):
    page, manifest, rows, _ = run
    labelled = int(rows["label"].notna().sum())
    assert len(rows) == 400
    assert page.tiles["Rows read"] == "400"
    assert page.tiles["Labelled"] == f"{labelled} {percent(labelled / 400)}"
    assert page.tiles["In error"] == f"{400 - labelled} {percent((400 - labelled) / 400)}"
    assert page.tiles["Mean confidence"] == f"{rows['score'].mean():.2f} of 1"
    assert f"400 rows of 2 files were read, {labelled} got a label" in page.text
    if manifest["seconds"]:
        rate = f"{400 / manifest['seconds']:,.0f} documents a second"
        assert page.tiles["Speed"] == rate


def test_labels(run):
    page, _, rows, _ = run
    table = page.table("Labels, how often")
    labelled = rows[rows["label"].notna()]
    for label in TOY_LABELS:
        here = labelled[labelled["label"] == label]
        share = percent(len(here) / len(labelled))
        assert table[label] == [str(len(here)), share, f"{here['score'].mean():.3f}"]
    assert list(table) == list(labelled["label"].value_counts().index)


def test_confidence(run):
    page, _, rows, _ = run
    scores = rows["score"].dropna().astype(float).round(7)
    counts, _ = np.histogram(scores, CONFIDENCE_EDGES)
    table = page.table("Labelled rows by confidence")
    for lower, count in zip(CONFIDENCE_EDGES, counts, strict=False):
        shown = table.get(f"{lower:.2f}")
        assert shown == [f"{lower + 0.05:.2f}", str(count)] if shown else count == 0
    high, low = percent((scores >= 0.9).mean()), percent((scores < 0.5).mean())
    assert f"{high} of the labels have 0.9 or more, {low} have less than 0.5" in page.text


def test_lengths_and_unknown_words(run, toy_transform):
    from model.tokenizers.tokenizer import Tokenizer

    page, _, rows, _ = run
    tokens = rows["tokens"].dropna().astype(int)
    table = page.table("Rows with a text by its length")
    for lower, (upper, count) in table.items():
        assert int(count) == tokens.between(int(lower), int(upper)).sum()
    assert sum(int(count) for _, count in table.values()) == len(tokens)
    longer = int((tokens > TOY_MAX_TOKENS).sum())
    assert f"A text has {tokens.mean():.1f} tokens" in page.text
    assert f"{longer} texts ({percent(longer / len(tokens))}) are longer" in page.text
    texts = pa.array(rows.loc[rows["error"].isna(), "title"].to_list(), pa.string())
    ids, _ = Tokenizer(toy_transform)(texts)
    unknown = pc.mean(pc.equal(ids.flatten(), 1).cast("int8")).as_py()
    assert f"{percent(unknown)} of the tokens are unknown" in page.text


def test_accuracy(run):
    page, _, rows, _ = run
    known = rows[rows["label"].notna() & rows["truth"].notna()]
    true, given = known["truth"].to_list(), known["label"].to_list()
    accuracy = metrics.accuracy_score(true, given)
    assert page.tiles["Accuracy"].startswith(percent(accuracy))
    macro = metrics.f1_score(true, given, average="macro", labels=TOY_LABELS)
    assert f"{percent(accuracy)} are right" in page.text
    assert f"macro F1, which gives each label the same weight, is {macro:.3f}" in page.text
    in_error = int((rows["label"].isna() & rows["truth"].notna()).sum())
    assert f"{in_error} rows with a true label are in error" in page.text
    of_all = sum(map(str.__eq__, true, given)) / (len(true) + in_error)
    assert f"If they count as mistakes, {percent(of_all)} are right" in page.text
    assert f"{int(rows['truth'].isna().sum())} rows without a true label" in page.text
    assert f"{true.count('Weather')} rows have a label that is unknown to the model" in page.text
    report = metrics.classification_report(
        true, given, labels=TOY_LABELS, output_dict=True, zero_division=0
    )
    table = page.table("By label. Precision")
    for label in TOY_LABELS:
        expected = report[label]
        assert table[label] == [
            str(int(expected["support"])),
            percent(expected["precision"]),
            percent(expected["recall"]),
            f"{expected['f1-score']:.3f}",
        ]


def test_confusion_matrix(run):
    page, _, rows, _ = run
    known = rows[rows["label"].notna() & rows["truth"].notna()]
    table = page.table("The same as numbers")
    expected = pd.crosstab(known["truth"], known["label"]).reindex(columns=TOY_LABELS, fill_value=0)
    for label in TOY_LABELS:
        assert table[label] == [str(count) for count in expected.loc[label]]
    assert table["(not a label of the bundle)"] == [str(c) for c in expected.loc["Weather"]]


def test_calibration_and_mistakes(run):
    page, _, rows, _ = run
    known = rows[rows["label"].notna() & rows["truth"].notna()]
    scores = known["score"].astype(float).round(7)
    right = (known["label"] == known["truth"]).to_numpy()
    which = np.minimum(np.digitize(scores, CONFIDENCE_EDGES) - 1, 19)
    grouped = pd.DataFrame({"bin": which, "score": scores, "right": right}).groupby("bin")
    shown = next(rows for name, rows in page.tables.items() if name.startswith("Compared rows"))
    expected = [
        [str(len(part)), percent(part["score"].mean()), percent(part["right"].mean())]
        for _, part in grouped
    ]
    assert shown[1:] == expected
    error = sum(len(part) * abs(part["score"].mean() - part["right"].mean()) for _, part in grouped)
    assert f"differ by {percent(error / len(known))} on average" in page.text
    wrong = known[~right & (known["truth"] != "Weather")]
    worst = wrong.sort_values("score", ascending=False, kind="stable").iloc[0]
    assert f"{worst['label']}, in truth {worst['truth']}, confidence {worst['score']:.3f}" in (
        page.text
    )


def test_errors_and_sources(run):
    page, _, rows, _ = run
    errors = rows["error"].dropna()
    table = page.table("Rows in error by reason")
    for code, count in errors.str.split(":").str[0].value_counts().items():
        assert table[code][:2] == [str(count), percent(count / len(rows))]
    assert len(table) == 2
    for detail in errors.groupby(errors.str.split(":").str[0]).first():
        assert " ".join(detail.split()) in page.text
    table = page.table("Rows by file")
    for source, part in rows.groupby(rows["source"].astype(str)):
        bad = int(part["error"].notna().sum())
        assert table[source] == [str(len(part)), str(bad), percent(bad / len(part))]


def test_drift(run):
    page, manifest, rows, _ = run
    table = page.table("Against the training corpus")
    labelled = rows[rows["label"].notna()]
    shares = [(labelled["label"] == label).mean() for label in TOY_LABELS]
    distance = jensenshannon(shares, list(PROFILE["label_shares"].values()), base=2)
    assert table["label shares"][0] == f"{distance:.3f}"
    tokens = rows["tokens"].dropna()
    counts, _ = np.histogram(tokens, [*TOKEN_EDGES, np.inf])
    distance = jensenshannon(counts, PROFILE["tokens"]["counts"], base=2)
    assert table["text lengths"][0] == f"{distance:.3f}"
    assert table["unknown words"][2] == "severe"
    assert len(manifest["drift"]["moved"]) >= 3
    for sentence in manifest["drift"]["moved"]:
        assert sentence in page.text


def test_examples_are_the_extreme_rows(run):
    page, _, rows, _ = run
    labelled = rows[rows["label"].notna()]
    for label in TOY_LABELS:
        here = labelled[labelled["label"] == label]  # of equal scores the first row
        for row in (
            here.sort_values("score", kind="stable").iloc[0],
            here.sort_values("score", kind="stable", ascending=False).iloc[0],
        ):
            assert f"{label}, confidence {row['score']:.3f} · row {row['source_row']}" in page.text


def test_time_and_batches(run):
    page, manifest, rows, _ = run
    found = manifest["metrics"]
    assert found["rows_labelled"] == rows["label"].notna().sum()
    assert found["rows_in_error"] == rows["label"].isna().sum()
    assert found["rows_in_error_json"] == rows["error"].str.startswith("json").sum()
    assert found["rows_truncated"] == (rows["tokens"] > TOY_MAX_TOKENS).sum()
    assert found["tokens"] == rows["tokens"].clip(upper=TOY_MAX_TOKENS).sum()
    table = page.table("Time by stage")
    assert table["Running the model"][0] == humanize.duration(found["model_ms"] / 1000)
    alone = {name for key, name in STAGES.items() if not key.startswith("then")}
    assert set(table) == alone
    padding = percent(1 - found["scored_tokens"] / found["padded_tokens"])
    assert f"{padding} of what it computed was padding" in page.text
    assert 0 < found["scored_tokens"] <= found["padded_tokens"]
    assert manifest["stats"]["sessions"] == {manifest["started"]: 400}


def test_the_bundles_card(run):
    page, manifest, _, _ = run
    assert "On 500 validation rows its accuracy was 99.0%" in page.text
    assert "lower than on the rows held out in training, 99.0%" in page.text
    assert page.table("How it was trained") == {"device": ["cpu"]}
    assert manifest["bundle"]["digest"] == manifest["plan"]["settings"]["bundle"]


def test_the_layers_of_the_network():
    layers = [{"name": "head", "kind": "Dense", "parameters": 12_345}]
    trained = {"recipe": "scratch", "parameters": 1_012_345, "layers": layers}
    stats = merge([shard_stats(scored_table([]), 64)])
    page = Page(page_of(manifest_for(stats, bundle_card(training=trained))))
    assert page.table("Layers of the network") == {"head": ["Dense", "12,345"]}
    assert page.table("How it was trained")["parameters"] == ["1,012,345"]


def test_a_person_with_a_screen_reader_gets_along(run):
    page, _, _, output = run
    html = (output / "_report.html").read_text()
    assert (page.open, page.mistakes) == ([], [])
    levels = [int(level[1]) for level, _ in page.headings]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    ids = [found["id"] for _, found in page.tags if found.get("id")]
    assert len(ids) == len(set(ids))
    figures = [found for _, found in page.tags if found.get("role") == "img"]
    assert len(figures) == html.count("<figure>") == 5
    assert all(len(found["aria-label"]) > 40 for found in figures)
    assert html.count("<caption>") == html.count("<table>")
    inner = [found["href"] for tag, found in page.tags if tag == "a"]
    assert {link[1:] for link in inner} <= set(ids)
    assert ("html", {"lang": "en"}) in page.tags


def test_the_page_asks_for_nothing_from_outside(run):
    page, _, _, output = run
    for tag, found in page.tags:
        assert tag not in ("script", "link", "img", "iframe", "object")
        for name in ("src", "href", "xlink:href", "srcset", "data"):
            assert (found.get(name) or "#").startswith("#")
    html = (output / "_report.html").read_text()
    assert "@import" not in html
    assert set(re.findall(r"url\((.)", html)) <= {"#"}
    assert "default-src 'none'" in html


def test_text_of_the_corpus_never_becomes_markup():
    nasty = '<script>alert(1)</script> & "quoted" \' $x^2$ --> </svg>'
    labels = [nasty, "Other"]
    rows = [{"label": nasty, "text": nasty, "gold": nasty, "score": 0.9}] * 3
    rows += [{"label": "Other", "text": nasty + "2", "gold": nasty + "3", "score": 0.8}]
    rows += [{"error": f"json: {nasty}", "gold": nasty}]
    stats = shard_stats(scored_table(rows, labels, source=nasty), 64)
    card = bundle_card(labels, name=nasty, training={nasty: nasty})
    page = Page(page_of(manifest_for(stats, card)))
    tags = [tag for tag, _ in page.tags]
    assert "script" not in tags
    assert (page.open, page.mistakes) == ([], [])
    assert not [name for _, found in page.tags for name in found if name.startswith("on")]
    assert page.text.count(nasty) > 8


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [{"error": "blank: no text", "gold": "World"}],
        [{"text": "one", "score": 1.0, "tokens": 0}],
        [{"text": "one", "gold": "Weather", "tokens": 9999}],
    ],
    ids=["no rows", "only errors", "one row", "only unknown labels"],
)
def test_corpora_with_next_to_nothing_in_them(rows):
    manifest = manifest_for(merge([shard_stats(scored_table(rows), 64)]))
    assert manifest["problems"] == []
    page = Page(page_of(manifest))
    assert page.tiles["Rows read"] == str(len(rows))
    assert (page.open, page.mistakes) == ([], [])


def test_a_hundred_million_rows():
    stats = shard_stats(scored_table(random_rows(3, 1000, error_share=0.1), tokens=9), 64)
    times = 100_000

    def enlarged(value):
        if isinstance(value, dict):
            return {key: enlarged(part) for key, part in value.items()}
        return value * times if isinstance(value, int | float) else value

    examples, gold = stats["examples"], stats["gold"]
    large = {**enlarged(stats), "examples": examples}
    for key in ("mistakes", "foreign_examples"):
        large["gold"][key] = gold[key]
    html = page_of(manifest_for(large))
    page = Page(html)
    assert page.tiles["Rows read"] == "100,000,000"
    assert "100,000,000 rows of 1 file were read" in page.text
    assert len(html) < 150_000


def test_hundreds_of_labels_and_thousands_of_files_stay_a_page():
    labels = [f"label {number:03d}" for number in range(300)]
    draw = np.random.default_rng(5)
    rows = [
        {"label": str(draw.choice(labels)), "gold": str(draw.choice(labels)), "text": f"t {n}"}
        for n in range(3000)
    ]
    stats = shard_stats(scored_table(rows, labels), 64)
    stats["sources"] = {f"{number}.csv": {"rows": 1, "errors": 0} for number in range(20_000)}
    html = page_of(manifest_for(stats, bundle_card(labels)))
    assert "The 50 most frequent of 300" in html
    assert "The first 50 of 20,000" in html
    assert len(html) < 400_000


def test_a_run_that_was_continued_shows_the_speed_of_its_last_start():
    rows = random_rows(4, 500)
    started = "2026-11-22T06:00:00+00:00"
    stats = merge(
        [
            shard_stats(scored_table(rows[:400]), 64, "2026-11-22T05:00:00+00:00"),
            shard_stats(scored_table(rows[400:], item=1), 64, started),
        ]
    )
    manifest = {**manifest_for(stats), "seconds": 10.0}
    page = Page(page_of(manifest))
    assert "it was started 2 times" in page.text
    assert "The last time it labelled 100 rows in 10 s, which is 10 documents a second" in page.text


def test_a_report_that_fails_costs_no_labels(bundle_with_profile, tmp_path, monkeypatch, capsys):
    write_corpus(tmp_path)
    arguments = ["--input", str(tmp_path / "b.jsonl"), "--model", bundle_with_profile]
    arguments += ["--output", str(tmp_path / "labels"), "--fail_on_drift"]

    def broken(manifest):
        raise RuntimeError("no fonts here\nat all")

    monkeypatch.setattr("pipeline.stages.publishing.page", broken)
    assert run_command(score, arguments) == 1  # not for the report's sake, but for the drift's
    said = capsys.readouterr()
    assert "the report failed: RuntimeError: no fonts here" in said.out
    assert "the corpus drifted, the labels are published all the same" in said.err
    assert (tmp_path / "labels" / "_SUCCESS").exists()
    assert not (tmp_path / "labels" / "_report.html").exists()
    assert report(["--output", str(tmp_path / "labels")]) == 0
    assert (tmp_path / "labels" / "_report.html").exists()
    assert run_command(score, arguments) == 1  # nothing to do, and the drift is still there
