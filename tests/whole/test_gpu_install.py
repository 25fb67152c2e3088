"""The install lines of docs/training.md for a machine with a GPU do what they say.

On a processor: `jax` in the place of `jax[cuda12]`, whose wheels are 3 GB.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from model.training.weights import read_weights
from places import ROOT
from sources_of_package import copy_sources

UV = str(Path(sys.executable).with_name("uv"))
# What uv says where there is no network, or no index at the other end of it.
UNREACHABLE = re.compile(
    r"dns error|error sending request|failed to fetch|connection refused|timed out", re.I
)


def documented() -> list[list[str]]:
    """The arguments of `pip install`, line by line."""
    page = (ROOT / "docs" / "training.md").read_text()
    section = page.split("## On a machine with a GPU")[1].split("\n## ")[0].replace("\\\n", " ")
    lines = re.findall(r"^    python -m pip install (.*)$", section, re.M)
    words = [[word.strip("'\"") for word in line.split()] for line in lines]
    return [["jax" if word == "jax[cuda12]" else word for word in line] for line in words]


@pytest.mark.slow
@pytest.mark.timeout(1800)  # a loaded machine takes its time to compile
def test_what_is_installed_trains_without_tensorflow(toy_bert, toy_bert_prepared, tmp_path):
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run(
        [UV, "venv", "-q", "--python", sys.executable, str(tmp_path / "venv")], check=True
    )
    lines = documented()
    assert len(lines) == 3 and "jax" in lines[0] and lines[2] == ["--no-deps", "."]
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("KERAS_BACKEND", "PYTHONPATH", "VIRTUAL_ENV")
    } | {"JAX_PLATFORMS": "cpu"}
    checkout = copy_sources(tmp_path / "checkout")
    for line in lines:
        done = subprocess.run(
            [UV, "pip", "install", "-q", "--python", str(python), *line],
            cwd=checkout,
            env=environment,
            capture_output=True,
            text=True,
        )
        if done.returncode and UNREACHABLE.search(done.stderr):
            pytest.skip(f"the package index cannot be reached: {done.stderr.splitlines()[0]}")
        assert done.returncode == 0, done.stderr

    def run(*arguments: str) -> subprocess.CompletedProcess:
        command = [str(python), *arguments]
        settings = {"cwd": tmp_path, "capture_output": True, "text": True}
        return subprocess.run(command, env=environment | {"KERAS_BACKEND": "jax"}, **settings)

    for name in ("tensorflow", "tensorflow_text", "torch", "apache_beam"):
        assert "ModuleNotFoundError" in run("-c", f"import {name}").stderr, name
    flags = ["--prepared", toy_bert_prepared, "--output", "weights", "--epochs", "1"]
    flags += ["--model", "bert", "--backbone", str(toy_bert), "--batch_size", "4"]
    trained = run("-m", "model.train", *flags)
    assert trained.returncode == 0, trained.stderr
    result, _ = read_weights(tmp_path / "weights")
    assert (result.training["backend"], result.training["device"]) == ("jax", "cpu")
    assert result.training["recipe"] == "finetune"
