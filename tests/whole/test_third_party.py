"""Files of the Parquet, JSON and CSV projects' own tests, which do not come with this project.

Each is scored, refused in one line, or explained row by row; none ends in a traceback.
"""

from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fakes import LABELS, FakeEngine, fake_tokenizer
from items import read_item
from model.engines.scorer import Scorer
from outputs import ERROR_CODES
from pipeline.corpus.formats.registry import FORMATS
from pipeline.corpus.planning.planner import make_plan
from pipeline.corpus.sources import ReadSettings
from pipeline.errors import BadFileError, NewsbeamError
from pipeline.stages.scoring import score_table
from pipeline.stages.tokenizing import tokenize_table, without_tokens
from places import ROOT

FOLDER = ROOT.parent / "shared" / "data" / "third_party"
FILES = sorted(FOLDER.glob("*/*.*")) if FOLDER.is_dir() else []
ENDINGS = {"parquet": ".parquet", "json": ".json", "jsonl": ".json", "csv": ".csv"}


def columns_of(path, kind: str) -> dict:
    """A text column, if there is one, and all others to be carried."""
    facts = FORMATS[kind].reader.inspect(str(path), ReadSettings(100))
    texts = [f.name for f in facts.schema if pa.types.is_string(f.type) and f.name.strip()]
    texts += [f.name for f in facts.schema if pa.types.is_binary(f.type)]
    id_column = "id" if "id" in facts.schema.names else None
    names = enumerate(facts.schema.names)
    carried = [(name, f"c{n}") for n, name in names if name != id_column]
    return {"text": (texts or facts.schema.names)[:1], "id_column": id_column, "carry": carried}


def outcome(path, kind: str) -> tuple[str, list[pa.Table]]:
    """What becomes of a file: `refused: why`, `bad: why`, or `scored`; and its rows."""
    try:
        columns = columns_of(path, kind)
        plan = make_plan(
            [(str(path), kind)],
            columns["text"],
            {"bundle": "b"},
            id_column=columns["id_column"],
            carry_columns=columns["carry"],
            reading=ReadSettings(100),
            on_bad_file="skip",
        )
    except BadFileError as error:
        return f"bad: {error}", []
    except NewsbeamError as error:
        return f"refused: {error}", []
    tables, reasons = [], [reason for _, reason in plan.skipped]
    for item in plan.items:
        for shard in read_item(plan, item, skip_bad_files=True):
            tokens = without_tokens(tokenize_table(shard.table, fake_tokenizer), 0)
            tables.append(score_table(tokens, Scorer(FakeEngine(), 4096), LABELS)[0])
            pq.write_table(tables[-1], pa.BufferOutputStream())
            reasons += [shard.bad_file] if shard.bad_file else []
    return (f"bad: {reasons[0]}" if reasons else "scored"), tables


@pytest.mark.skipif(not FILES, reason="../shared/data/third_party is not here")
@pytest.mark.parametrize("kind", list(ENDINGS))
def test_every_file_is_scored_refused_or_explained(kind, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    paths = [path for path in FILES if path.suffix == ENDINGS[kind]]
    seen = Counter()
    for path in paths:
        what, tables = outcome(path, kind)
        assert "\n" not in what, path
        seen[what.split(":")[0]] += 1
        for table in tables:
            pairs = zip(table["label"].to_pylist(), table["error"].to_pylist(), strict=True)
            for label, error in pairs:
                assert (label is None) != (error is None), path
                assert error is None or error.split(":")[0] in ERROR_CODES, path
                seen["rows"] += 1
    assert seen["scored"] + seen["refused"] + seen["bad"] == len(paths)
    assert seen["scored"], seen


@pytest.mark.skipif(not FILES, reason="../shared/data/third_party is not here")
def test_valid_json_is_never_called_broken():
    """Of the suite, files `y_*` are JSON."""
    for path in [path for path in FILES if path.name.startswith("y_")]:
        what, tables = outcome(path, "json")
        rows = [row for table in tables for row in table["error"].to_pylist()]
        broken = [row for row in rows if row and row.startswith(("json: ", "encoding: "))]
        broken = [row for row in broken if "not an object" not in row]
        assert not what.startswith("bad") and not broken, (path.name, what, rows)


@pytest.mark.skipif(not FILES, reason="../shared/data/third_party is not here")
def test_a_wrong_page_checksum_is_said():
    path = FOLDER / "parquet" / "rle-dict-uncompressed-corrupt-checksum.parquet"
    facts = FORMATS["parquet"].reader.inspect(str(path), ReadSettings(100))
    plan = make_plan(
        [(str(path), "parquet")], [facts.schema.names[-1]], {}, reading=ReadSettings(9)
    )
    with pytest.raises(BadFileError, match="CRC checksum verification failed"):
        list(read_item(plan, plan.items[0]))
