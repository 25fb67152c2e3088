"""What all our commands share: exit codes, quiet libraries, one line where something is wrong."""

import atexit
import logging
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any, NoReturn

import psutil

from model.console.arguments import Parser, program
from model.console.terminal import ready_streams, say
from pipeline import storage
from pipeline.errors import NewsbeamError, one_line
from pipeline.launcher.launch import is_stuck

STOPPED = 1
UNWIND_SECONDS = 10.0  # for what must be tidied when a signal arrives: a lock in a store


def main(command: Callable[[list[str]], int]) -> NoReturn:
    """Runs a command as the process, exit handlers included, and ends it.

    What `sys.exit` does besides is to take TensorFlow and Beam apart, object by object, for 2 s.
    """
    code = run_command(command)
    try:
        atexit._run_exitfuncs()
        sys.stdout.flush()
    except BrokenPipeError:
        pass  # nobody reads any more: `say` has more on it
    except Exception as error:  # a full disk
        report(one_line(error))
        code = code or STOPPED
    leave(code)


def folder_parser(module: str, description: str | None) -> Parser:
    """The parser of a command on a folder that is there: with `--output` and `--verbose`."""
    parser = Parser(prog=program(module), description=description)
    parser.add_argument(
        "--output",
        type=storage.supported,
        metavar="DIR",
        required=True,
        help="the folder that was the run's --output",
    )
    parser.add_argument("--verbose", action="store_true", help="show tracebacks")
    return parser


def run_command(command: Callable[[list[str]], int], argv: list[str] | None = None) -> int:
    """Runs a command and turns what goes wrong into one line and an exit code.

    SIGTERM and SIGINT end the process within seconds, however busy it is: every file is written
    whole or not at all, so there is nothing to wait for.

    Args:
        command: takes the arguments, returns the exit code.
        argv: the arguments; those of the process unless given.
    """
    argv = sys.argv[1:] if argv is None else argv
    verbose = "--verbose" in argv
    ready_streams()
    if not verbose:
        silence()
    before = _handle(_stop)
    try:
        return command(argv)
    except NewsbeamError as error:
        report(str(error), verbose)
        if is_stuck():
            leave(error.exit_code)
        return error.exit_code
    except KeyboardInterrupt:
        report("stopped; the same command continues")
        leave(STOPPED)
        return STOPPED
    except OSError as error:
        report(one_line(error), verbose)
        return STOPPED
    except Exception as error:
        report(f"{one_line(error)} (--verbose shows more)", verbose)
        return STOPPED
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def report(message: str, verbose: bool = False) -> None:
    """Reports an error to a person."""
    if verbose:
        for line in traceback.format_exc().splitlines():
            say(line, sys.stderr)
    say(f"newsbeam: {message}", sys.stderr)


def silence() -> None:
    """Keeps TensorFlow, Beam and their friends from chatting. They read this when they load."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    os.environ.setdefault("GLOG_minloglevel", "3")
    logging.disable(logging.ERROR)  # a level is not enough: some loggers have their own
    warnings.simplefilter("ignore")
    # Threads of Beam's that lose their worker; what ends a run, the main thread reports.
    threading.excepthook = lambda _: None


def leave(code: int) -> NoReturn:
    """Ends the process and its worker processes at once, without waiting for busy threads."""
    with suppress(psutil.Error):
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):
                process.kill()
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def _handle(handler: Callable[[int, FrameType | None], None]) -> dict[int, Any]:
    """Takes the signals that end a process, and says who had them before."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    return {number: signal.signal(number, handler) for number in (signal.SIGTERM, signal.SIGINT)}


def _stop(_signal: int, _frame: FrameType | None) -> None:
    """Unwinds the main thread, which gives the lock back; at a second signal, just ends."""
    _handle(lambda *_: leave(STOPPED))
    late = threading.Timer(UNWIND_SECONDS, leave, (STOPPED,))
    late.daemon = True
    late.start()
    raise KeyboardInterrupt
