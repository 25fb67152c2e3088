"""Runs with `--long_texts windows`, held against a plain loop over windows."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fakes import LABELS, FakeEngine, fake_bundle, fake_tokenizer, write_jsonl
from model.bundle.save import save_bundle
from model.engines.choose import choose_engine
from model.engines.loading import load_engine, load_tokenizer
from model.networks import bert
from outputs import assert_same, manifest, rows
from pipeline.launcher.command import run_command
from pipeline.score import score
from toys import TOY_MAX_TOKENS, TOY_WORDS

SEES = 16  # tokens, of the fake bundle as of the toys


def plain_loop(ids, special, stride, engine):
    """The mean over windows of one text's ids, as the documentation says it."""
    before, after = special
    room = SEES - len(before) - len(after)
    total, start, seen, count = 0.0, 0, 0, 0
    while True:
        window = ids[start : start + room]
        new = start + len(window) - seen
        total = total + new * engine(np.array([[*before, *window, *after]], np.int32))[0]
        start, seen, count = start + stride, start + len(window), count + 1
        if seen >= len(ids):
            return total / len(ids), count


@pytest.fixture(scope="module")
def bert_bundle(toy_bert_prepared, tmp_path_factory):
    spec = bert.bert_spec(
        "bert", vocabulary_size=15, num_layers=2, num_heads=2, hidden_dim=8, intermediate_dim=16,
        max_sequence_length=16, labels=4, activation="gelu", pooling="mean",
        layer_norm_epsilon=0.1,
    )  # fmt: skip
    network = bert.build_bert(spec)
    draw = np.random.default_rng(0)
    for weight in network.trainable_variables:
        weight.assign(draw.normal(float(weight.path.endswith("gamma")), 0.5, weight.shape))
    folder = tmp_path_factory.mktemp("bert") / "toy"
    return save_bundle(
        folder, prepared=toy_bert_prepared, network=network, spec=spec, training={}, metrics={},
        name="toy-bert",
    )  # fmt: skip


