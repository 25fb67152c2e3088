"""What scoring loads: TensorFlow without Keras, with one core a batch."""

import os
import subprocess
import sys

import pytest


def printed(code: str) -> str:
    """What a fresh process prints."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment.pop("TF_USE_LEGACY_KERAS", None)
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    ).stdout


def test_tensorflow_comes_without_keras():
    said = printed(
        "import sys; from model.engines.loading import import_tensorflow\n"
        "import_tensorflow()\n"
        "import model.tokenizers.tokenizer; "
        "print('tensorflow' in sys.modules, 'keras' in sys.modules)"
    )
    assert said == "True False\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    "load",
    [
        "from pipeline.stages.scoring import load_scorer; load_scorer(bundle, choice)",
        "from model.engines.labelled import Labeller; Labeller(bundle, choice)",
    ],
)
def test_all_who_score_with_tensorflow_give_a_batch_one_core(load, toy_bundle):
    said = printed(
        "from model.bundle.load import load_bundle\n"
        "from model.engines.choose import choose_engine\n"
        f"bundle = load_bundle({toy_bundle.path!r})\n"
        "choice = choose_engine(bundle.model['kind'], 'tensorflow')\n"
        f"{load}\n"
        "import tensorflow as tf; print(tf.config.threading.get_intra_op_parallelism_threads())"
    )
    assert said == "1\n"
