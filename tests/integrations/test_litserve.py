"""LitServe starts processes that build a predictor each, and answer requests with its facts."""

import base64
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
from PIL import Image

import dapi

INTEGRATION = "LitServe"
DISTRIBUTION = "litserve"


def example():
    import base64
    import io
    import os

    import litserve
    from PIL import Image

    import dapi

    class Digits(litserve.LitAPI):
        def setup(self, device):
            self.classify = dapi.predictor("resnet20_v2:Digits_RefV1", device=device)

        def decode_request(self, request):
            return Image.open(io.BytesIO(base64.b64decode(request["picture"])))

        def predict(self, picture):
            return self.classify(picture).facts

    if __name__ == "__main__":
        server = litserve.LitServer(Digits(), accelerator="cpu", workers_per_device=2)
        port = int(os.environ.get("PORT", "8000"))
        server.run(host="127.0.0.1", port=port, generate_client_file=False)


@pytest.fixture
def address(example_script, tmp_path):
    """Where the example listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = example_script.environment | {"PORT": str(port)}
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, example_script.path],
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(server.pid, signal.SIGKILL)  # its workers outlive a server that is terminated
        server.wait()


def asked(url, body=None, patience=90):
    """Return the answer to a request; wait for a server that starts."""
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    for _ in range(patience):
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.read()
        except (ConnectionError, urllib.error.URLError):
            time.sleep(1)
    raise TimeoutError(url)


def test_a_request_is_answered(address):
    """With what the predictor says here."""
    image, png = Image.new("L", (32, 32), 99), io.BytesIO()
    image.save(png, "png")
    asked(f"{address}/health")
    body = json.dumps({"picture": base64.b64encode(png.getvalue()).decode()}).encode()

    expected = dapi.predictor("resnet20_v2:Digits_RefV1")(image).facts
    assert expected == json.loads(asked(f"{address}/predict", body))
