"""Google Cloud Storage in this process: the emulator, with what it leaves out of the protocol."""

import io
import json
import re
import socket
import time
from http import HTTPStatus

from gcp_storage_emulator import exceptions as emulator_errors
from gcp_storage_emulator import server as emulator

BUCKET = "news"


class Requests(list):
    """Method and path of every request that was served.

    Attributes:
        trouble: given a request's method and path, and how many were before it, says what goes
            wrong: a status that is answered in place of what was asked for; a negative one where
            that is done, and only the answer is lost.
        page: objects that one answer to a listing holds, at the most.
        delay: seconds that a listing takes.
    """

    def __init__(self):
        super().__init__()
        self.trouble = lambda method, path, number: None
        self.page = 1000
        self.delay = 0.0

    def listings(self) -> int:
        """How often a bucket was listed."""
        return sum(
            method == "GET" and re.fullmatch(r".*/b/[^/]+/o", path) is not None
            for method, path in self
        )


def start(monkeypatch) -> tuple[emulator.Server, Requests]:
    """Starts a store that has one bucket, and leads Beam's and Google's clients to it.

    The emulator ignores `ifGenerationMatch`, on which the lock rests: added here.
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
            self._serve("GET", super().do_GET)

        def do_POST(self):
            self._serve("POST", super().do_POST)

        def do_PUT(self):
            self._serve("PUT", super().do_PUT)

        def do_DELETE(self):
            self._serve("DELETE", super().do_DELETE)

        def _serve(self, method, serve):
            path = self.path.split("?")[0]
            status = requests.trouble(method, path, len(requests))
            requests.append((method, path))
            if status is None:
                serve()
                return
            if status < 0:
                answer, self.wfile = self.wfile, io.BytesIO()
                serve()
                self.wfile = answer
            else:
                emulator._read_raw_data(self)
            self.send_response(abs(status))
            self.send_header("Content-Length", "0")
            self.end_headers()

    def listed(request, response, storage):
        """The emulator answers with all objects at once; a store does so page by page."""
        time.sleep(requests.delay)
        emulator.objects.ls(request, response, storage)
        if response.status != HTTPStatus.OK:
            return
        whole = json.loads(response._content)
        start = int((request.query.get("pageToken") or ["0"])[0])
        page = {**whole, "items": whole["items"][start : start + requests.page]}
        if start + requests.page < len(whole["items"]):
            page["nextPageToken"] = str(start + requests.page)
        response.json(page)

    def on_condition(serve, name_of):
        def served(request, response, storage):
            wanted = request.query.get("ifGenerationMatch")
            if wanted is not None:
                try:
                    there = storage.get_file_obj(request.params["bucket_name"], name_of(request))
                    generation = str(there["generation"])
                except emulator_errors.NotFound:
                    generation = "0"
                if wanted[0] != generation:
                    response.status = HTTPStatus.PRECONDITION_FAILED
                    response.json({"error": {"code": 412, "message": "conditionNotMet"}})
                    return
            serve(request, response, storage)

        return served

    def uploaded(request):
        return (request.query.get("name") or [request.data["meta"]["name"]])[0]

    objects = emulator.objects
    replaced = {
        objects.insert: on_condition(objects.insert, uploaded),
        objects.delete: on_condition(objects.delete, lambda request: request.params["object_id"]),
        objects.rewrite: on_condition(
            objects.rewrite, lambda request: request.params["dest_object_id"]
        ),
        objects.ls: listed,
    }
    handlers = tuple(
        (path, {m: replaced.get(handler, handler) for m, handler in methods.items()})
        for path, methods in emulator.HANDLERS
    )
    monkeypatch.setattr(emulator, "HANDLERS", handlers)
    monkeypatch.setattr(emulator, "RequestHandler", Handler)
    store = emulator.create_server("localhost", port, in_memory=True, default_bucket=BUCKET)
    store._api.daemon = True
    store.start()
    return store, requests
