"""Scored Tables made up for tests of statistics, evaluation, drift and report."""

import numpy as np
import pyarrow as pa

from pipeline.corpus.documents import DICTIONARY, Shard
from pipeline.corpus.planning.plan import Plan
from pipeline.corpus.sources import Columns, ReadSettings
from pipeline.output.manifest import manifest_of

LABELS = ["Business", "Sci/Tech", "Sports", "World"]


def scored_table(rows: list[dict], labels=LABELS, item=0, table=0, source="a.parquet", **counts):
    """A shard as `ScoreDocuments` gives it.

    Args:
        rows: `label`, `score`, `tokens`, `text`, `error`, `gold`, all optional.
        labels: the model's labels.
        item: number of the work item.
        table: number of the Table in it.
        source: the source's path.
        counts: what the stages have measured.
    """
    label = [row.get("label", labels[0]) if not row.get("error") else None for row in rows]
    indices = pa.array([None if name is None else labels.index(name) for name in label], pa.int32())
    ok = [not row.get("error") for row in rows]
    columns = {
        "id": pa.array([f"id-{item}-{number}" for number in range(len(rows))]),
        "text": pa.array(
            [row.get("text", f"text {item} {n}") if ok[n] else None for n, row in enumerate(rows)],
            pa.string(),
        ),
        "source_row": pa.array(np.arange(len(rows))),
        "tokens": pa.array(
            [row.get("tokens", 3) if ok[n] else None for n, row in enumerate(rows)], pa.int32()
        ),
        "label": pa.DictionaryArray.from_arrays(indices, pa.array(labels)).cast(DICTIONARY),
        "score": pa.array(
            [row.get("score", 0.5) if ok[n] else None for n, row in enumerate(rows)], pa.float32()
        ),
        "probabilities": pa.nulls(len(rows), pa.list_(pa.float32())),
        "error": pa.array([row.get("error") for row in rows], pa.string()),
    }
    if any("gold" in row for row in rows):
        columns["gold"] = pa.array([row.get("gold") for row in rows], pa.string())
    return Shard(pa.table(columns), item, table, True, source, None, counts)


def random_rows(seed: int, count: int, **settings) -> list[dict]:
    """Rows drawn at random.

    Args:
        seed: fixes them.
        count: how many.
        settings: `shares` of the labels, mean `tokens`, `certainty` (how high scores are),
            `error_share`.
    """
    draw = np.random.default_rng(seed)
    shares = settings.get("shares", [0.25] * 4)
    rows: list[dict] = []
    for number in range(count):
        if draw.random() < settings.get("error_share", 0):
            rows.append({"error": str(draw.choice(["blank: no text", "json: line 3: odd"]))})
            continue
        score = float(draw.beta(settings.get("certainty", 4), 1.2) * 0.75 + 0.25)
        label = str(draw.choice(LABELS, p=shares))
        gold = label if draw.random() < score else str(draw.choice(LABELS))
        tokens = int(draw.poisson(settings.get("tokens", 40)))
        rows.append({"label": label, "score": score, "gold": gold, "tokens": tokens})
        rows[-1]["text"] = f"text {seed} {number % (count // 2 + 1)}"  # some occur twice
    return rows


def bundle_card(labels=LABELS, **changes) -> dict:
    """What `notes.bundle_card` says of a bundle."""
    return {
        "name": "toy",
        "digest": "ab" * 32,
        "created": "2026-11-22T06:00:00+00:00",
        "labels": labels,
        "max_tokens": 64,
        "tokenizer": {"kind": "words", "vocab_size": 10},
        "model": {"kind": "transformer", "dropout": 0.1},
        "training": {"recipe": "scratch", "rows": 12_000, "learning_rate": 0.001},
        "metrics": {"validation": {"rows": 1000, "accuracy": 0.75, "loss": 0.6}},
        "profile": None,
        "versions": {"keras": "3"},
        **changes,
    }


def manifest_for(stats: dict, card: dict | None = None, **notes) -> dict:
    """The manifest of a run that gave these statistics."""
    plan = Plan(
        {"bundle": "ab" * 32, "engine": ["tensorflow", 4096], "version": "1", "limit": None},
        Columns(("title", "description"), gold="truth"),
        {},
        ReadSettings(100),
        [],
        [],
        [],
    )
    found = {"stats": stats, "bad_files": {}, "rows": stats["rows"]}
    started = {"time": "2026-11-22T06:00:00+00:00", "model": "bundles/toy"}
    parts = [{"name": "part-00000-of-00001.parquet", "rows": stats["rows"], "bytes": 12_345}]
    about = {"bundle": card or bundle_card(), "previous": None, **notes}
    return manifest_of(plan, found, parts, started, about)
