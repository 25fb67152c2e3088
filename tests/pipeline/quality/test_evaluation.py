"""Evaluation from merged statistics, against scikit-learn and NumPy on the rows themselves."""

import numpy as np
import pytest
from sklearn import metrics
from sklearn.calibration import calibration_curve

from pipeline.quality.evaluation import UNKNOWN_LABEL, evaluate
from pipeline.quality.stats import merge, shard_stats
from scored import LABELS, random_rows, scored_table


def gold_of(rows, shards=1):
    tables = [scored_table(rows[n::shards], item=n) for n in range(shards)]
    return merge(shard_stats(table, 64) for table in tables)["gold"]


def test_agrees_with_scikit_learn_on_the_rows():
    rows = random_rows(5, 3000)
    found = evaluate(gold_of(rows, 7), LABELS)
    true, given = [row["gold"] for row in rows], [row["label"] for row in rows]
    assert found["rows"] == 3000
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(true, given))
    assert found["macro_f1"] == pytest.approx(metrics.f1_score(true, given, average="macro"))
    report = metrics.classification_report(true, given, output_dict=True)
    for label in LABELS:
        ours = found["by_label"][label]
        assert ours["precision"] == pytest.approx(report[label]["precision"])
        assert ours["recall"] == pytest.approx(report[label]["recall"])
        assert ours["f1"] == pytest.approx(report[label]["f1-score"])
        assert ours["rows"] == report[label]["support"]
    matrix = [list(found["matrix"][label].values()) for label in LABELS]
    assert matrix == metrics.confusion_matrix(true, given, labels=LABELS).tolist()


def test_calibration_agrees_with_scikit_learn_on_the_rows():
    rows = random_rows(6, 3000)
    found = evaluate(gold_of(rows, 5), LABELS)
    right = np.array([row["gold"] == row["label"] for row in rows])
    scores = np.array([row["score"] for row in rows], np.float32)
    accuracy, mean = calibration_curve(right, scores, n_bins=20)
    assert [part["accuracy"] for part in found["calibration"]] == pytest.approx(accuracy)
    assert [part["score"] for part in found["calibration"]] == pytest.approx(mean, abs=1e-6)
    which = np.digitize(scores, np.linspace(0, 1, 21)[1:-1])
    error = sum(
        abs(right[which == b].mean() - scores[which == b].mean()) * (which == b).mean()
        for b in np.unique(which)
    )
    assert found["calibration_error"] == pytest.approx(error, abs=1e-6)


def test_the_interval_is_wilsons():
    rows = [{"label": "World", "gold": "World"}] * 9 + [{"label": "World", "gold": "Sports"}]
    found = evaluate(gold_of(rows), LABELS)
    assert found["accuracy"] == pytest.approx(0.9)
    # Computed by hand from Wilson's formula with z = 1.959964.
    assert found["interval"] == pytest.approx([0.5958, 0.9821], abs=1e-4)


def test_rows_in_error_without_gold_and_with_unknown_gold():
    rows = [
        {"label": "World", "gold": "World"},
        {"label": "World", "gold": "World"},
        {"label": "World", "gold": "Weather"},
        {"label": "Sports", "gold": None},
        {"error": "blank: no text", "gold": "World"},
        {"error": "json: odd", "gold": None},
    ]
    found = evaluate(gold_of(rows), LABELS)
    assert (found["rows"], found["foreign"]) == (3, 1)
    assert (found["missing"], found["in_error"]) == (2, 1)
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["accuracy_of_all"] == pytest.approx(2 / 4)
    assert found["matrix"][UNKNOWN_LABEL] == {"Business": 0, "Sci/Tech": 0, "Sports": 0, "World": 1}
    assert found["by_label"]["World"]["precision"] == pytest.approx(2 / 3)
    assert found["by_label"]["World"]["recall"] == 1


def test_nothing_to_compare():
    assert (
        evaluate(gold_of([{"gold": None}, {"error": "blank: x", "gold": "World"}]), LABELS) is None
    )


def test_a_hundred_million_rows_cost_no_more():
    gold = gold_of(random_rows(8, 500))
    for row in gold["confusion"].values():
        row.update({label: count * 200_000 for label, count in row.items()})
    found = evaluate(gold, LABELS)
    assert found["rows"] == 100_000_000
    assert found["interval"][1] - found["interval"][0] < 0.0003
