"""The page of a series: each run's numbers, and drift."""

import json
from pathlib import Path

import pytest

from pages import Page
from pipeline.errors import UsageError
from pipeline.folders.launch_context import run_before
from pipeline.quality.stats import merge, shard_stats
from pipeline.reporting.runs_page import published_runs, write_series
from scored import manifest_for, random_rows, scored_table


@pytest.fixture
def series(tmp_path):
    """Four published runs, the third without any row, and one that is not published."""
    previous = None
    for day in (1, 2, 3, 4, 5):
        folder = tmp_path / "bundle=abababababab" / f"run=2026112{day}T060000Z"
        folder.mkdir(parents=True)
        shares = [0.25] * 4 if day < 4 else [0.1, 0.1, 0.7, 0.1]
        rows = random_rows(day, 0 if day == 3 else 400 * day, shares=shares, error_share=0.02 * day)
        started = "2026-11-22T06:00:00+00:00"
        stats = merge([shard_stats(scored_table(rows), 64, started)])
        manifest = manifest_for(stats, previous=previous)
        manifest |= {"finished": f"2026-11-2{day}T06:00:10+00:00", "seconds": 10.0}
        (folder / "_manifest.json").write_text(json.dumps(manifest))
        if day < 5:
            (folder / "_SUCCESS").touch()
        previous = manifest if rows else previous
    return tmp_path


def test_the_page_has_every_run(series):
    page = Page(Path(write_series(str(series))).read_text())
    assert (page.open, page.mistakes) == ([], [])
    runs = published_runs(str(series))
    table = page.table("The runs, the latest first")
    days = [f"2026-11-2{day} 06:00:10 UTC" for day in (4, 3, 2, 1)]
    assert list(table) == days
    for day, manifest in zip(days, reversed(runs), strict=True):
        stats = manifest["stats"]
        row = table[day]
        assert row[1:3] == [f"{manifest['rows']:,}", f"{manifest['in_error']:,}"]
        assert row[6] == f"{manifest['rows'] / 10:,.0f}"
        if manifest["labelled"]:
            mean = sum(stats["score_sums"].values()) / manifest["labelled"]
            assert row[3] == f"{mean:.3f}"
            assert f"{stats['rows_by_label']['Sports'] / manifest['labelled']:.1%}" in row[7:]
    assert "2026-11-24 06:00:10 UTC: Sports has" in page.text
    assert "4 runs over time" in page.text


def test_the_run_before_is_the_latest_published_one(series):
    runs = series / "bundle=abababababab"
    assert run_before(str(runs / "run=20261125T060000Z"))["finished"].startswith("2026-11-24")
    assert run_before(str(runs / "run=20261122T060000Z"))["finished"].startswith("2026-11-21")
    assert run_before(str(runs / "run=20261121T060000Z")) is None
    assert run_before(str(series)) is None


def test_no_runs(tmp_path):
    with pytest.raises(UsageError, match="there is no finished run"):
        write_series(str(tmp_path))
