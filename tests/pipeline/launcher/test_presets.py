"""`--dataflow_preset`: what it sets, and that the command line has the last word."""

import pytest
from apache_beam.options.pipeline_options import (
    DebugOptions,
    GoogleCloudOptions,
    SetupOptions,
    WorkerOptions,
)

from pipeline.errors import UsageError
from pipeline.launcher.options import ScoreOptions, parse
from pipeline.launcher.presets import preset_engine


def chosen(*argv):
    _, beams = parse(ScoreOptions, list(argv), "score", "")
    return {
        "machine": beams.view_as(WorkerOptions).machine_type,
        "disk": beams.view_as(WorkerOptions).disk_size_gb,
        "threads": beams.view_as(DebugOptions).number_of_worker_harness_threads,
        "experiments": beams.view_as(DebugOptions).experiments,
        "services": beams.view_as(GoogleCloudOptions).dataflow_service_options,
        "sdk": beams.view_as(SetupOptions).sdk_location,
    }


def test_none_sets_nothing():
    assert chosen() == {
        "machine": None,
        "disk": None,
        "threads": None,
        "experiments": None,
        "services": None,
        "sdk": "default",
    }


def test_cpu():
    assert chosen("--dataflow_preset=cpu", "--sdk_container_image=eu.pkg.dev/p/r/newsbeam") == {
        "machine": "n2-standard-4",
        "disk": 50,
        "threads": 4,
        "experiments": ["no_use_multiple_sdk_containers"],
        "services": None,
        "sdk": "container",
    }


def test_gpu():
    assert chosen("--dataflow_preset", "gpu") == {
        "machine": "g2-standard-8",
        "disk": 100,
        "threads": 4,
        "experiments": ["no_use_multiple_sdk_containers"],
        "services": ["worker_accelerator=type:nvidia-l4;count:1;install-nvidia-driver"],
        "sdk": "default",
    }


def test_the_command_line_has_the_last_word():
    accelerator = "worker_accelerator=type:nvidia-tesla-t4;count:1;install-nvidia-driver"
    own = chosen(
        "--machine_type=n1-standard-8",
        "--disk_size_gb=70",
        "--number_of_worker_harness_threads=2",
        "--experiments=use_multiple_sdk_containers,other",
        "--dataflow_service_options=enable_prime",
        f"--dataflow_service_options={accelerator}",
        "--sdk_container_image=i",
        "--sdk_location=/beam",
        "--dataflow_preset=gpu",
    )
    assert own == {
        "machine": "n1-standard-8",
        "disk": 70,
        "threads": 2,
        "experiments": ["use_multiple_sdk_containers", "other"],
        "services": ["enable_prime", accelerator],
        "sdk": "/beam",
    }


def test_what_it_does_not_replace_it_adds_to():
    added = chosen("--dataflow_preset=gpu", "--experiments=x", "--dataflow_service_options=y")
    assert added["experiments"] == ["x", "no_use_multiple_sdk_containers"]
    assert added["services"][0] == "y" and added["services"][1].startswith("worker_accelerator")


def test_another_preset_is_an_error():
    with pytest.raises(UsageError, match="invalid choice: 'tpu'"):
        chosen("--dataflow_preset=tpu")


def test_the_launcher_of_gpu_workers_plans_for_them():
    assert preset_engine("gpu", "auto") == "tensorflow"
    assert preset_engine("gpu", "openvino") == "openvino"
    assert preset_engine("cpu", "auto") == preset_engine(None, "auto") == "auto"


def test_a_template_gives_switches_a_value():
    options, _ = parse(ScoreOptions, ["--overwrite=true", "--verbose=False"], "score", "")
    assert options.overwrite and not options.verbose
    with pytest.raises(UsageError):
        parse(ScoreOptions, ["--overwrite=maybe"], "score", "")
