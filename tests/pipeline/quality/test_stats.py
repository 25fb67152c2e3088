"""Statistics: exact values, merging in any order, and bounds on their size."""

import json
import random

import numpy as np
import pytest

from model.data.corpus_profile import confidence_histogram, token_histogram
from pipeline.quality.example_rows import EXAMPLES, TEXT_CHARACTERS, rows_of
from pipeline.quality.stats import (
    CONFIDENCE_BINS,
    LENGTH_BINS,
    bin_counts,
    confidence_bins,
    merge,
    shard_stats,
)
from scored import random_rows, scored_table


def plain(stats):
    """The same without the sums of floats, which depend on the order in their last bits."""
    stats = json.loads(json.dumps(stats))
    stats.pop("score_sums", None)
    for part in stats.get("gold", {}).get("calibration", {}).values():
        del part["score"]
    return stats


def test_statistics_of_a_small_table():
    table = scored_table(
        [
            {"label": "Sports", "score": 0.99, "tokens": 20, "text": "won", "gold": "Sports"},
            {"label": "Sports", "score": 0.7, "tokens": 16, "text": "fell", "gold": "Business"},
            {"label": "World", "score": 1.0, "tokens": 0, "text": "x" * 300, "gold": "Weather"},
            {"label": "World", "score": 0.25, "tokens": 5, "text": "war", "gold": None},
            {"error": "blank: no text in title", "gold": "World"},
            {"error": "json: Expecting value: line 1"},
        ],
        tokens=30,
        model_ms=1.5,
    )
    stats = shard_stats(table, max_tokens=16, session="noon", worker="host-12-1700")
    assert (stats["rows"], stats["labelled"], stats["truncated"]) == (6, 4, 1)
    assert stats["rows_by_label"] == {"Sports": 2, "World": 2}
    assert stats["score_sums"] == pytest.approx({"Sports": 1.69, "World": 1.25}, abs=1e-6)
    assert stats["errors"] == {"blank": 1, "json": 1}
    assert stats["sources"] == {"a.parquet": {"rows": 6, "errors": 2}}
    assert stats["sessions"] == {"noon": 6}
    assert stats["workers"] == {"host-12-1700": 6}
    assert stats["confidence"] == {"Sports": {"14": 1, "19": 1}, "World": {"5": 1, "19": 1}}
    assert stats["lengths"] == {"0": 1, "3": 1, "6": 2}  # 16 and 20 share a bin
    assert (stats["length_sum"], stats["counts"]) == (41, {"tokens": 30, "model_ms": 1.5})
    gold = stats["gold"]
    assert (gold["missing"], gold["in_error"]) == (2, 1)
    assert gold["confusion"] == {"Sports": {"Sports": 1}, "Business": {"Sports": 1}}
    assert gold["foreign"] == {"World": 1}
    assert [row["gold"] for row in rows_of(gold["foreign_examples"])] == ["Weather"]
    assert [row["text"] for row in rows_of(gold["mistakes"])] == ["fell"]
    assert gold["calibration"]["14"] == {"rows": 1, "right": 0, "score": pytest.approx(0.7)}
    assert gold["calibration"]["19"]["rows"] == 2
    examples = stats["examples"]
    assert [row["source_row"] for row in rows_of(examples["errors"]["json"])] == [5]
    assert [row["text"] for row in rows_of(examples["unsure"]["Sports"])] == ["fell", "won"]
    assert len(rows_of(examples["confident"]["World"])[0]["text"]) == TEXT_CHARACTERS


def test_a_table_without_any_row_and_one_all_in_error():
    empty = shard_stats(scored_table([]), 16)
    assert (empty["rows"], empty["errors"], empty["lengths"]) == (0, {}, {})
    broken = shard_stats(scored_table([{"error": "blank: x", "gold": "World"}] * 9), 16)
    assert (broken["labelled"], broken["gold"]["in_error"]) == (0, 9)
    assert len(broken["examples"]["errors"]["blank"]) == EXAMPLES
    assert merge([empty, broken])["rows"] == 9


def test_bins_are_those_of_the_bundles_profile():
    scores = np.concatenate([np.linspace(0, 1, 2001), [0.7, 0.15, 0.35]]).astype(np.float32)
    counts = np.bincount(confidence_bins(scores), minlength=CONFIDENCE_BINS)
    assert counts.tolist() == confidence_histogram(scores)
    lengths = [0, 1, 2, 3, 7, 8, 255, 256, 4095, 4096, 100_000]
    stats = shard_stats(scored_table([{"tokens": length} for length in lengths]), 16)
    assert bin_counts(stats["lengths"], LENGTH_BINS) == token_histogram(np.array(lengths))


def test_merging_is_the_same_in_any_order_and_equals_one_table():
    rows = random_rows(1, 900, error_share=0.05)
    shards = [
        shard_stats(scored_table(rows[start : start + 90], item=start), 64)
        for start in range(0, 900, 90)
    ]
    whole = plain(merge(shards))
    shuffled = random.Random(3).sample(shards, len(shards))
    nested = merge([merge(shuffled[:3]), merge([merge(shuffled[3:7]), merge(shuffled[7:])])])
    assert plain(nested) == whole
    one = plain(shard_stats(scored_table(rows), 64))
    for key in ("rows", "labelled", "rows_by_label", "errors", "confidence", "lengths"):
        assert whole[key] == one[key]
    for key in ("confusion", "foreign", "missing", "in_error"):
        assert whole["gold"][key] == one["gold"][key]
    assert merge(shards)["score_sums"] == pytest.approx(
        shard_stats(scored_table(rows), 64)["score_sums"]
    )


def test_merged_examples_are_the_extreme_rows_of_the_whole_each_text_once():
    rows = random_rows(2, 600)
    shards = [
        shard_stats(scored_table(rows[start : start + 50], item=start), 64)
        for start in range(0, 600, 50)
    ]
    sports = sorted((row for row in rows if row["label"] == "Sports"), key=lambda r: -r["score"])
    best = list(dict.fromkeys(row["text"] for row in sports))[:EXAMPLES]
    found = rows_of(merge(shards)["examples"]["confident"]["Sports"])
    assert [row["text"] for row in found] == best


def test_merging_does_not_change_what_is_merged():
    one, other = (shard_stats(scored_table(random_rows(s, 40), item=s), 64) for s in (1, 2))
    before = json.dumps([one, other])
    merge([one, other])
    assert json.dumps([one, other]) == before


def test_size_is_bounded_however_odd_the_rows_are():
    rows = [
        {
            "label": "World",
            "text": "ab " * 5000 + str(n),
            "gold": f"class {n} " * 50,
            "error": "json: " + "x" * 9000 if n % 2 else None,
        }
        for n in range(2000)
    ]
    table = scored_table(rows)
    stats = shard_stats(table, 16)
    assert len(json.dumps(stats)) < 20_000
    shards = [shard_stats(scored_table(rows[n::20], item=n), 16) for n in range(20)]
    assert len(json.dumps(merge(shards))) < 20_000


def test_twenty_thousand_sources_merge_quickly():
    one = shard_stats(scored_table(random_rows(1, 20)), 64)
    many = (
        {**one, "sources": {f"corpus/{number % 20_000:05d}.jsonl": {"rows": 1, "errors": 0}}}
        for number in range(40_000)
    )
    total = merge(many)  # quadratic merging takes minutes
    assert len(total["sources"]) == 20_000
    assert total["sources"]["corpus/00007.jsonl"]["rows"] == 2
