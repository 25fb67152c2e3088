"""Google Cloud Storage in this process: the emulator, with what it leaves out of the protocol."""

import re
import socket
from http import HTTPStatus

from gcp_storage_emulator import exceptions as emulator_errors
from gcp_storage_emulator import server as emulator

BUCKET = "news"


class Requests(list):
    """Method and path of every request that was served."""

    def listings(self) -> int:
        """How often a bucket was listed."""
        return sum(
            method == "GET" and re.fullmatch(r".*/b/[^/]+/o", path) is not None
            for method, path in self
        )


def start(monkeypatch) -> tuple[emulator.Server, Requests]:
    """Starts a store that has one bucket, and leads Beam's and Google's clients to it.

    The emulator ignores `ifGenerationMatch`, on which the claim rests: added here.
    """
    from apache_beam.internal.gcp import auth

    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://localhost:{port}")
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "toy")
    monkeypatch.setattr(auth._Credentials, "_credentials_init", True)
    monkeypatch.setattr(auth._Credentials, "_credentials", None)
    requests = Requests()

    class Handler(emulator.RequestHandler):
        def do_GET(self):
            self._note("GET")
            super().do_GET()

        def do_POST(self):
            self._note("POST")
            super().do_POST()

        def do_DELETE(self):
            self._note("DELETE")
            super().do_DELETE()

        def _note(self, method):
            requests.append((method, self.path.split("?")[0]))

    def insert(request, response, storage):
        wanted = request.query.get("ifGenerationMatch")
        if wanted is not None:
            name = (request.query.get("name") or [request.data["meta"]["name"]])[0]
            try:
                there = storage.get_file_obj(request.params["bucket_name"], name)["generation"]
            except emulator_errors.NotFound:
                there = "0"
            if wanted[0] != there:
                response.status = HTTPStatus.PRECONDITION_FAILED
                response.json({"error": {"code": 412, "message": "conditionNotMet"}})
                return
        original(request, response, storage)

    original = emulator.objects.insert
    handlers = tuple(
        (path, {m: insert if h is original else h for m, h in methods.items()})
        for path, methods in emulator.HANDLERS
    )
    monkeypatch.setattr(emulator, "HANDLERS", handlers)
    monkeypatch.setattr(emulator, "RequestHandler", Handler)
    store = emulator.create_server("localhost", port, in_memory=True, default_bucket=BUCKET)
    store._api.daemon = True
    store.start()
    return store, requests
