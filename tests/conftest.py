"""Fixtures that all tests share: see toys.py for what is in them."""

import json
import os
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from toys import (
    TOY_LABELS,
    TOY_MAX_TOKENS,
    TOY_TEXTS,
    TOY_TOKENIZER,
    documents_table,
    toy_network,
)


def pytest_addoption(parser):
    parser.addoption("--kills", type=int, default=30, help="how often test_resume kills a run")


AGNEWS = Path(__file__).parent.parent.parent / "shared" / "data" / "agnews"


@pytest.fixture(scope="session")
def agnews() -> Path:
    """The folder of AG News' Parquet files, which does not come with the project."""
    if not AGNEWS.is_dir():
        pytest.skip("../shared/data/agnews is not here")
    return AGNEWS


@pytest.fixture(scope="session")
def toy_transform(tmp_path_factory) -> str:
    """A `transform/` folder fitted to `TOY_TEXTS`."""
    import apache_beam as beam

    from pipeline.fit import FitTokenizer

    output = str(tmp_path_factory.mktemp("toy") / "transform")
    temp_dir = str(tmp_path_factory.mktemp("toy-temp"))
    with beam.Pipeline(runner="apache_beam.runners.portability.fn_api_runner.FnApiRunner") as p:
        tables = p | beam.Create([documents_table([text for text, _ in TOY_TEXTS])])
        _ = tables | FitTokenizer(TOY_TOKENIZER, TOY_MAX_TOKENS, output, temp_dir)
    return output


@pytest.fixture(scope="session")
def toy_prepared(toy_transform) -> str:
    """A `prepared/` folder made from `TOY_TEXTS`."""
    from model.tokenizer import Tokenizer

    folder = Path(toy_transform).parent
    token_ids, _ = Tokenizer(toy_transform)(pa.array([text for text, _ in TOY_TEXTS]))
    labels = pa.array([label for _, label in TOY_TEXTS])
    pq.write_table(
        pa.table({"token_ids": token_ids, "label": labels}),
        folder / "examples-00000-of-00001.parquet",
    )
    description = {
        "format": 1,
        "labels": TOY_LABELS,
        "text_columns": ["title", "description"],
        "max_tokens": TOY_MAX_TOKENS,
        "rows": len(TOY_TEXTS),
        "rows_by_label": {"Business": 3, "Sci/Tech": 2, "Sports": 4, "World": 3},
        "skipped": {},
        "tokenizer": TOY_TOKENIZER,
        "versions": {},
    }
    (folder / "prepared.json").write_text(json.dumps(description))
    return str(folder)


@pytest.fixture(scope="session")
def toy_bundle(toy_prepared, tmp_path_factory):
    """A bundle that labels texts of the ten words, quickly and with some variety."""
    from model.bundle import save_bundle

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
def zygote(tmp_path_factory):
    """Runs `pipeline.score` in forked processes that may be killed."""
    from zygote import Zygote

    process = Zygote(tmp_path_factory.mktemp("zygote"))
    yield process
    process.close()


@pytest.fixture(scope="session")
def paper(tmp_path_factory) -> str:
    """A bundle that `play_model` gives its model to."""
    from paper import paper_bundle

    return paper_bundle(tmp_path_factory.mktemp("bundles") / "paper")


@pytest.fixture
def play(monkeypatch, tmp_path):
    """Lets the paper model play in this process, and keeps fingerprints out of the home folder."""
    import pipeline.scoring
    import pipeline.tokens
    from paper import PaperEngine, paper_tokenizer

    engine = PaperEngine()
    monkeypatch.setattr(pipeline.tokens, "_load", lambda _: paper_tokenizer)
    monkeypatch.setattr(pipeline.scoring, "load_engine", lambda *_: engine)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    # Half of a short run's time goes into looking for state and timers, which we have none of.
    nothing = (set(), set())
    monkeypatch.setattr("apache_beam.transforms.userstate.get_dofn_specs", lambda _: nothing)
    return engine
