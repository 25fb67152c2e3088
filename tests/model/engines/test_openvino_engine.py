"""OpenVINO as an engine: what its own library gets wrong."""

import os
import subprocess
import sys

FIRST_CALLS = """
import sys, threading
import numpy as np
from model.engines.openvino_engine import OpenVINOEngine

engine = OpenVINOEngine(sys.argv[1])
sys.setswitchinterval(1e-6)
barrier = threading.Barrier(32)

def call():
    barrier.wait()
    engine(np.ones((1, 4), np.int32))

threads = [threading.Thread(target=call, daemon=True) for _ in range(32)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("all have answered")
"""


def test_threads_that_are_the_first_to_call_it_do_not_wait_for_ever(toy_bundle):
    command = [sys.executable, "-c", FIRST_CALLS, toy_bundle.saved_model_dir]
    for _ in range(3):  # without the first copy at import, two of three hang
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=60)
        assert done.stdout == "all have answered\n"


def test_it_reports_to_nobody(toy_bundle, tmp_path):
    code = (
        "import os, sys\n"
        "sys.addaudithook(lambda event, _: print(event) if event == 'os.fork' else None)\n"
        "from model.engines.openvino_engine import OpenVINOEngine\n"
        "OpenVINOEngine(sys.argv[1])\n"
        "print('openvino_telemetry.main' in sys.modules, os.listdir(os.environ['HOME']))"
    )
    # Where a CI runs, the library says nothing of its own accord.
    environment = {name: value for name, value in os.environ.items() if name != "CI"}
    done = subprocess.run(
        [sys.executable, "-c", code, toy_bundle.saved_model_dir],
        env={**environment, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "False []\n"
