"""Servers on loopback, and distributions on the path: what several test modules share."""

import gzip
import itertools
import re
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import pytest

from dapi._catalog import builders
from dapi._plugins import discovery


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


class FaultyServer(ThreadingHTTPServer):
    """Serves bodies in parts as a good server does, and does wrong what it is told to.

    A fault is a dict: ``status``, ``headers``, ``body`` (other bytes), ``etag``, ``length`` (what
    is announced; None for nothing), ``cut`` or ``reset`` (after so many bytes), ``stall`` (seconds
    after a tenth), ``no_ranges``, ``shift`` (a part begins elsewhere than said), ``lie`` (a part
    says that it begins elsewhere), ``endless``, ``gzip``, ``ignore_if_range``, ``reason`` (the
    phrase behind the status).

    Attributes:
        sent: How many bytes of bodies were sent.
        asked: The requests: path, and headers.
        most: How many bodies were sent at once at most.
        rate: Bytes a second of each connection; None for no limit.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _FaultyHandler)
        self.files, self.faults, self.asked = {}, {}, []
        self.sent, self.rate, self.lock = 0, None, threading.Lock()
        self.sending = self.most = 0
        self.scheme = "http"

    def handle_error(self, request, client_address):
        """Say nothing: clients hang up."""

    def serve(self, path, body, *faults, always=None, etag='"v1"'):
        """Serve a body: the first requests with a fault each, the others well or ``always`` so."""
        self.files[path] = body, etag
        rest = itertools.repeat(always or {})
        self.faults[path] = itertools.chain(faults, rest)
        self.sent = 0
        self.asked.clear()
        return f"{self.scheme}://localhost:{self.server_port}{path}"

    def run(self):
        """Serve in a thread until the block ends."""
        return _running(self)


@contextmanager
def _running(server):
    with server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class _FaultyHandler(BaseHTTPRequestHandler):
    server: FaultyServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        self.close_connection = True
        server = self.server
        with server.lock:
            server.asked.append((self.path, dict(self.headers)))
            path = unquote(self.path)
            fault = next(server.faults.get(path, iter([{"status": 404}])))
        body, etag = server.files.get(path, (b"", ""))
        body, etag = fault.get("body", body), fault.get("etag", etag)
        start, stop, status = self.part(body, etag, fault)
        self.answer(fault, body, etag, start, stop, fault.get("status", status))

    def part(self, body, etag, fault):
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        is_same = self.headers.get("If-Range", etag) == etag or fault.get("ignore_if_range")
        if match is None or fault.get("no_ranges") or not is_same:
            return 0, len(body), 200
        return int(match[1]), int(match[2] or len(body) - 1) + 1, 206

    def answer(self, fault, body, etag, start, stop, status):
        part = body[start:stop]
        if status == 206 and "shift" in fault:
            part = body[start + fault["shift"] : stop] + bytes(fault["shift"])
        if fault.get("gzip"):
            part = gzip.compress(part, 1)
        headers = dict(fault.get("headers", {}))
        if status == 206:
            said = start + fault.get("lie", 0)
            headers.setdefault("Content-Range", f"bytes {said}-{stop - 1}/{len(body)}")
        length = fault.get("length", len(part))
        if length is not None and not fault.get("endless"):
            headers["Content-Length"] = length
        self.send_head(status, headers | self.about(fault, etag), fault.get("reason"))
        if status < 300 and self.command == "GET":
            self.send(part * 20 if fault.get("endless") else part, fault)

    def about(self, fault, etag):
        if fault.get("gzip"):
            return {"Content-Encoding": "gzip"}
        ranges = {} if fault.get("no_ranges") else {"Accept-Ranges": "bytes"}
        return ranges | ({"ETag": etag} if etag else {})

    def send_head(self, status, headers, reason=None):
        self.send_response(status, reason)
        for name, value in {**headers, "Connection": "close"}.items():
            self.send_header(name, str(value))
        self.end_headers()

    def send(self, part, fault):
        limit = fault.get("cut", fault.get("reset", len(part)))
        with self.server.lock:
            self.server.sending += 1
            self.server.most = max(self.server.most, self.server.sending)
        try:
            self.stream(part[:limit], fault.get("stall"))
        finally:
            with self.server.lock:
                self.server.sending -= 1
        if "reset" in fault:
            time.sleep(0.05)  # what was sent arrives before the reset
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def stream(self, part, stall):
        began, step = time.monotonic(), 1 << 14 if self.server.rate else 1 << 16
        for offset in range(0, len(part), step):
            if stall and offset >= len(part) // 10:
                time.sleep(stall)
                stall = None
            self.wfile.write(part[offset : offset + step])
            with self.server.lock:
                self.server.sent += len(part[offset : offset + step])
            if self.server.rate:
                ahead = (offset + step) / self.server.rate - (time.monotonic() - began)
                time.sleep(max(0.0, ahead))


@pytest.fixture
def faulty() -> Iterator[FaultyServer]:
    """A web server on loopback that can be told to do wrong."""
    with FaultyServer().run() as running:
        yield running


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A certificate for localhost that nobody trusts, and its key."""
    folder = tmp_path_factory.mktemp("certificate")
    paths = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-addext", "subjectAltName=DNS:localhost,DNS:other.localhost,IP:127.0.0.1",
         "-out", paths[0], "-keyout", paths[1]],
        check=True, capture_output=True,
    )  # fmt: skip
    return paths


