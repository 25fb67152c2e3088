"""Presets for Dataflow workers: what its defaults get wrong for a model in each process.

Dataflow starts one Python process for each core and twelve threads in each. Every process would
load TensorFlow and the bundle for itself, and each one's engine would start a thread for each
core: on four cores four copies of the model, and sixteen threads that wait for each other. The
presets make it one process a machine, whose threads share one model. Everything heavy in them
(Parquet, tokenizer, network) runs outside Python's lock.

A preset is a list of Beam's own options. Each gives way to the same option on the command line.
"""

import argparse
from typing import NamedTuple

from apache_beam.options.pipeline_options import (
    DebugOptions,
    GoogleCloudOptions,
    PipelineOptions,
    SetupOptions,
    WorkerOptions,
)

ACCELERATOR = "worker_accelerator"
ONE_PROCESS = "no_use_multiple_sdk_containers"


class Preset(NamedTuple):
    """What workers are like.

    Attributes:
        machine_type: a Compute Engine machine type.
        threads: Tables that are under way at a time in a process.
        disk_gb: room for the image (unpacked), the bundle and temporary files.
        accelerator: the GPU, as `worker_accelerator` takes it.
        engine: what runs the network. The plan is made by the launcher, which has no GPU to see.
    """

    machine_type: str
    threads: int
    disk_gb: int
    accelerator: str | None
    engine: str | None


PRESETS = {
    # Four cores for each process: a thread a core, so that one Table's Parquet and Python go on
    # beside another's matrix products. 4 GB a core is the smallest ratio that fits: see SCALE.md.
    "cpu": Preset("n2-standard-4", 4, 50, None, None),
    # One GPU for each process, a few threads that read and tokenize while one of them computes.
    # An L4 comes with G2 machines only; 100 GB, since CUDA's libraries alone have five.
    "gpu": Preset(
        "g2-standard-8", 4, 100, "type:nvidia-l4;count:1;install-nvidia-driver", "tensorflow"
    ),
}


def add_preset_argument(parser: argparse.ArgumentParser) -> None:
    """Adds `--dataflow_preset`."""
    cloud = parser.add_argument_group("cloud")
    cloud.add_argument(
        "--dataflow_preset",
        choices=tuple(PRESETS),
        help="settings of Dataflow workers that suit a model: see deploy/README.md; each gives way "
        "to Beam's own option for it",
    )


def apply_preset(name: str, beam_options: PipelineOptions) -> None:
    """Fills in what the command line leaves open.

    Args:
        name: one of `PRESETS`.
        beam_options: changed in place.
    """
    preset = PRESETS[name]
    worker = beam_options.view_as(WorkerOptions)
    debug = beam_options.view_as(DebugOptions)
    cloud = beam_options.view_as(GoogleCloudOptions)
    setup = beam_options.view_as(SetupOptions)
    worker.machine_type = worker.machine_type or preset.machine_type
    worker.disk_size_gb = worker.disk_size_gb or preset.disk_gb
    debug.number_of_worker_harness_threads = (
        debug.number_of_worker_harness_threads or preset.threads
    )
    experiments = debug.experiments or []
    if not {ONE_PROCESS, ONE_PROCESS.removeprefix("no_")} & set(experiments):
        debug.add_experiment(ONE_PROCESS)
    services = list(cloud.dataflow_service_options or [])
    has_accelerator = any(ACCELERATOR in option for option in (*services, *experiments))
    if preset.accelerator is not None and not has_accelerator:
        cloud.dataflow_service_options = [*services, f"{ACCELERATOR}={preset.accelerator}"]
    if worker.sdk_container_image and setup.sdk_location == "default":
        setup.sdk_location = "container"  # the image has Beam: nothing to download and stage
    if setup.save_main_session is None:
        setup.save_main_session = False  # entry points hold no DoFns


def preset_engine(name: str | None, engine: str) -> str:
    """The engine to plan with: the one that was asked for, else the preset's."""
    own = PRESETS[name].engine if name is not None else None
    return own if own is not None and engine == "auto" else engine
