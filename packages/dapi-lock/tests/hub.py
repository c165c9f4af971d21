"""A server on loopback that speaks the Hugging Face Hub's API, as far as its client asks.

Model info and trees with Git and LFS ids, ``resolve`` with commits, ETags and redirects of large
files, errors with the Hub's codes. ``python hub.py FOLDER`` serves every folder ``owner/name`` in a
folder, for a benchmark; it prints its port first.
"""

import json
import os
import re
import sys
import threading
import time
from contextlib import contextmanager, suppress
from hashlib import sha1, sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

LARGE = int(os.environ.get("HUB_LARGE", "1000"))  # bytes from which a file is in LFS


def blob_id(body):
    """The object id that Git has for a file."""
    return sha1(b"blob %d\0" % len(body) + body).hexdigest()


class Repo:
    """A repository: files by commit, and commits by revision."""

    def __init__(self, name):
        self.name, self.commits, self.revisions, self.card = name, {}, {}, None

    def commit(self, files, revision="main"):
        """Let a revision be these files (paths to bytes) from now on; return the commit."""
        known = sorted((path, blob_id(body)) for path, body in files.items())
        commit = sha1(repr(known).encode()).hexdigest()
        self.commits[commit] = {path: _File(body) for path, body in files.items()}
        self.revisions[revision] = commit
        return commit

    def find(self, revision):
        """Return a commit and its files; None if there is no such revision."""
        commit = self.revisions.get(revision, revision)
        return (commit, self.commits[commit]) if commit in self.commits else None


class _File:
    def __init__(self, body):
        self.body, self.blob, self.sha256 = body, blob_id(body), sha256(body).hexdigest()
        self.is_lfs = len(body) >= LARGE

    def about(self):
        lfs = {"sha256": self.sha256, "size": len(self.body), "pointerSize": 130}
        return {
            "size": len(self.body),
            "blobId": self.blob,
            **({"lfs": lfs} if self.is_lfs else {}),
        }

    def leaf(self, path):
        lfs = {"oid": self.sha256, "size": len(self.body), "pointerSize": 130}
        facts = {"type": "file", "path": path, "oid": self.blob, "size": len(self.body)}
        return {**facts, **({"lfs": lfs} if self.is_lfs else {})}


