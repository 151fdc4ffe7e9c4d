"""An image service that takes every call of the service's own, keeps what it was sent, and answers as the pages say.

What it is asked for is ready at the second look: a job first runs, an image is first saved.
"""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

IMAGE = "4ca46bf1-5c61-48ff-b4f3-0ad4e5e3ba86"
JOB = "8aace0c9-5a0a-4a4a-a8b5-1e6b0d2f3c4d"
PROJECT = "0a1b2c3d"
_JOB_DONE = {"status": "SUCCESS", "entities": {"image_id": IMAGE}}


class Call(NamedTuple):
    """A call that was made."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Recorder:
    """The service: its ``url``, the ``calls`` that it got, and ``refuse``, which maps ``METHOD path`` to a status.

    ``states`` are the words of the image's status, one for each look; the last one stays.
    """

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.refuse: dict[str, int] = {}
        self.states = ["saving", "active"]
        self.jobs: list[dict[str, Any]] = [{"status": "RUNNING"}, _JOB_DONE]
        self.url = ""

    def answer(self, call: Call) -> tuple[int, Any]:
        if f"{call.method} {call.path}" in self.refuse:
            return self.refuse[f"{call.method} {call.path}"], {"error": {"code": "IMG.0001", "message": "no"}}
        if call.method == "GET" and "/jobs/" in call.path:
            return 200, self.jobs.pop(0) if len(self.jobs) > 1 else self.jobs[0]
        if call.method == "GET":
            return 200, {"id": IMAGE, "status": self.states.pop(0) if len(self.states) > 1 else self.states[0]}
        if call.path == "/v2/images":
            return 201, {"id": IMAGE, "status": "queued", **json.loads(call.body)}
        return (204, None) if re.fullmatch("/v2/images/[^/]+/file", call.path) else (200, {"job_id": JOB})

    @property
    def made(self) -> list[tuple[str, str]]:
        """Methods and paths of the calls that change something."""
        return [(call.method, call.path) for call in self.calls if call.method != "GET"]


def serving() -> Iterator[Recorder]:
    """Run a recorder on a free port of loopback; for fixtures."""
    recorder = Recorder()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _take(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            call = Call(self.command, self.path, headers, body)
            recorder.calls.append(call)
            status, document = recorder.answer(call)
            data = b"" if document is None else json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = _take  # noqa: N815 - the names that http.server looks for

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    recorder.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield recorder
    server.shutdown()
    server.server_close()
