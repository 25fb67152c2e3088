"""Labels, scores and probabilities of a Table, by an engine made of literal numbers."""

import numpy as np
import pyarrow as pa
import pytest
from pytest import approx

from fakes import FakeEngine, write_jsonl
from model.engines.choose import EngineChoice
from model.engines.scorer import Scorer
from outputs import rows
from pipeline.corpus.documents import DICTIONARY
from pipeline.errors import NewsbeamError
from pipeline.launcher.command import run_command
from pipeline.score import score
from pipeline.stages.scoring import load_scorer, score_table
from toys import token_ids_of

LABELS = ("no", "yes")
PROBABILITIES = {1: [0.5, 0.5], 7: [0.25, 0.75], 8: [0.875, 0.125], 9: [0.5, 0.5]}


class Engine:
    """Looks a text's first token up; remembers how many texts it saw."""

    rows = 0

    def __call__(self, token_ids):
        self.rows += len(token_ids)
        if 6 in token_ids:
            raise ValueError("six")
        return np.array([PROBABILITIES[first] for first in token_ids[:, 0]], np.float32)


def table_of(texts, ids):
    errors = [None if text else "blank: no text" for text in texts]
    columns = {
        "text": pa.array(texts, pa.string()),
        "error": pa.array(errors, pa.string()),
        "token_ids": token_ids_of(texts, ids),
    }
    return pa.table(columns)


def test_labels_scores_and_errors():
    table = table_of(["a", None, "b", "c", "a", "six"], [[7], [], [8], [9], [7], [6]])
    engine = Engine()
    scored, counts = score_table(table, Scorer(engine, 100), LABELS)
    assert scored["label"].type == DICTIONARY
    assert scored["label"].to_pylist() == ["yes", None, "no", "no", "yes", None]
    assert scored["score"].to_pylist() == [0.75, None, 0.875, 0.5, 0.75, None]
    assert scored["probabilities"].to_pylist() == [
        [0.25, 0.75],
        None,
        [0.875, 0.125],
        [0.5, 0.5],
        [0.25, 0.75],
        None,
    ]
    assert scored["error"].to_pylist() == [
        None,
        "blank: no text",
        None,
        None,
        None,
        "model: ValueError: six",
    ]
    assert "token_ids" not in scored.column_names
    assert counts["scored_rows"] == 4  # "a" stands twice and is scored once


def test_no_rows_and_no_texts():
    for texts in ([], [None, None]):
        table = table_of(texts, [[] for _ in texts])
        scored, counts = score_table(table, Scorer(Engine(), 100), LABELS)
        assert scored["label"].to_pylist() == [None] * len(texts)
        assert scored["probabilities"].to_pylist() == [None] * len(texts)
        assert counts == {"scored_rows": 0, "scored_tokens": 0, "batches": 0, "padded_tokens": 0}


@pytest.mark.numerical
def test_the_batch_does_not_matter(toy_bundle):
    from model.engines.choose import EngineChoice
    from model.engines.loading import load_engine
    from model.tokenizers.tokenizer import Tokenizer

    texts = ["the team won", "war", "market fell the market fell new chip", "nothing known", "new"]
    ids, _ = Tokenizer(toy_bundle.transform_dir)(pa.array(texts))
    for name in ("tensorflow", "openvino"):
        engine = load_engine(toy_bundle, EngineChoice(name, "float32", 0))
        alone = np.concatenate([engine(np.array([row], np.int32)) for row in ids.to_pylist()])
        table = table_of(texts, ids.to_pylist())
        for budget in (8, 1000):
            scored, _ = score_table(table, Scorer(engine, budget), toy_bundle.labels)
            together = np.array(scored["probabilities"].to_pylist())
            assert together == approx(alone, abs=1e-5)


def test_a_worker_without_bfloat16_says_so(monkeypatch):
    monkeypatch.setattr("model.engines.loading.no_bfloat16", lambda: "w-3 has none")
    monkeypatch.setattr("model.engines.loading.load_engine", lambda *_: Engine())
    message = "w-3 has none; score with --precision float32$"
    with pytest.raises(NewsbeamError, match=message):
        load_scorer(None, EngineChoice("openvino", "bfloat16", 512))
    load_scorer(None, EngineChoice("openvino", "float32", 512))
    monkeypatch.setattr("model.engines.loading.no_bfloat16", lambda: None)
    load_scorer(None, EngineChoice("openvino", "bfloat16", 512))


def test_rows_of_one_text_share_its_failure():
    def fails(token_ids):
        if (token_ids == 3).any():
            raise ValueError("poison")
        first = token_ids[:, :1].astype(np.float32)
        return np.concatenate([first, -first], axis=1)

    table = pa.table(
        {
            "text": ["good", "bad", None, "bad"],
            "error": pa.array([None, None, "blank: no text", None], pa.string()),
            "token_ids": token_ids_of(["good", "bad", None, "bad"], [[2], [3], [], [3]]),
        }
    )
    scored, counts = score_table(table, Scorer(fails, 100), LABELS)
    poison = "model: ValueError: poison"
    assert scored["error"].to_pylist() == [None, poison, "blank: no text", poison]
    assert scored["label"].to_pylist() == ["no", None, None, None]
    assert scored["probabilities"].to_pylist() == [[2.0, -2.0], None, None, None]
    assert counts["scored_rows"] == 2


def test_a_dead_engine_fails_the_run_and_the_same_command_scores_all(play, fake, tmp_path, capsys):
    news = write_jsonl(tmp_path / "news.jsonl", 100)
    flags = ["--input", str(news), "--output", str(tmp_path / "out"), "--model", fake]
    flags += ["--shard_rows", "25", "--batch_tokens", "64"]
    answer = FakeEngine.__call__

    def dies(engine, token_ids):
        if engine.batches == 12:
            raise RuntimeError("the card fell off the bus")
        return answer(engine, token_ids)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FakeEngine, "__call__", dies)
        assert run_command(score, flags) == 1
    reason = "fails on a text that is all right: RuntimeError: the card fell off the bus"
    assert reason in capsys.readouterr().err
    assert not (tmp_path / "out" / "_SUCCESS").exists()
    assert run_command(score, flags) == 0
    errors = rows(tmp_path / "out")["error"].to_pylist()
    assert len(errors) == 100 and not [error for error in errors if "model" in (error or "")]
