"""A cascade: what the second bundle changes, against a plain loop; and choosing its threshold."""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pytest import approx

from fakes import fake_bundle
from model.engines.scorer import Scorer
from outputs import manifest, rows
from pipeline.corpus.documents import DICTIONARY
from pipeline.score import score
from pipeline.stages.rescoring import Model, answer, merge_answers, unsure_rows
from toys import TOY_TEXTS, TOY_WORDS

NAMES = ("small", "large")


class Words:
    """A model by table: a text's one word -> its probabilities; fails on `bad`."""

    def __init__(self, answers: dict[str, list[float]]):
        self.words = [*answers, "bad"]
        self.answers = np.array(list(answers.values()), np.float32)
        self.seen: list[str] = []

    def tokenize(self, texts: pa.Array) -> tuple[pa.ListArray, pa.Array]:
        ids = [[2 + self.words.index(text)] for text in texts.to_pylist()]
        return pa.array(ids, pa.list_(pa.int32())), pa.array([1] * len(ids), pa.int32())

    def __call__(self, token_ids: np.ndarray) -> np.ndarray:
        if token_ids.max() == 1:  # the text by which the engine is checked
            return np.full((1, 2), 0.5, np.float32)
        numbers = token_ids[:, 0] - 2
        if (numbers == len(self.answers)).any():
            raise ValueError("bad word")
        self.seen += [self.words[number] for number in numbers]
        return self.answers[numbers]


def table_of(texts, scores, labels=("no", "yes")) -> pa.Table:
    """What a small model has said: `scores` are the probabilities of `yes`, None an error."""
    probabilities = [None if p is None else [1 - p, p] for p in scores]
    label = [None if p is None else labels[int(p > 0.5)] for p in scores]
    return pa.table(
        {
            "text": pa.array(texts, pa.string()),
            "tokens": pa.array([7] * len(texts), pa.int32()),
            "error": pa.array([None if p is not None else "blank: x" for p in scores], pa.string()),
            "label": pa.array(label, pa.string()).dictionary_encode().cast(DICTIONARY),
            "score": pa.array([p and max(1 - p, p) for p in scores], pa.float32()),
            "probabilities": pa.array(probabilities, pa.list_(pa.float32())),
        }
    )


def rescore(table: pa.Table, engine: Words, confidence: float) -> pa.Table:
    unsure = unsure_rows(table, confidence)
    model = Model(engine.tokenize, Scorer(engine, 100))
    answers = answer(table["text"].take(unsure), model, ("yes", "no")) if len(unsure) else None
    return merge_answers(table, unsure, answers, NAMES, [1, 0])


def test_literal_rows():
    engine = Words({"a": [0.75, 0.25], "b": [0.125, 0.875], "c": [0.5, 0.5]})
    texts = ["a", "b", None, "a", "b", "bad"]
    found = rescore(table_of(texts, [0.25, 0.625, None, 0.9375, 0.875, 0.75]), engine, 0.875)
    assert found["label"].to_pylist() == ["yes", "no", None, "yes", "yes", "yes"]
    assert found["score"].to_pylist() == [0.75, 0.875, None, 0.9375, 0.875, 0.75]
    assert found["probabilities"].to_pylist() == [
        [0.25, 0.75],  # in the small model's order: no, yes
        [0.875, 0.125],
        None,
        [0.0625, 0.9375],
        [0.125, 0.875],  # as sure as the threshold is sure enough
        [0.25, 0.75],  # the large model failed: the small one's label stands
    ]
    assert found["model"].to_pylist() == ["large", "large", None, "small", "small", "small"]
    assert found["model"].type == found["label"].type == DICTIONARY
    assert found["error"].to_pylist() == [None, None, "blank: x", None, None, None]
    assert found["tokens"].to_pylist() == [7] * 6
    assert found["first_label"].to_pylist() == ["no", "yes", None, "yes", "yes", "yes"]
    assert found["first_score"].to_pylist() == [0.75, 0.625, None, 0.9375, 0.875, 0.75]
    assert sorted(engine.seen) == ["a", "b"]


def test_each_text_is_scored_once():
    engine = Words({"a": [0.75, 0.25], "b": [0.125, 0.875]})
    found = rescore(table_of(["a", "b", "a", "a"], [0.6, 0.6, 0.7, 0.6]), engine, 0.9)
    assert sorted(engine.seen) == ["a", "b"]
    assert found["label"].to_pylist() == ["yes", "no", "yes", "yes"]


def test_nothing_unsure_asks_nobody():
    for texts, scores in (([], []), ([None], [None]), (["a", None], [0.75, None])):
        engine = Words({})
        table = table_of(texts, scores)
        found = rescore(table, engine, 1e-6)
        assert found["label"].to_pylist() == table["label"].to_pylist()
        assert found["model"].to_pylist() == [None if p is None else "small" for p in scores]
        assert found["model"].type == DICTIONARY
        assert engine.seen == []


