"""The command line: unknown flags are errors, Beam's own pass through."""

import pytest
from apache_beam.options.pipeline_options import DirectOptions, StandardOptions

from pipeline.errors import UsageError
from pipeline.launcher.command import run_command
from pipeline.launcher.options import ScoreOptions, parse
from pipeline.prepare import prepare
from pipeline.progress import progress
from pipeline.report import report
from pipeline.runs import runs
from pipeline.score import score


def score_options(*argv):
    return parse(ScoreOptions, list(argv), "score", "")


def test_ours_and_beams_options():
    options, beams = score_options(
        "--input", "a", "--input=b", "--carry_columns", "x,y:z", "--direct_num_workers=2"
    )
    assert options.input == ["a", "b"]
    assert options.carry_columns == [("x", "x"), ("y", "z")]
    assert beams.view_as(DirectOptions).direct_num_workers == 2
    assert beams.view_as(StandardOptions).runner == "FnApiRunner"


def test_another_runner_is_kept():
    _, beams = score_options("--runner=FlinkRunner")
    assert beams.view_as(StandardOptions).runner == "FlinkRunner"


@pytest.mark.parametrize(
    "argv, message",
    [
        (["--inptu", "a"], "unknown option --inptu; did you mean --input?"),
        (["--shardrows=3"], "unknown option --shardrows; did you mean --shard_rows?"),
        (["--qqq"], "unknown option --qqq; see --help"),
        (["news.csv"], "'news.csv' belongs to no option; did you mean --input news.csv?"),
        (["--shard_rows", "0"], "argument --shard_rows: 0 is not above 0; see --help"),
        (["--limit", "many"], "argument --limit: 'many' is no whole number; see --help"),
        (["--max_error_rate", "3"], "argument --max_error_rate: 3 is not between 0 and 1"),
    ],
)
def test_wrong_use(argv, message):
    with pytest.raises(UsageError) as error:
        score_options(*argv)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize("path", ["s3://b/x", "hdfs://b/x", "http://b/x", "azfs://b/x", "S3://b/x"])
@pytest.mark.parametrize(
    ("command", "flag"),
    [
        (score, "--input"),
        (score, "--model"),
        (score, "--then"),
        (score, "--output"),
        (prepare, "--input"),
        (prepare, "--output"),
        (report, "--output"),
        (runs, "--output"),
        (progress, "--output"),
    ],
)
def test_a_store_that_nobody_has_tested_is_refused(command, flag, path, capsys):
    """In one line, exit code 2, before any work: reading and writing it are not even tried."""
    assert run_command(command, [flag, path]) == 2
    said = capsys.readouterr().err.splitlines()
    scheme = path.partition(":")[0]
    assert said == [f"newsbeam: {path}: {scheme}:// is not supported, only disks and gs:// are"]


def test_disks_and_google_cloud_storage_are_taken():
    taken = ["a", "/a/b", "file:///a", "gs://b/*.csv", "tfds:ag_news_subset/train"]
    assert score_options(*(f"--input={path}" for path in taken))[0].input == taken


def test_help_names_every_option(capsys):
    with pytest.raises(SystemExit) as stop:
        score_options("--help")
    assert stop.value.code == 0
    printed = capsys.readouterr().out
    for flag in ("--input", "--model", "--output", "--carry_columns", "--limit", "--runner"):
        assert flag in printed
