"""Beam's worker pool for several TaskManagers on one host: `python pool.py PORT`.

Beam's own pool knows a worker by its id alone, and every TaskManager counts its workers from "1-1":
the first of two that lets go of its worker has the pool kill the other's. Here a worker belongs to
the connection over which it was asked for; a TaskManager keeps that as long as the worker.
"""

import sys
import threading
from typing import Any

import grpc
from apache_beam.portability.api import beam_fn_api_pb2 as api
from apache_beam.runners.worker.worker_pool_main import BeamFnExternalWorkerPoolServicer


class Pool(BeamFnExternalWorkerPoolServicer):
    """Beam's pool, in which two TaskManagers may each have a worker of the same id."""

    def __init__(self, **settings: Any):
        super().__init__(**settings)
        self._lock = threading.Lock()

    def StartWorker(
        self, request: api.StartWorkerRequest, context: grpc.ServicerContext
    ) -> api.StartWorkerResponse:
        """Starts a worker process."""
        with self._lock:
            response = super().StartWorker(request, context)
            process = self._worker_processes.pop(request.worker_id, None)
            if process is not None:
                self._worker_processes[_name(request, context)] = process
        return response

    def StopWorker(
        self, request: api.StopWorkerRequest, context: grpc.ServicerContext
    ) -> api.StopWorkerResponse:
        """Stops the caller's worker; one that lost its connection ends by itself."""
        return super().StopWorker(api.StopWorkerRequest(worker_id=_name(request, context)), context)


def _name(
    request: api.StartWorkerRequest | api.StopWorkerRequest, context: grpc.ServicerContext
) -> str:
    return f"{context.peer()} {request.worker_id}"


if __name__ == "__main__":
    _, server = Pool.start(use_process=True, port=int(sys.argv[1]))
    server.wait_for_termination()