def test_all_unsure_and_all_failed():
    table = table_of(["a", "a"], [0.75, 1.0])
    found = rescore(table, Words({"a": [0.25, 0.75]}), 1.0)
    assert found["model"].to_pylist() == ["large", "small"]  # no score is above 1
    found = rescore(table_of(["bad", "bad"], [0.75, 0.25]), Words({}), 1.0)
    assert found["label"].to_pylist() == ["yes", "no"]
    assert found["model"].to_pylist() == ["small", "small"]


def test_a_score_that_reads_like_the_threshold_is_not_below_it():
    assert unsure_rows(table_of(["a", "b"], [0.95, 0.9499]), 0.95).to_pylist() == [1]


# Two real bundles: words and wordpieces, labels in another order


@pytest.fixture(scope="module")
def large_bundle(toy_bert, toy_bert_prepared, tmp_path_factory):
    """A toy BERT with the labels of `toy_bundle` in reverse."""
    from model.bundle.save import save_bundle
    from model.networks import bert
    from model.training.hugging_face import load_backbone

    prepared = tmp_path_factory.mktemp("reversed") / "prepared"
    shutil.copytree(toy_bert_prepared, prepared)
    description = json.loads((prepared / "prepared.json").read_text())
    description["labels"].reverse()
    (prepared / "prepared.json").write_text(json.dumps(description))
    spec, backbone = load_backbone(str(toy_bert))
    network = bert.build_bert({**spec, "labels": 4}, backbone)
    head = network.layers[-1]
    head.set_weights([np.random.default_rng(5).normal(0, 2, w.shape) for w in head.get_weights()])
    return save_bundle(
        tmp_path_factory.mktemp("large") / "large",
        prepared=prepared,
        network=network,
        spec={**spec, "labels": 4},
        training={},
        metrics={},
        name="large",
    )


@pytest.fixture(scope="module")
def oracle(toy_bundle, large_bundle):
    """Text, threshold -> model, probabilities by label and tokens; each text by itself."""
    import tensorflow as tf
    import tensorflow_text  # noqa: F401

    def load(bundle):
        transform = tf.saved_model.load(bundle.transform_dir + "/transform_fn")
        return bundle, transform, tf.saved_model.load(bundle.saved_model_dir)

    loaded = load(toy_bundle), load(large_bundle)

    def ask(text, bundle, transform, network):
        found = transform.transform_fn({"text": tf.constant([text])})
        answer = network.serve(tf.cast(found["token_ids"].to_tensor(), tf.int32)).numpy()[0]
        return dict(zip(bundle.labels, map(float, answer), strict=True)), int(found["tokens"][0])

    def of(text, confidence):
        small, tokens = ask(text, *loaded[0])
        highest = max(small.values())
        assert abs(highest - confidence) > 1e-5, "too close to call"
        if highest < confidence:
            return "large", ask(text, *loaded[1])[0], tokens
        return "toy", small, tokens

    return of


