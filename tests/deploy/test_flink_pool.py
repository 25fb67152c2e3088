"""The worker pool of deploy/flink, without Flink: two TaskManagers that count alike."""

import stat
import sys

import grpc
import pytest
from apache_beam.portability.api import beam_fn_api_pb2 as api
from apache_beam.portability.api import beam_fn_api_pb2_grpc as services

from places import ROOT

FLINK = ROOT / "deploy" / "flink"


@pytest.fixture
def pool(monkeypatch, tmp_path):
    """A running pool whose workers sleep; gives the pool's address and its processes."""
    monkeypatch.syspath_prepend(str(FLINK))
    from pool import Pool

    worker = tmp_path / "worker"
    worker.write_text(f"#!{sys.executable}\nimport time\ntime.sleep(100)\n")
    worker.chmod(worker.stat().st_mode | stat.S_IEXEC)
    processes = {}

    class Shown(Pool):
        def __init__(self, **settings):
            super().__init__(**settings)
            self._worker_processes = processes

    address, server = Shown.start(use_process=True, container_executable=str(worker))
    yield address, processes
    server.stop(0)
    for process in processes.values():
        process.kill()
        process.wait()


def connected(address):
    """A connection of its own, as each TaskManager has one."""
    channel = grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)])
    return services.BeamFnExternalWorkerPoolStub(channel)


def test_a_taskmanager_stops_only_its_own_worker(pool):
    address, processes = pool
    one, other = connected(address), connected(address)
    assert one.StartWorker(api.StartWorkerRequest(worker_id="1-1")).error == ""
    (first,) = processes.values()
    assert other.StartWorker(api.StartWorkerRequest(worker_id="1-1")).error == ""
    (second,) = set(processes.values()) - {first}
    one.StopWorker(api.StopWorkerRequest(worker_id="1-1"))
    assert first.poll() is not None
    assert second.poll() is None
    one.StopWorker(api.StopWorkerRequest(worker_id="1-1"))  # once more: it has none left
    assert second.poll() is None
    other.StopWorker(api.StopWorkerRequest(worker_id="1-1"))
    assert second.poll() is not None
    assert processes == {}
