"""Calibrating a bundle: the graph, the Keras network, both engines and explain say the same."""

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model.bundle.load import load_bundle
from model.calibrate import main
from model.data.held_out import text_hashes
from model.engines.choose import choose_engine
from model.engines.labelled import Labeller
from model.label_sets import read_scores
from model.networks.calibration import calibrated
from toys import TOY_TEXTS

TEXTS = pa.array([text for text, _ in TOY_TEXTS])


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> str:
    texts, labels = zip(*(TOY_TEXTS * 5), strict=True)
    file = tmp_path_factory.mktemp("corpus") / "toys.parquet"
    pq.write_table(pa.table({"title": texts, "description": [""] * 60, "label": labels}), file)
    return str(file)


@pytest.fixture(scope="module")
def calibrated_toy(toy_bundle, corpus, tmp_path_factory):
    output = tmp_path_factory.mktemp("calibrated") / "toy"
    flags = ["--model", toy_bundle.path, "--input", corpus, "--label_column", "label"]
    assert main([*flags, "--output", str(output)]) == 0
    return load_bundle(output)


def label(bundle, engine: str = "tensorflow") -> np.ndarray:
    return Labeller(bundle, choose_engine(bundle.model["kind"], engine, on_gpu=False))(TEXTS)


@pytest.mark.numerical
def test_every_reader_sees_the_calibrated_probabilities(toy_bundle, calibrated_toy):
    before = label(toy_bundle)
    wanted = calibrated(before, calibrated_toy.model["calibration"])
    assert np.abs(wanted - before).max() > 0.01
    np.testing.assert_allclose(label(calibrated_toy), wanted, atol=1e-5)
    np.testing.assert_allclose(label(calibrated_toy, "openvino"), wanted, atol=1e-5)


def test_explain_looks_into_the_calibrated_network(calibrated_toy):
    from model.inspection.inside import look_inside
    from model.tokenizers.tokenizer import Tokenizer

    network = calibrated_toy.network()
    ids = np.array(Tokenizer(calibrated_toy.transform_dir)(TEXTS)[0][0].as_py(), np.int32)
    inside = look_inside(calibrated_toy.model, network, ids, np.zeros(len(ids), bool))
    np.testing.assert_allclose(inside.probabilities, label(calibrated_toy)[0], atol=1e-5)
    np.testing.assert_allclose(network(ids[None])[0], inside.probabilities, atol=1e-5)
    assert inside.influence.sum() == pytest.approx(
        inside.probabilities[inside.label] - inside.baseline, abs=1e-3
    )


def test_the_bundle_says_what_was_done(toy_bundle, calibrated_toy):
    calibration = calibrated_toy.model["calibration"]
    assert calibration["rows"] == 25  # texts whose hash is even
    assert {"error_before", "error_after", "sharpness", "floor", "bend"} < set(calibration)
    assert calibrated_toy.digest != toy_bundle.digest
    for name in ("name", "labels", "max_tokens", "text_columns", "tokenizer", "training"):
        assert getattr(calibrated_toy, name) == getattr(toy_bundle, name)
    same = {name: digest for name, digest in toy_bundle.files.items() if "transform" in name}
    assert same.items() <= calibrated_toy.files.items()


def test_the_other_half_is_what_label_sets_are_made_by(toy_bundle, calibrated_toy):
    texts, names = zip(*TOY_TEXTS, strict=True)
    gold = np.array([calibrated_toy.labels.index(name) for name in names])
    kept = text_hashes(pa.array(texts)) % 2 == 1
    probabilities = label(calibrated_toy)[kept]
    missed = probabilities.argmax(axis=1) != gold[kept]
    of_gold = probabilities[missed, gold[kept][missed]]
    scores = read_scores(calibrated_toy)
    assert scores["rows"] == 35 and 0 < missed.sum() < 7
    expected = np.sort(np.repeat(of_gold, 5))[::-1]
    np.testing.assert_allclose(scores["mistakes"], expected, atol=1e-5)
    assert "conformal.json" in calibrated_toy.files
    assert read_scores(toy_bundle) is None and toy_bundle.conformal_file is None


def test_texts_that_all_are_alike_have_no_two_halves(toy_bundle, tmp_path, capsys):
    file = tmp_path / "one.parquet"
    columns = {"title": ["The chip", "the chip"], "description": [" "] * 2, "label": ["World"] * 2}
    pq.write_table(pa.table(columns), file)
    flags = ["--input", str(file), "--label_column", "label", "--output", str(tmp_path / "new")]
    assert main(["--model", toy_bundle.path, *flags]) == 2
    assert f"{file} has too few different texts for two halves of them" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["one.parquet"]


def test_in_its_own_folder_and_again_it_is_the_same_map(calibrated_toy, corpus, tmp_path, capsys):
    folder = shutil.copytree(calibrated_toy.path, tmp_path / "toy")
    (folder / "README.md").write_text("What it is for.")
    flags = ["--model", str(folder), "--input", corpus, "--label_column", "label"]
    assert main(flags) == 0
    assert (folder / "README.md").read_text() == "What it is for."
    out = capsys.readouterr().out
    assert "expected calibration error" in out
    assert "on 25 rows; label sets by 35 others: " in out
    assert load_bundle(folder).model["calibration"] == calibrated_toy.model["calibration"]
    assert [path.name for path in tmp_path.iterdir()] == ["toy"]


def test_figures_of_the_old_probabilities_are_taken_away(toy_bundle, corpus, tmp_path):
    from model.bundle.save import record_metrics

    folder = shutil.copytree(toy_bundle.path, tmp_path / "toy")
    record_metrics(load_bundle(folder), {"test": {"accuracy": 0.5, "rows": 9, "loss": 2.0}})
    assert main(["--model", str(folder), "--input", corpus, "--label_column", "label"]) == 0
    assert load_bundle(folder).metrics == {"test": {"accuracy": 0.5, "rows": 9}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"--input": "nowhere.parquet"}, "nowhere.parquet: there is no such file"),
        ({"--label_column": "lable"}, "has no column lable"),
        ({"--model": "nowhere"}, "no bundle at nowhere"),
        ({"--output": "."}, "holds something else than a bundle"),
    ],
)
def test_wrong_use_is_one_line(toy_bundle, corpus, capsys, changes, message):
    flags = {"--model": toy_bundle.path, "--input": corpus, "--label_column": "label"} | changes
    assert main([word for pair in flags.items() for word in pair]) == 2
    error = capsys.readouterr().err
    assert error.startswith("model.calibrate: error: ") and message in error
    assert error.count("\n") == 1
    assert Path(toy_bundle.path, "bundle.json").is_file()