def toy_corpus(path: Path, count: int = 90) -> list[str | None]:
    draw = np.random.default_rng(11)
    made = [" ".join(draw.choice(TOY_WORDS, draw.integers(1, 12))) for _ in range(count)]
    texts = [None if n % 13 == 6 else made[n % (count // 2)] for n in range(count)]
    table = {"title": texts, "description": [None] * count, "key": list(range(count))}
    pq.write_table(
        pa.table(
            table,
            pa.schema(
                {**dict.fromkeys(("title", "description"), pa.string()), "key": pa.int64()}.items()
            ),
        ),
        path,
    )
    return texts


@pytest.mark.numerical
@pytest.mark.parametrize(
    "confidence, engine",
    [(0.75, "openvino"), (0.75, "tensorflow"), (1.0, "openvino"), (1e-9, "openvino")],
)
def test_rows_equal_a_plain_loop(
    confidence, engine, toy_bundle, large_bundle, oracle, tmp_path, capsys
):
    texts = toy_corpus(tmp_path / "a.parquet")
    output = tmp_path / "out"
    where = ["--input", str(tmp_path / "a.parquet"), "--output", str(output), "--id_column", "key"]
    models = ["--model", toy_bundle.path, "--then", large_bundle.path]
    how = ["--confidence", str(confidence), "--engine", engine, "--shard_rows", "20"]
    assert score([*where, *models, *how]) == 0
    published = rows(output)
    assert published.schema.names[-3:] == ["source", "source_row", "model"]
    assert published.schema.field("model").type == DICTIONARY
    decided = {"toy": 0, "large": 0}
    for text, row in zip(texts, published.to_pylist(), strict=True):
        if text is None:
            assert row["error"] == "blank: no text in title, description"
            assert row["label"] is row["score"] is row["probabilities"] is row["model"] is None
            continue
        # The text is its columns joined by a space, the empty one too.
        model, probabilities, tokens = oracle(f"{text} ", confidence)
        decided[model] += 1
        assert (row["model"], row["tokens"], row["error"]) == (model, tokens, None)
        in_order = [probabilities[name] for name in toy_bundle.labels]
        assert row["probabilities"] == approx(in_order, abs=1e-5)
        assert row["label"] == max(probabilities, key=probabilities.__getitem__)
        assert row["score"] == max(row["probabilities"])
    if confidence == 0.75:
        assert min(decided.values()) >= 10
    recorded = manifest(output)
    assert {"toy": 0, "large": 0, **recorded["stats"]["rows_by_model"]} == decided
    assert recorded["metrics"]["then_rows"] == decided["large"]
    assert ("then_ms" in recorded["metrics"]) == (decided["large"] > 0)
    assert recorded["then"]["bundle"]["digest"] == large_bundle.digest
    sentence = (
        f"toy decided {decided['toy']} row{'s' * (decided['toy'] != 1)}, large the "
        f"{decided['large']} with a score below {confidence:g}"
    )
    assert f"models: {sentence}\n" in capsys.readouterr().out
    assert sentence in (output / "_report.html").read_text()


# The command that helps to choose


def test_the_table_against_literal_values():
    from model.cascade import THRESHOLDS, Measured, as_lines, compare

    answers = np.array(
        [
            [[0.9, 0.1], [0.4, 0.6], [0.3, 0.7], [0.45, 0.55]],
            [[0.2, 0.8], [0.9, 0.1], [0.1, 0.9], [0.2, 0.8]],
        ],
        np.float32,
    )
    small, large = Measured("s", answers[0], 2.0), Measured("large", answers[1], 8.0)
    gold = np.array([0, 0, 1, 0])  # small: right, wrong, right, wrong; large: wrong, right, ...
    found = {row.pop("confidence"): row for row in compare(small, large, gold)}
    assert tuple(found) == THRESHOLDS
    assert found[0.5] == {"passed_on": 0, "accuracy": 0.5, "cost": 0.25}
    assert found[0.6] == {"passed_on": 0.25, "accuracy": 0.5, "cost": 0.5}
    assert found[0.7] == {"passed_on": 0.5, "accuracy": 0.75, "cost": 0.75}
    assert found[0.8] == {"passed_on": 0.75, "accuracy": 0.75, "cost": 1.0}
    assert found[0.95] == {"passed_on": 1, "accuracy": 0.5, "cost": 1.25}
    lines = as_lines(small, large, gold)
    assert lines[:5] == [
        "4 texts",
        "s      alone: accuracy 0.5000, cost 0.250 (2 a second)",
        "large  alone: accuracy 0.5000, cost 1.000 (0 a second)",
        "",
        "confidence  passed on  accuracy   cost",
    ]
    assert lines[7] == "0.7            50.00%    0.7500  0.750"
    assert [line.split()[0] for line in lines[5:-3]] == ["0.5", "0.6", "0.7", "0.8", "0.92"]
    assert "large's the share that the passed on rows are" in lines[-1]


def test_the_command_measures_two_bundles(toy_bundle, large_bundle, oracle, tmp_path, capsys):
    from model.cascade import main

    texts, labels = zip(*TOY_TEXTS, strict=True)
    table = pa.table({"title": texts, "description": [""] * len(texts), "truth": labels})
    pq.write_table(table, tmp_path / "labelled.parquet")
    flags = ["--model", toy_bundle.path, "--then", large_bundle.path]
    flags += ["--input", str(tmp_path / "labelled.parquet"), "--label_column", "truth"]
    assert main(flags) == 0
    lines = capsys.readouterr().out.splitlines()
    table = [line.split() for line in lines[lines.index("") + 2 : -3]]
    for confidence in (0.7, 0.8, 0.999):
        passed = right = 0
        for text, label in TOY_TEXTS:
            model, probabilities, _ = oracle(f"{text} ", confidence)
            passed += model == "large"
            right += max(probabilities, key=probabilities.__getitem__) == label
        # A threshold that changes nothing has no line of its own.
        row = [row for row in table if float(row[0]) <= confidence][-1]
        share, accuracy, cost = row[1:]
        assert (share, accuracy) == (f"{passed / 12:.2%}", f"{right / 12:.4f}")
        assert float(cost) > 0


def test_the_commands_errors_are_one_line(toy_bundle, large_bundle, tmp_path, capsys):
    from model.cascade import main

    fake = fake_bundle(tmp_path / "fake")
    described = json.loads((Path(fake) / "bundle.json").read_text())
    described["text_columns"] = ["headline"]
    (Path(fake) / "bundle.json").write_text(json.dumps(described))
    for then, message in (
        (toy_bundle.path, "the same bundle, toy"),
        (str(tmp_path), "is no bundle"),
        (fake, "fake on headline"),
        (large_bundle.path, "none.parquet: there is no such file"),
    ):
        flags = ["--model", toy_bundle.path, "--then", then, "--label_column", "label"]
        assert main([*flags, "--input", str(tmp_path / "none.parquet")]) == 2
        error = capsys.readouterr().err
        assert message in error and error.count("\n") == 1
