"""What libraries write to descriptor 2 is dropped, what Python code prints is not."""

import os
import subprocess
import sys

import pytest

from pipeline.worker.tensorflow_setup import silent_descriptor


def test_the_descriptor_is_silent_and_then_as_before(capfd, monkeypatch):
    with os.fdopen(os.dup(2), "w", buffering=1) as other:
        monkeypatch.setattr(sys, "stderr", other)
        with silent_descriptor():
            os.write(2, b"chatter of a library\n")
            print("a line for a person", file=sys.stderr)
        os.write(2, b"after\n")
    assert capfd.readouterr().err == "a line for a person\nafter\n"


def test_python_code_that_prints_to_the_descriptor_is_heard(capfd, monkeypatch):
    stream = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
    monkeypatch.setattr(sys, "stderr", stream)
    with silent_descriptor():
        os.write(2, b"chatter of a library\n")
        print("a line for a person", file=sys.stderr, flush=True)
    assert sys.stderr is stream
    assert capfd.readouterr().err == "a line for a person\n"


def test_an_exception_gives_the_descriptor_back(capfd):
    with pytest.raises(ImportError), silent_descriptor():
        raise ImportError("no such library")
    os.write(2, b"still here\n")
    assert capfd.readouterr().err == "still here\n"


def test_tensorflow_comes_without_keras():
    code = (
        "import sys; from pipeline.worker.tensorflow_setup import import_tensorflow\n"
        "import_tensorflow()\n"
        "import model.tokenizers.tokenizer; "
        "print('tensorflow' in sys.modules, 'keras' in sys.modules)"
    )
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment.pop("TF_USE_LEGACY_KERAS", None)
    said = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert said.stdout == "True False\n"
