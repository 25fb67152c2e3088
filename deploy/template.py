"""Writes the Flex Template's metadata from the options that the code has.

    .venv/bin/python -m deploy.template > deploy/metadata.json

Dataflow refuses a parameter that is not in it, and checks each value before it starts a machine.
"""

import argparse
import json
from typing import Any

from model.console.values import certainty, positive, promise, row_count, share
from pipeline.corpus.columns.names import split_carried, split_names
from pipeline.launcher.options import ScoreOptions

REQUIRED = ("input", "model", "output")
NUMBER = "^[1-9][0-9_]*$"
PLACES = {
    "input": "^(gs://[^/]+/.+|tfds:[^/]+/.+)$",
    "model": "^gs://[^/]+/.+$",
    "then": "^gs://[^/]+/.+$",
    "output": "^gs://[^/]+/.+$",
    "tfds_data_dir": "^gs://[^/]+/.+$",
}
# Beam's own options that `gcloud dataflow flex-template run` has no flag for.
BEAMS = {
    "sdk_container_image": (
        "the image of this template, for the workers too",
        "^[a-z0-9.-]+/[^ ]+$",
    ),
    "number_of_worker_harness_threads": ("Tables under way at a time in a process", NUMBER),
    "disk_size_gb": ("disk of a worker in GB", NUMBER),
    "dataflow_service_options": (
        "such as worker_accelerator=type:nvidia-l4;count:1;install-nvidia-driver",
        "^[^ ]+$",
    ),
    "experiments": ("Beam's experiments, with commas between them", "^[^ ]+$"),
}


def metadata() -> dict[str, Any]:
    """The template's metadata as JSON values."""
    own = [_parameter(action) for action in _actions()]
    beams = [
        {
            "name": name,
            "label": name,
            "helpText": text,
            "isOptional": True,
            "regexes": [regex],
            "paramType": "TEXT",
        }
        for name, (text, regex) in BEAMS.items()
    ]
    return {
        "name": "newsbeam",
        "description": "Labels news corpora in batches: rows in, labelled Parquet out.",
        "streaming": False,
        "parameters": own + beams,
    }


def _actions() -> list[argparse.Action]:
    parser = argparse.ArgumentParser(add_help=False)
    ScoreOptions._add_argparse_args(parser)
    return parser._actions


def _parameter(action: argparse.Action) -> dict[str, Any]:
    name = action.option_strings[0].removeprefix("--")
    default = action.default if action.default is not argparse.SUPPRESS else None
    parameter = {
        "name": name,
        "label": name,
        "helpText": (action.help or "") % {"default": default},
        "isOptional": name not in REQUIRED,
        "regexes": [_regex(name, action)],
        "paramType": "TEXT",
    }
    if name == "input":
        parameter["helpText"] += " (once here: a pattern or a folder for several)"
    return parameter


def _regex(name: str, action: argparse.Action) -> str:
    if name in PLACES:
        return PLACES[name]
    if action.nargs == 0:
        return "^(true|false)$"
    if action.choices:
        return f"^({'|'.join(map(str, action.choices))})$"
    if action.type in (positive, row_count):
        return NUMBER
    if action.type is share:
        return r"^(0(\.[0-9]*)?|\.[0-9]+|1(\.0*)?)$"
    if action.type is certainty:
        return r"^(0?\.0*[1-9][0-9]*|1(\.0*)?)$"
    if action.type is promise:
        return r"^0?\.0*[1-9][0-9]*$"
    if action.type in (split_names, split_carried):
        return "^[^,]+(,[^,]+)*$"
    return "^.+$"


if __name__ == "__main__":
    print(json.dumps(metadata(), indent=2, ensure_ascii=False))
