"""Fetching a file, beside torch.hub, huggingface_hub and pooch, from a server on loopback.

Each fetch runs in a process of its own, into an empty directory in memory; the tools take turns,
so that a machine that changes its speed changes it for all. Quote the ratios, not the seconds.
Each tool makes the check that it makes: dapi and pooch the whole sha256, torch.hub eight digits of
it, huggingface_hub the size. "fast" is a server that nothing limits; "busy" the same one on a core
of its own, while a loop keeps each other core busy; "slow" one that limits each connection. The CPU
seconds are those of the fetching process, user and system; other programs change them least.

Run: ``nox -s benchmarks``, or
``python benchmarks/bench_store.py [--runs N] [--size MB] [--slow-size MB] [--json]
[--servers fast,busy,slow] [--tools dapi,torch]``
"""

from __future__ import annotations

import argparse
import hashlib
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any, ClassVar

# Bytes a second of each connection, for what is asked of /slow.
SLOW = 20e6

# Each imports first, then says what it takes to fetch; {url}, {name}, {digest}, {size}, {to}.
TOOLS = {
    "dapi": (
        "import dapi; from dapi import File, _store; import dapi._store.download",
        "path = _store.fetch(File('{url}', sha256='{digest}', size={size}))",
    ),
    "torch": (
        "import torch.hub",
        "torch.hub.download_url_to_file("
        "'{url}', '{to}/{name}', hash_prefix='{digest}'[:8], progress=False)",
    ),
    "huggingface_hub": (
        "import huggingface_hub",
        "huggingface_hub.hf_hub_download('{owner}/repo', '{name}', cache_dir='{to}')",
    ),
    "pooch": (
        "import pooch",
        "pooch.retrieve('{url}', 'sha256:{digest}', fname='{name}', path='{to}')",
    ),
}
MEASURED = """
import gc, json, resource, time
{imports}
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before, began, cpu = peak(), time.perf_counter(), time.process_time()
{fetch}
took, memory, cpu = time.perf_counter() - began, peak() - before, time.process_time() - cpu
began = time.perf_counter()
{fetch}
print(json.dumps([took, cpu, memory, time.perf_counter() - began]))
"""


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves the directory with ranges; /slow limits each connection; speaks to hf's client."""

    protocol_version = "HTTP/1.1"
    folder: ClassVar[Path]

    def log_message(self, *words: Any) -> None:
        """Print nothing."""

    def do_HEAD(self) -> None:
        """Answer without a body."""
        self._answer()

    def do_GET(self) -> None:
        """Send the file, or the part that is asked for."""
        path, start, stop = self._answer()
        with path.open("rb") as file, suppress(ConnectionError):
            self._send(file.fileno(), start, stop)

    def _answer(self) -> tuple[Path, int, int]:
        path = self.folder / self.path.rpartition("/")[2]
        size = path.stat().st_size
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        start, stop = (int(match[1]), int(match[2] or size - 1) + 1) if match else (0, size)
        self.send_response(206 if match else 200)
        if match:
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{size}")
        self.send_header("Content-Length", str(stop - start))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", f'"{path.stem}"')
        self.send_header("X-Repo-Commit", "0" * 40)
        self.end_headers()
        return path, start, stop

    def _send(self, file: int, start: int, stop: int) -> None:
        rate = SLOW if self.path.startswith("/slow") else None
        step = 1 << 16 if rate else 1 << 22
        began, first = time.monotonic(), start
        while start < stop:  # a client that has enough closes the connection
            start += os.sendfile(self.connection.fileno(), file, start, min(step, stop - start))
            if rate:
                time.sleep(max(0.0, (start - first) / rate - (time.monotonic() - began)))


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="runs of each (default 3)")
    parser.add_argument("--size", type=int, default=1000, help="MB of the file (default 1000)")
    parser.add_argument("--slow-size", type=int, default=128, help="MB of the slow one (128)")
    # The second needs a system that can bind processes to cores, and two of them.
    can_bind = hasattr(os, "sched_setaffinity") and len(os.sched_getaffinity(0)) > 1
    servers = "fast,busy,slow" if can_bind else "fast,slow"
    parser.add_argument("--servers", default=servers, help=f"which of them (default {servers})")
    parser.add_argument("--tools", default=",".join(TOOLS), help="which of them (default all)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
    memory = Path("/dev/shm")  # noqa: S108 - a directory of our own in it
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        rows = compare(Path(name), options)
    print(json.dumps(rows, indent=2) if options.json else table(rows))


def serve(folder: Path) -> None:
    """Serve a directory until killed; print the port first."""
    Handler.folder = folder
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        print(server.server_port, flush=True)
        server.serve_forever()


def compare(folder: Path, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Let the tools fetch a file from each server."""
    (folder / "files").mkdir()
    command = [sys.executable, __file__, "--serve", str(folder / "files")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            host = f"http://127.0.0.1:{int(process.stdout.readline())}"
            rows: list[dict[str, Any]] = []
            for server in options.servers.split(","):
                rows += measure(folder, process.pid, host, server, options)
            return rows
        finally:
            process.kill()


def measure(
    folder: Path, process: int, host: str, server: str, options: argparse.Namespace
) -> list[dict[str, Any]]:
    """Fetch one file with each tool in turn."""
    megabytes = options.slow_size if server == "slow" else options.size
    facts = make_file(folder / "files", megabytes) | {"owner": server}
    facts["url"] = f"{host}/{server}/{facts['name']}"
    tools = [name for name in options.tools.split(",") if find_spec(name)]
    taken: dict[str, list[list[float]]] = {name: [] for name in tools}
    for _ in range(options.runs):
        for tool, results in taken.items():
            target = folder / "target"
            target.mkdir()
            with busy_cores(process) if server == "busy" else nullcontext():
                results.append(run(tool, target, host, facts))
            shutil.rmtree(target)
    base = [result[0] for result in taken.get("torch", next(iter(taken.values())))]
    return [row(server, megabytes, tool, results, base) for tool, results in taken.items()]


@contextmanager
def busy_cores(server: int) -> Iterator[None]:
    """Give the server one core, and keep the others busy with a loop each, for what starts now."""
    cores = os.sched_getaffinity(0)
    *others, last = sorted(cores)
    os.sched_setaffinity(server, [last])  # the threads that it starts inherit this
    os.sched_setaffinity(0, others)
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in others]
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
        os.sched_setaffinity(server, cores)
        for loop in loops:
            loop.kill()
            loop.wait()


def make_file(folder: Path, megabytes: int) -> dict[str, Any]:
    """Write a file of random bytes, named by the first digits of its hash."""
    body, digest = os.urandom(1_000_000), hashlib.sha256()
    path = folder / "body"
    with path.open("wb") as stream:
        for number in range(megabytes):
            block = number.to_bytes(8, "big") + body[8:]
            digest.update(block)
            stream.write(block)
    name = f"net-{digest.hexdigest()[:8]}.pth"
    path.rename(folder / name)
    return {"name": name, "digest": digest.hexdigest(), "size": megabytes * 1_000_000}


def run(tool: str, target: Path, host: str, facts: dict[str, Any]) -> list[float]:
    """Return a fetch's seconds, CPU seconds and MB above the import, and its seconds when warm."""
    imports, fetch = TOOLS[tool]
    code = MEASURED.format(imports=imports, fetch=fetch.format(to=target, **facts))
    environment = {
        **os.environ, "DAPI_CACHE": str(target), "TORCH_HOME": str(target / "torch"),
        "HF_ENDPOINT": host, "HF_HOME": str(target / "hf"), "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1",
    }  # fmt: skip
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment
    )
    if result.returncode:
        raise SystemExit(result.stderr)
    figures: list[float] = json.loads(result.stdout.splitlines()[-1])
    return figures


def row(
    server: str, megabytes: int, tool: str, results: list[list[float]], base: list[float]
) -> dict[str, Any]:
    """Sum up the runs of a tool; its time compared, run by run, with torch.hub's."""
    times = [result[0] for result in results]
    return {
        "server": server,
        "MB": megabytes,
        "tool": tool,
        "seconds": round(median(times), 3),
        "of torch.hub": round(median(a / b for a, b in zip(times, base, strict=True)), 2),
        "CPU s/GB": round(1000 / megabytes * median(result[1] for result in results), 2),
        "peak MB": round(max(result[2] for result in results), 1),
        "warm ms": round(1000 * median(result[3] for result in results), 2),
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Lay out the rows."""
    cells = [list(rows[0]), *([str(value) for value in each.values()] for each in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(c.rjust(w) for c, w in zip(each, widths, strict=True)) for each in cells
    )


if __name__ == "__main__":
    main()
