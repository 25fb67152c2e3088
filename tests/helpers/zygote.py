"""A process that has imported everything and forks a child for each run, to be killed at leisure.

It reads one JSON object a line from its standard input and answers with one: see `Zygote.run`.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from places import ROOT

LIMIT_SECONDS = 60.0


class Zygote:
    """The test's end of it."""

    def __init__(self, folder: Path):
        self._folder = folder
        here = Path(__file__).resolve().parent
        path = os.pathsep.join([str(ROOT), str(here)])
        self._process = subprocess.Popen(
            [sys.executable, str(here / "zygote.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path, "XDG_CACHE_HOME": str(folder / "cache")},
        )

    def start(self, *argv: str, code: str = "", after: float | None = None, number: int = 9):
        """Starts a run of `pipeline.score`; `finish` waits for it."""
        request = {
            "argv": argv,
            "code": code,
            "after": after,
            "signal": number,
            "log": str(self._folder / "log"),
        }
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()

    def finish(self) -> dict[str, Any]:
        """The end of the run: `code` (negative: killed by that signal), `seconds`, `out`."""
        return json.loads(self._process.stdout.readline())

    def run(self, *argv: str, **how: Any) -> dict[str, Any]:
        """Runs `pipeline.score` in a forked child.

        Args:
            argv: its arguments.
            how: `code`, Python that the child executes first; `after`, seconds until a signal is
                sent to it; `number`, that signal's.
        """
        self.start(*argv, **how)
        return self.finish()

    def close(self) -> None:
        """Ends the process."""
        self._process.stdin.close()
        self._process.wait()


def child(request: dict[str, Any]) -> None:
    """Runs the command in the forked process and ends it."""
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    from pipeline.launcher.command import run_command
    from pipeline.score import score

    exec(request["code"], {})
    code = run_command(score, request["argv"])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def wait(pid: int, request: dict[str, Any]) -> dict[str, Any]:
    """Waits for the child, and sends it the signal when its time has come."""
    started = time.monotonic()
    sent = False
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        seconds = time.monotonic() - started
        if found:
            break
        if not sent and request["after"] is not None and seconds >= request["after"]:
            os.kill(pid, request["signal"])
            sent = True
        if seconds > LIMIT_SECONDS:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.002)
    return {
        "code": os.waitstatus_to_exitcode(status),
        "seconds": seconds,
        "out": Path(request["log"]).read_text(),
    }


def main() -> None:
    """Serves requests until the standard input ends."""
    import apache_beam.runners.portability.fn_api_runner.fn_runner
    import apache_beam.runners.portability.fn_api_runner.worker_handlers
    import apache_beam.runners.worker.bundle_processor

    from fakes import play_model

    play_model()
    # Half of a short run's time goes into looking for state and timers, which we have none of.
    apache_beam.transforms.userstate.get_dofn_specs = lambda _: (set(), set())
    for line in sys.stdin:
        request = json.loads(line)
        pid = os.fork()
        if pid == 0:
            try:
                child(request)
            finally:
                os._exit(99)
        print(json.dumps(wait(pid, request)), flush=True)


if __name__ == "__main__":
    main()