@pytest.mark.parametrize("engine", ["openvino", "tensorflow"])
@pytest.mark.parametrize("kind", ["words", "wordpiece"])
def test_both_engines_and_tokenizers(kind, engine, request, tmp_path, monkeypatch):
    bundle = request.getfixturevalue("toy_bundle" if kind == "words" else "bert_bundle")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    draw = np.random.default_rng(3)
    counts = [1, 14, 15, 16, 17, 30, 200, 201]
    texts = [[TOY_WORDS[n] for n in draw.integers(0, 8, count)] for count in counts]
    table = pa.table({"t": [" ".join(text) for text in texts]})
    pq.write_table(table, tmp_path / "news.parquet")
    argv = ["--input", str(tmp_path / "news.parquet"), "--text_columns", "t"]
    argv += ["--model", bundle.path, "--engine", engine]
    for name, more in (("cut", []), ("windows", ["--long_texts", "windows"])):
        assert run_command(score, [*argv, "--output", str(tmp_path / name), *more]) == 0
    found, cut = rows(tmp_path / "windows"), rows(tmp_path / "cut")
    run = load_engine(bundle, choose_engine(bundle.model["kind"], engine))
    ids = load_tokenizer(bundle.transform_dir)(pa.array(TOY_WORDS))[0].to_pylist()
    special = ([], []) if kind == "words" else (ids[0][:1], ids[0][-1:])
    own = {word: one for word, (*_, one) in zip(TOY_WORDS, ids, strict=True)}
    if kind == "wordpiece":
        own = {word: some[1] for word, some in zip(TOY_WORDS, ids, strict=True)}
    for number, text in enumerate(texts):
        expected, windows = plain_loop([own[w] for w in text], special, TOY_MAX_TOKENS // 2, run)
        assert found["probabilities"][number].as_py() == pytest.approx(expected, abs=1e-5)
        assert found["label"][number].as_py() == bundle.labels[int(expected.argmax())]
        assert found["score"][number].as_py() == pytest.approx(expected.max(), abs=1e-5)
        assert found["windows"][number].as_py() == windows
    short = found.filter(pa.compute.equal(found["windows"], 1))
    assert short.drop_columns("windows").equals(cut.slice(0, len(short)))  # bit for bit
    assert found["windows"].type == pa.int32()


@pytest.fixture
def run(tmp_path, fake, play):
    """Scores `news/` with the fake model, and says with which exit code."""
    write_jsonl(tmp_path / "news" / "a.jsonl", 60, 1)
    long = [" ".join(f"w{number % 37}" for number in range(n, n + 45)) for n in (0, 5, 0)]
    with open(tmp_path / "news" / "a.jsonl", "a") as stream:
        stream.writelines(json.dumps({"id": t, "title": t, "description": ""}) + "\n" for t in long)

    def run(*more, output="out"):
        where = ["--input", str(tmp_path / "news"), "--output", str(tmp_path / output)]
        return run_command(score, [*where, "--model", fake, "--shard_rows", "25", *more])

    return run


def expected_of(text, stride, engine=None):
    ids = [fake_tokenizer(pa.array([word]))[0][0].as_py()[0] for word in text.split()]
    return plain_loop(ids, ([], []), stride, engine or FakeEngine())


def test_a_run_its_manifest_and_its_report(run, tmp_path):
    assert run("--long_texts", "windows", "--window_stride", "5", "--carry_columns", "title") == 0
    found = rows(tmp_path / "out").to_pylist()
    for row in found:
        if row["error"] is not None:
            assert row["windows"] is row["label"] is None
            continue
        text = row["title"] + " " + ("the end" if row["windows"] < 6 else "")
        probabilities, windows = expected_of(text, 5)
        assert row["probabilities"] == pytest.approx(probabilities, abs=1e-6)
        assert row["label"] == LABELS[int(probabilities.argmax())]
        assert row["windows"] == windows
    assert [row["windows"] for row in found[-3:]] == [7, 7, 7]
    assert found[-1]["probabilities"] == found[-3]["probabilities"]
    about = manifest(tmp_path / "out")
    settings = about["plan"]["settings"]
    assert settings["long_texts"] == "windows" and settings["window_stride"] == 5
    long = [row for row in found if (row["windows"] or 0) > 1]
    assert about["stats"]["truncated"] == 0
    assert about["stats"]["long"]["rows"] == len(long)
    assert about["stats"]["long"]["windows"] == sum(row["windows"] for row in long)
    page = (tmp_path / "out" / "_report.html").read_text()
    assert f"were scored in {about['stats']['long']['windows']} windows" in page
    assert "longer than the model can see" not in page


def test_equal_texts_are_scored_once(run, play, tmp_path):
    assert run("--long_texts", "windows", "--window_stride", "16") == 0
    about = manifest(tmp_path / "out")["stats"]["counts"]
    assert run("--long_texts", "windows", "--window_stride", "16", output="again") == 0
    texts = {row["id"]: row for row in rows(tmp_path / "out").to_pylist()}
    assert len(texts) == 63
    # Of the three long ones two are the same: two more windows for each of two texts.
    long = [row for row in rows(tmp_path / "out").to_pylist() if (row["windows"] or 0) > 2]
    assert [row["windows"] for row in long] == [3, 3, 3]
    once = manifest(tmp_path / "again")["stats"]["counts"]
    assert once["scored_tokens"] == about["scored_tokens"]
    assert_same(rows(tmp_path / "out"), rows(tmp_path / "again"))


def test_the_report_says_what_was_cut_and_what_windows_would_cost(run, tmp_path):
    assert run() == 0
    assert "windows" not in rows(tmp_path / "out").column_names
    stats = manifest(tmp_path / "out")["stats"]
    tokens = [n for n in rows(tmp_path / "out")["tokens"].to_pylist() if n is not None]
    beyond = sum(max(0, n - SEES) for n in tokens)
    assert stats["truncated"] == stats["long"]["rows"] == sum(n > SEES for n in tokens)
    assert stats["long"]["cut_tokens"] == beyond
    windows = [1 + -(-max(0, n - SEES) // 8) for n in tokens]
    seen = sum(tokens) - beyond
    more = sum(n + 8 * (w - 1) - SEES for n, w in zip(tokens, windows, strict=True) if w > 1)
    page = (tmp_path / "out" / "_report.html").read_text()
    assert f"and with them {beyond / sum(tokens):.1%} of all tokens" in page
    assert f"for {1 + more / seen:.1f} times the model" in page
    assert "but would be with --long_texts windows" in page


def test_each_model_of_a_cascade_has_its_own_windows(run, tmp_path, monkeypatch):
    class Shifted(FakeEngine):
        def __call__(self, token_ids):
            return super().__call__(np.concatenate([token_ids, token_ids[:, :1]], axis=1))

    engines = {"fake": FakeEngine(), "second": Shifted()}
    monkeypatch.setattr("model.engines.loading.load_engine", lambda bundle, _: engines[bundle.name])
    then = fake_bundle(tmp_path / "second", "second")
    flags = ["--then", then, "--confidence", "1", "--long_texts", "windows"]
    assert run(*flags, "--carry_columns", "title") == 0
    for row in rows(tmp_path / "out").to_pylist()[-3:]:
        probabilities, windows = expected_of(row["title"], 8, engines["second"])
        assert row["model"] == "second" and row["windows"] == windows == 5
        assert row["probabilities"] == pytest.approx(probabilities, abs=1e-6)
    assert list(rows(tmp_path / "out").column_names)[-2:] == ["windows", "model"]


def test_wrong_use_is_one_line(run, capsys, tmp_path):
    for flags, line in (
        (["--window_stride", "4"], "--window_stride goes with --long_texts windows"),
        (
            ["--long_texts", "windows", "--window_stride", "17"],
            "--window_stride: fake: a stride of 17 leaves gaps between windows of 16 tokens",
        ),
        (
            ["--long_texts", "windows", "--carry_columns", "title:windows"],
            "the output has a column windows of its own; carry yours under another name: "
            "--carry_columns windows:windows_in",
        ),
    ):
        assert run(*flags) == 2
        assert capsys.readouterr().err == f"newsbeam: {line}\n"
    assert not (tmp_path / "out").exists()
    assert run("--carry_columns", "title:windows") == 0


def test_what_is_published_is_not_taken_for_another_request(run, capsys, tmp_path):
    assert run() == 0
    for flags, difference in (
        (["--long_texts", "windows"], "long_texts: None there, windows now"),
        (["--languages", "en"], "languages: None there, en now"),
    ):
        assert run(*flags) == 2
        assert difference in capsys.readouterr().err
