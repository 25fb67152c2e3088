"""OpenVINO as an engine: what its own library gets wrong."""

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
    for _ in range(3):  # two of three used to
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=60)
        assert done.stdout == "all have answered\n"
