"""A server on loopback, and distributions on the path: what several test modules share."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Server(ThreadingHTTPServer):
    """Serves ``answers`` by path and notes the paths that were asked for."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = {}
        self.asked = []

    def handle_error(self, request, client_address):
        """Say nothing: clients of these tests hang up in the middle of a body."""

    def url(self, path):
        return f"http://127.0.0.1:{self.server_port}{path}"

    def serve(self, path, body, *, status=200, headers=None, length=None):
        """Answer ``path`` with a body, announced as ``length`` bytes."""
        self.answers[path] = status, headers or {}, body, len(body) if length is None else length
        return self.url(path)


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self):
        self.server.asked.append(self.path)
        status, headers, body, length = self.server.answers.get(self.path, (404, {}, b"", 0))
        self.send_response(status)
        for name, value in {"Content-Length": length, **headers}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    """A web server on loopback."""
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def advertise(tmp_path, monkeypatch):
    """Put a distribution's metadata (and modules) on the path."""

    def add(name, entry_points="", *, version="1.0", folder="site", kind="dist-info", **modules):
        site = tmp_path / folder
        stem = name.replace("-", "_")
        metadata = site / (
            f"{stem}-{version}.dist-info" if kind == "dist-info" else f"{stem}.egg-info"
        )
        metadata.mkdir(parents=True)
        (metadata / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
        (metadata / "entry_points.txt").write_text(entry_points)
        for module, source in modules.items():
            (site / f"{module}.py").write_text(source)
        monkeypatch.syspath_prepend(str(site))
        return metadata

    return add
