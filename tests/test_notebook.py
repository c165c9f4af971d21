"""A notebook in a real kernel: what its outputs are."""

import json
import os
import subprocess
import sys

import pytest

for tool in ("ipykernel", "nbclient"):
    pytest.importorskip(tool)

CELLS = {
    "search": "import dapi; dapi.search('resnet20')",
    "member": "dapi.get_weights('resnet20_v2:Digits_RefV1')",
    "entry": "dapi.get_weights('resnet20_v2:Digits_RefV1').value",
    "enum": "from dapi.vision import ResNet50Weights; ResNet50Weights",
    "prediction": (
        "from PIL import Image\ndapi.predictor('fcos_resnet20_fpn')(Image.new('RGB', (96, 64)))"
    ),
    "predictions": "dapi.predictor('resnet20_v2')([Image.new('L', (8, 8))] * 2)",
    "check": "dapi.check('resnet20_v2')",
    "verify": "dapi.cache.verify('resnet20_v2', 'resnet50')",
    "words": (
        "import torch\nfrom functools import partial\nfrom dapi import tasks\n"
        "from dapi.audio import _drawing\n"
        "rows = [{'word': 'hello', 'start': 0.1, 'end': 0.5, 'score': 0.9}]\n"
        "drawn = partial(_drawing.words, waveform=torch.zeros(800), seconds=1, found=rows)\n"
        "tasks.Prediction({'words': rows}, {'words.svg': drawn})"
    ),
}
RUN = """
import json, sys
import nbformat
from nbclient import NotebookClient

cells = [nbformat.v4.new_code_cell(source) for source in json.load(sys.stdin)]
notebook = nbformat.v4.new_notebook(cells=cells)
NotebookClient(notebook, timeout=100, kernel_name="python3").execute()
print(json.dumps([cell.outputs for cell in cells]))
"""


def test_a_notebook_shows_tables_and_pictures(tmp_path):
    """Each object has HTML beside its text, and nothing else is printed."""
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        input=json.dumps([*CELLS.values()]),
        env={**os.environ, "DAPI_OFFLINE": "1", "IPYTHONDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert 0 == done.returncode, done.stderr
    outputs = dict(zip(CELLS, json.loads(done.stdout), strict=True))

    assert dict.fromkeys(CELLS, 1) == {name: len(each) for name, each in outputs.items()}
    html = {name: each["data"]["text/html"] for name, [each] in outputs.items()}
    assert all("text/plain" in each["data"] for [each] in outputs.values())
    assert 3 <= html["search"].count("resnet20")
    assert "99.216" in html["member"] and "sha256" in html["member"]
    assert "src='data:image/png;base64," in html["prediction"]
    assert 10 == html["predictions"].count("currentColor")
    assert "equal" in html["check"]
    assert "dapi fetch resnet50" in html["verify"]
    assert "sha256" in html["entry"]
    assert all(each in html["enum"] for each in ("ImageNet1K_RefV1", "ImageNet1K_RefV2", "80.858"))
    assert "src='data:image/svg+xml;base64," in html["words"] and "hello" in html["words"]
