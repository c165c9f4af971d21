"""Connections: small files of one server do not wait for new ones, and none outlives its block."""

import socket
import threading
import time
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from dapi import File, cache
from dapi._store import connections
from dapi._store.settings import Settings
from dapi.exceptions import FetchError

QUICK = Settings(connect=1.0, reach=1.0, stall=1.0, backoff=0.01)
BODY = b"body " * 100


class Server(ThreadingHTTPServer):
    """Keeps connections open, and notes them; ``hang_up`` closes each after so many answers."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.opened, self.closed, self.hang_up = [], [], 0
        self.has_sent = threading.Event()

    def process_request(self, request, client_address):
        self.opened.append(client_address)
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        self.closed.append(request)
        super().shutdown_request(request)

    def handle_error(self, request, client_address):
        """Say nothing: clients hang up."""

    def file(self, name):
        url = f"http://127.0.0.1:{self.server_port}/{name}"
        body = name.encode() + BODY
        return File(url, sha256(body).hexdigest(), len(body))


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    answers = 0

    def log_message(self, *args):
        pass

    def do_GET(self):
        name = self.path[1:]
        body = name.encode() + BODY
        status = 404 if name.startswith("absent") else 302 if name.startswith("moved") else 200
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/final")
            body = b""
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        if name == "longer":
            self.answer_nobody()
        self.answers += 1
        if self.server.hang_up and self.answers >= self.server.hang_up:
            self.close_connection = True  # without having said so

    def answer_nobody(self):
        """Send an answer that was not asked for, once the one before it was read."""
        time.sleep(0.1)
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother")
        self.wfile.flush()
        self.server.has_sent.set()


@pytest.fixture
def server():
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@contextmanager
def nothing_left():
    yield
    assert {} == connections._idle


def fetch(file):
    from dapi.cache import fetch

    return fetch(file, progress=False, patience=QUICK)


def test_files_of_one_server_share_a_connection(server):
    """While somebody keeps them; afterwards they are closed, and each file has its own again."""
    with nothing_left(), cache.connections_kept():
        for number in range(5):
            assert fetch(server.file(f"kept{number}")).read_bytes().endswith(BODY)
        assert 1 == len(server.opened)
    for number in range(2):
        fetch(server.file(f"alone{number}"))
    assert 3 == len(server.opened)


def test_connection_that_the_server_closed_is_replaced(server):
    """Servers close idle ones without a word; no attempt is lost by that."""
    server.hang_up = 2
    with nothing_left(), cache.connections_kept():
        for number in range(5):
            fetch(server.file(f"hang{number}"))
    assert 3 == len(server.opened)


def test_errors_and_redirects_do_not_break_what_follows(server):
    """An answer that was not read to its end closes its connection."""
    final = b"final" + BODY
    moved = File(server.file("moved").url, sha256(final).hexdigest())
    with nothing_left(), cache.connections_kept():
        fetch(server.file("one"))
        with pytest.raises(FetchError, match="404"):
            fetch(server.file("absent"))
        assert final == fetch(moved).read_bytes()
        fetch(server.file("two"))


def test_answer_that_nobody_asked_for_is_not_read(server):
    """A server that sends more than it announced does not answer the next request with that."""
    with nothing_left(), cache.connections_kept():
        fetch(server.file("longer"))
        assert server.has_sent.wait(5)
        fetch(server.file("next"))
    assert 2 == len(server.opened)


def test_threads_do_not_share_one_at_the_same_time(server):
    """Each has the bytes that it asked for."""
    names = [f"thread{number}" for number in range(40)]
    paths = {}

    def work(part):
        for name in part:
            paths[name] = fetch(server.file(name))

    with nothing_left(), cache.connections_kept():
        threads = [threading.Thread(target=work, args=(names[rank::8],)) for rank in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert names == sorted(paths, key=names.index)
    assert all(paths[name].read_bytes() == name.encode() + BODY for name in names)
    assert len(server.opened) <= 8


def test_server_that_is_gone_is_an_error_as_ever(server):
    """A kept connection is tried, then a new one, and then it is told."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/x"
    with cache.connections_kept(), pytest.raises(FetchError, match="cannot be reached"):
        fetch(File(url, "0" * 64))