@pytest.fixture
def secure(certificate, monkeypatch):
    """A faulty server that speaks https, with a certificate that this test trusts."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server = FaultyServer()
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    server.scheme = "https"
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[0]))
    with server.run() as running:
        yield running


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

    def add(
        name, entry_points="", *, version="1.0", folder="site", kind="dist-info", requires=(),
        **modules,
    ):  # fmt: skip
        site = tmp_path / folder
        stem = name.replace("-", "_")
        metadata = site / (
            f"{stem}-{version}.dist-info" if kind == "dist-info" else f"{stem}.egg-info"
        )
        metadata.mkdir(parents=True)
        (metadata / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
            + "".join(f"Requires-Dist: {line}\n" for line in requires)
        )
        (metadata / "entry_points.txt").write_text(entry_points)
        for module, source in modules.items():
            (site / f"{module}.py").write_text(source)
        monkeypatch.syspath_prepend(str(site))
        return metadata

    return add


FAMILY = """
from dapi import WeightEntry, Weights, register_model

class {enum}(Weights):
    First_RefV1 = WeightEntry("https://example.org/{enum}1.pth", meta={{"known_as": {known_as!r}}})
    First_RefV2 = WeightEntry("https://example.org/{enum}2.pth", latest=True)

@register_model(weights={enum})
def {name}(*, weights=None, progress=True, **config):
    return "{module}"
"""


@pytest.fixture
def download():
    """Put content into the cache, under a file's URL, as a download does."""
    from dapi import cache

    def put(file, content):
        cache.receive([content], file, source="a test", wanted=file.name)

    return put


@pytest.fixture
def template():
    """The source of a module with one builder and its enum, to be formatted."""
    return FAMILY


@pytest.fixture
def install(advertise):
    """Put a distribution with one family on the path."""
    modules = []

    def add(distribution, name="fancynet", known_as=()):
        module = distribution.replace("-", "_")
        enum = f"{module.title().replace('_', '')}Weights"
        source = FAMILY.format(enum=enum, name=name, module=module, known_as=known_as)
        points = (
            f"[dapi.models]\n{name} = {module}:{name}\n[dapi.weights]\n{name} = {module}:{enum}\n"
        )
        advertise(distribution, points, folder=distribution, **{module: source})
        modules.append(module)

    yield add
    for module in modules:
        sys.modules.pop(module, None)


@pytest.fixture
def forget_registered(monkeypatch):
    """What these tests register does not outlive them."""
    monkeypatch.setattr(builders, "_registered", {})


@pytest.fixture
def alone(monkeypatch):
    """Hide every distribution but those that the test advertises, whatever is installed."""
    scan = discovery._scan

    def scan_ours():
        plugins, versions = scan()
        return tuple(each for each in plugins if each.name.startswith("acme-")), versions

    monkeypatch.setattr(discovery, "_cached", discovery._NOTHING)
    monkeypatch.setattr(discovery, "_scan", scan_ours)
    monkeypatch.setattr(builders, "_registered", {})
