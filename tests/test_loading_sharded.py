"""One file into a model that is spread over two processes, by PyTorch's own means."""

import hashlib
import os
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
save_file = pytest.importorskip("safetensors.torch").save_file

EXAMPLE = Path(__file__).parents[1] / "examples" / "load_sharded.py"


@pytest.fixture
def served(tmp_path):
    """A web server on loopback, and what was asked of it."""
    asked = []

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            super().do_GET()

        def log_message(self, *args):
            pass

    folder = tmp_path / "served"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


def test_one_file_is_loaded_in_shards(served, own_cache):
    """Equal to loading whole, buffers outside the file included, with one download."""
    folder, url, asked = served
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(8, 16), torch.nn.BatchNorm1d(16), torch.nn.Linear(16, 4)
    )
    path = folder / "net.safetensors"
    save_file(model.state_dict(), path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()

    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "2"]

    result = subprocess.run(
        [*command, str(EXAMPLE), f"{url}/net.safetensors", digest],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )

    assert result.returncode == 0, result.stderr
    assert "equal on 2 processes" in result.stdout
    assert ["/net.safetensors"] == asked
