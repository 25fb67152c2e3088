"""Ports of services that tests start."""

import socket
import time


def free_port():
    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        return listener.getsockname()[1]


def wait_for(port, process):
    for _ in range(600):
        assert process.poll() is None, "the service has ended"
        with socket.socket() as probe:
            if probe.connect_ex(("localhost", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("the service doesn't listen")
