"""What the commands of `model` share: quiet libraries, one line where something is wrong."""

import errno
import importlib.util
import logging
import os
import warnings
from collections.abc import Callable

from model.bundle.load import BundleError
from model.console.arguments import say_error
from model.console.terminal import ready_streams, silent_descriptor

BACKENDS = ("tensorflow", "jax")
DISK_REFUSES = (errno.ENOSPC, errno.EDQUOT, errno.EIO)


def run_command(name: str, command: Callable[[], None]) -> int:
    """Runs a command and turns what goes wrong into one line.

    Args:
        name: of the command, as its line begins.
        command: does the work and says what came out.

    Returns:
        The exit code: 0, 2 for what the user can put right, 1 for what the disk refuses.
    """
    ready_streams()
    # TensorFlow reads it when it loads, and writes some lines before; `import_keras` drops those.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.disable(logging.WARNING)
    warnings.filterwarnings("ignore", module="keras|tensorflow|jax")
    try:
        command()
    except (BundleError, OSError, ValueError) as error:
        say_error(name, error)
        return 1 if getattr(error, "errno", None) in DISK_REFUSES else 2
    return 0


def choose_backend() -> str:
    """What Keras trains on: `KERAS_BACKEND`, else TensorFlow where it is installed, else JAX.

    Raises:
        ValueError: That is no backend of ours, or it isn't installed.
    """
    installed = [name for name in BACKENDS if importlib.util.find_spec(name) is not None]
    chosen = os.environ.setdefault("KERAS_BACKEND", installed[0] if installed else BACKENDS[0])
    if chosen not in BACKENDS:
        raise ValueError(f"KERAS_BACKEND is {chosen}: training runs on {' or '.join(BACKENDS)}")
    if chosen not in installed:
        others = f"; set it to {installed[0]}" if installed else ""
        raise ValueError(f"KERAS_BACKEND is {chosen}, which is not installed{others}")
    return chosen


def import_keras(backend: str = "tensorflow") -> None:
    """Imports Keras on a backend, and what of TensorFlow comes with it, without a word."""
    os.environ["KERAS_BACKEND"] = backend
    with silent_descriptor():
        import keras  # noqa: F401

        if importlib.util.find_spec("tensorflow") is not None:  # Keras on JAX loads it later, too
            import tensorflow as tf

            if backend == "tensorflow":
                tf.config.list_physical_devices()  # reports devices when it first looks
