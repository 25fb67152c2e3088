"""Scoring imports TensorFlow without Keras."""

import os
import subprocess
import sys


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
