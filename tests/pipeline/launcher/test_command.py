"""A command's process ends as sys.exit would end it, only sooner."""

import os
import subprocess
import sys
from pathlib import Path

COMMAND = """
import atexit
from pipeline.launcher.command import main

class Slow:
    def __del__(self):
        print("taken apart")

kept = Slow()

def command(argv):
    atexit.register(print, "tidied")
    print("done", *argv)
    return 3

main(command)
"""


def run(*argv: str, stdout: object = subprocess.PIPE) -> subprocess.CompletedProcess:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    return subprocess.run(
        [sys.executable, "-c", COMMAND, *argv],
        env=environment,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )


def test_exit_handlers_run_and_nothing_is_taken_apart():
    ended = run("--limit", "1")
    assert (ended.returncode, ended.stdout, ended.stderr) == (3, "done --limit 1\ntidied\n", "")


def test_what_cannot_be_said_is_an_error():
    with Path("/dev/full").open("w") as full:
        ended = run(stdout=full)
    assert ended.returncode == 3
    assert (
        ended.stderr
        == "newsbeam: No space left on device; make room and run the same command again\n"
    )
