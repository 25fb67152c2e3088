"""Token ids of Tables; texts without a token."""

import pyarrow as pa

from fakes import fake_tokenizer
from outputs import rows
from pipeline.launcher.command import run_command
from pipeline.score import score
from pipeline.stages.tokenizing import count_tokens, tokenize_table, without_tokens


def documents(texts, errors=None):
    errors = errors or [None] * len(texts)
    return pa.table({"text": pa.array(texts, pa.string()), "error": pa.array(errors, pa.string())})


def test_texts_without_tokens_are_errors():
    table = documents(["war", " ", None, "", "war"], [None, None, "json: no", None, None])
    made = without_tokens(tokenize_table(table, fake_tokenizer), 0)
    reason = "no_tokens: the text has no word for this model"
    assert made["error"].to_pylist() == [None, reason, "json: no", reason, None]
    assert made["text"].to_pylist() == ["war", None, None, None, "war"]
    assert made["tokens"].to_pylist() == [1, None, None, None, 1]
    ids = made["token_ids"].to_pylist()
    assert ids[0] == ids[4] and ids[1:4] == [None] * 3
    assert count_tokens(made["token_ids"].combine_chunks(), 1) == {"tokens": 2, "unknown_tokens": 0}
    assert made.column_names == ["text", "error", "token_ids", "tokens"]


def test_tokens_that_every_text_has_do_not_count():
    def bert(texts):
        ids = pa.array([[2, 7, 3], [2, 3]], pa.list_(pa.int32()))
        return ids, pa.array([3, 2], pa.int32())

    made = without_tokens(tokenize_table(documents(["war", "\x01"]), bert), 2)
    assert made["tokens"].to_pylist() == [3, None]


def test_punctuation_gets_no_label(tmp_path, toy_bundle):
    path = tmp_path / "a.jsonl"
    path.write_text('{"t": "?!..."}\n{"t": "the team won"}\n{"t": "unheard of"}\n')
    arguments = ["--input", str(path), "--text_columns", "t", "--model", toy_bundle.path]
    assert run_command(score, [*arguments, "--output", str(tmp_path / "out")]) == 0
    made = rows(tmp_path / "out").to_pylist()
    assert [row["error"] and row["error"].split(":")[0] for row in made] == [
        "no_tokens",
        None,
        None,
    ]
    assert made[0]["label"] is made[0]["tokens"] is made[0]["probabilities"] is None
    assert made[1]["label"] == "Sports" and made[2]["tokens"] == 2
