"""What is settled before a pipeline starts."""

import os

import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from model.engines.choose import PROCESSES
from pipeline import launch


@pytest.mark.parametrize(
    ("workers", "processes"),
    [
        (["--direct_running_mode", "multi_processing", "--direct_num_workers", "3"], "3"),
        (["--direct_running_mode", "multi_processing", "--direct_num_workers", "0"], "7"),
        (["--direct_running_mode", "multi_threading", "--direct_num_workers", "3"], None),
        ([], None),
    ],
)
def test_worker_processes_hear_how_many_share_the_cores(monkeypatch, workers, processes):
    monkeypatch.setattr(launch, "cores", lambda: 7)
    monkeypatch.setenv(PROCESSES, "2")  # of an earlier run, and put back after the test
    launch.share_cores(PipelineOptions(workers))
    assert os.environ.get(PROCESSES) == processes
