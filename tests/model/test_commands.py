"""What the commands of `model` share."""

import errno
import os
import subprocess
import sys

import pytest

from model import commands, train
from model.bundle.load import BundleError
from places import ROOT


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (None, 0),
        (BundleError("no bundle\nnewsbeam: all is well"), 2),
        (FileNotFoundError("no examples"), 2),
        (OSError(errno.ENOSPC, "No space left on device"), 1),
    ],
)
def test_exit_codes_and_one_line(error, code, capsys):
    def work():
        if error:
            raise error

    assert commands.run_command("model.x", work) == code
    said = capsys.readouterr().err
    assert said.count("\n") == (error is not None)
    assert error is None or said.startswith("model.x: error: ")


@pytest.mark.parametrize(
    ("given", "installed", "chosen"),
    [
        (None, ("tensorflow", "jax"), "tensorflow"),
        (None, ("jax",), "jax"),
        ("jax", ("tensorflow", "jax"), "jax"),
        ("torch", ("tensorflow", "torch"), "KERAS_BACKEND is torch: training runs on tensorflow"),
        ("tensorflow", ("jax",), "tensorflow, which is not installed; set it to jax"),
        (None, (), "KERAS_BACKEND is tensorflow, which is not installed"),
    ],
)
def test_the_backend(given, installed, chosen, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", given or "")
    if given is None:
        monkeypatch.delenv("KERAS_BACKEND")
    monkeypatch.setattr(
        commands.importlib.util, "find_spec", lambda name: name if name in installed else None
    )
    if chosen in installed:
        assert commands.choose_backend() == chosen
        assert os.environ["KERAS_BACKEND"] == chosen
    else:
        with pytest.raises(ValueError, match=chosen):
            commands.choose_backend()


def test_a_backend_of_others_is_one_line(toy_prepared, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    assert train.main(["--prepared", toy_prepared, "--output", f"{tmp_path}/bundle"]) == 2
    assert capsys.readouterr().err == (
        "model.train: error: KERAS_BACKEND is torch: training runs on tensorflow or jax\n"
    )


@pytest.mark.slow
def test_explain_says_one_line(toy_bundle, tmp_path):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TF_")}
    page = tmp_path / "page.html"
    flags = ["--model", toy_bundle.path, "--text", "war", "--output", str(page)]
    ended = subprocess.run(
        [sys.executable, "-m", "model.explain", *flags],
        capture_output=True,
        text=True,
        env=environment,
        cwd=ROOT,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, f"the page lies in {page}\n", "")
