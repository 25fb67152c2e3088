"""Importing TensorFlow for scoring: without a word, and with threads as scoring wants them."""

import os
import sys

from model.terminal import silent_descriptor


def import_tensorflow() -> None:
    """Imports TensorFlow for scoring; quietly, unless `--verbose` was given."""
    if "tensorflow" in sys.modules:
        return
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "3":  # as command.silence() sets it
        with silent_descriptor():
            from model.without_keras import tf
    else:
        from model.without_keras import tf
    # One core a batch, as many batches as cores: a fifth less work than all cores on each.
    tf.config.threading.set_intra_op_parallelism_threads(1)
