"""Importing TensorFlow without a word.

TensorFlow 2.21 writes to file descriptor 2 while it is imported, before it knows of any log level.
"""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_one_at_a_time = threading.Lock()


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


@contextmanager
def silent_descriptor() -> Iterator[None]:
    """Drops what libraries write to file descriptor 2; what Python code prints still comes out."""
    with _one_at_a_time:
        python_stream, other_stream = sys.stderr, None
        kept = os.dup(2)
        if _is_descriptor_2(python_stream):
            sys.stderr = other_stream = os.fdopen(os.dup(2), "w", buffering=1)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            os.close(nowhere)
            if sys.stderr is other_stream:
                sys.stderr = python_stream


def _is_descriptor_2(stream: object) -> bool:
    try:
        return stream.fileno() == 2  # type: ignore[attr-defined]
    except (AttributeError, OSError, ValueError):
        return False
