"""What all our commands share: exit codes, quiet libraries, one line where something is wrong."""

import logging
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from types import FrameType

from pipeline.errors import NewsbeamError

STOPPED = 1


def run_command(command: Callable[[list[str]], int], argv: list[str] | None = None) -> int:
    """Runs a command and turns what goes wrong into one line and an exit code.

    Args:
        command: takes the arguments, returns the exit code.
        argv: the arguments; those of the process unless given.
    """
    argv = sys.argv[1:] if argv is None else argv
    verbose = "--verbose" in argv
    if not verbose:
        silence()
    signal.signal(signal.SIGTERM, _stop)
    try:
        return command(argv)
    except NewsbeamError as error:
        tell(str(error), verbose)
        return error.exit_code
    except KeyboardInterrupt:
        tell("stopped; the same command continues", verbose=False)
        return STOPPED
    except Exception as error:
        first = str(error).strip().split("\n")[0]
        tell(f"{type(error).__name__}: {first} (--verbose shows more)", verbose)
        return STOPPED


def tell(message: str, verbose: bool = False) -> None:
    """Prints an error for a person."""
    if verbose:
        traceback.print_exc()
    print(f"newsbeam: {message}", file=sys.stderr, flush=True)


def silence() -> None:
    """Keeps TensorFlow, Beam and their friends from chatting. They read this when they load."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    os.environ.setdefault("GLOG_minloglevel", "3")
    os.environ.setdefault("OPENVINO_TELEMETRY_DISABLE", "1")
    logging.getLogger().setLevel(logging.CRITICAL)
    warnings.simplefilter("ignore")


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