class Hub(ThreadingHTTPServer):
    """The server.

    Attributes:
        repos: By ``owner/name``.
        faults: What is done wrong for ``owner/name/path``: ``status``, ``headers``, ``body``,
            ``cut`` (after so many bytes), ``location`` (of a redirect), ``once``. ``owner/name/``
            is the API, where a fault may end after ``times``.
        asked: The paths of all requests, and their headers.
        bodies: What ``/cdn/<sha256>`` and other paths serve.
    """

    daemon_threads, request_queue_size = True, 128

    def __init__(self, context=None):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repos, self.faults, self.asked, self.bodies = {}, {}, [], {}
        self.scheme = "http"
        if context is not None:
            self.socket = context.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )
            self.scheme = "https"

    @property
    def url(self):
        return f"{self.scheme}://localhost:{self.server_port}"

    def repo(self, name, files, *, card=None):
        """Add a repository with one commit, its ``main``."""
        repo = self.repos[name] = Repo(name)
        repo.card = card
        repo.commit(files)
        return repo

    def handle_error(self, request, client_address):
        """Say nothing: clients hang up."""

    @contextmanager
    def run(self):
        """Serve in a thread until the block ends."""
        with self:
            thread = threading.Thread(target=self.serve_forever, args=(0.01,))
            thread.start()
            try:
                yield self
            finally:
                self.shutdown()
                thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet

    def log_message(self, *args):
        pass

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        self.server.asked.append((self.path, dict(self.headers)))
        path = unquote(urlsplit(self.path).path)
        with suppress(ConnectionError):
            if match := re.fullmatch(
                r"/api/models/([^/]+/[^/]+)(?:/(revision|tree)/([^/].*))?", path
            ):
                self.about(match[1], match[2], match[3] or "main")
            elif match := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
                self.resolve(*match.groups())
            elif path in self.server.bodies:
                self.send(self.server.bodies[path], {})
            else:
                self.refuse(404, "EntryNotFound")

    def about(self, name, kind, revision):
        repo = self.server.repos.get(name)
        fault = self.server.faults.get(f"{name}/")
        if fault:
            fault["times"] = fault.get("times", 99) - 1
            if fault["times"] == 0:
                del self.server.faults[f"{name}/"]
            return self.fail(fault)
        if repo is None:
            return self.refuse(401, "RepoNotFound")
        found = repo.find(revision)
        if found is None:
            return self.refuse(404, "RevisionNotFound")
        commit, files = found
        if kind == "tree":
            return self.answer_json([file.leaf(path) for path, file in files.items()])
        siblings = [{"rfilename": path, **file.about()} for path, file in files.items()]
        facts = {"id": name, "modelId": name, "sha": commit, "siblings": siblings, "tags": []}
        return self.answer_json({**facts, "cardData": repo.card} if repo.card else facts)

    def resolve(self, name, revision, path):
        fault = self.server.faults.get(f"{name}/{path}", {})
        if fault.get("once"):
            del self.server.faults[f"{name}/{path}"]
        repo = self.server.repos.get(name)
        found = repo and repo.find(revision)
        if repo is None or found is None or path not in found[1]:
            missing = "RepoNotFound" if repo is None else "EntryNotFound"
            return self.refuse(404 if repo else 401, missing)
        commit, file = found[0], found[1][path]
        if "status" in fault:
            return self.fail(fault)
        headers = {"X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        if file.is_lfs or "location" in fault:
            where = fault.get("location", f"{self.server.url}/cdn/{file.sha256}")
            body = fault.get("body", file.body)
            self.server.bodies.setdefault(f"/cdn/{file.sha256}", file.body)
            if fault and "location" not in fault:
                where = f"{self.server.url}/fault/{name}/{path}"
                self.server.bodies[f"/fault/{name}/{path}"] = body[: fault.get("cut", len(body))]
            linked = {"X-Linked-Etag": f'"{file.sha256}"', "X-Linked-Size": len(file.body)}
            return self.answer(302, {**headers, **linked, "Location": where}, b"")
        return self.send(fault.get("body", file.body), headers, file.blob, fault.get("cut"))

    def send(self, body, headers, etag="", cut=None):
        """Send a body, or the part that is asked for; ``cut`` closes the connection in it."""
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        status, etag = 200, etag or sha1(body).hexdigest()
        part, length = body, len(body)
        if match:
            start, stop = int(match[1]), int(match[2] or length - 1) + 1
            status, part = 206, body[start:stop]
            headers = {**headers, "Content-Range": f"bytes {start}-{stop - 1}/{length}"}
        self.close_connection = cut is not None
        self.answer(status, {**headers, "ETag": f'"{etag}"'}, part, part[:cut])

    def fail(self, fault):
        self.answer(fault["status"], fault.get("headers", {}), b"")

    def refuse(self, status, code):
        self.answer(status, {"X-Error-Code": code, "X-Error-Message": code}, b"")

    def answer_json(self, value):
        self.answer(200, {"Content-Type": "application/json"}, json.dumps(value).encode())

    def answer(self, status, headers, body, sent=None):
        self.send_response(status)
        for name, value in {**headers, "Content-Length": len(body)}.items():
            self.send_header(name, str(value))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body if sent is None else sent)
        self.wfile.flush()


def main():
    hub, root = Hub(), Path(sys.argv[1])
    for folder in root.glob("*/*"):
        paths = [path for path in folder.rglob("*") if path.is_file()]
        files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
        hub.repo(folder.relative_to(root).as_posix(), files)
    with hub.run():
        print(hub.server_port, flush=True)
        while True:
            time.sleep(3600)


if __name__ == "__main__":
    main()
