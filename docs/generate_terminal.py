"""Take pictures of the terminal at 60, 80 and 160 columns, and of a notebook.

    nox -s browser -- --screens
    python docs/generate_terminal.py        # where PyTorch, nbclient, ipykernel and sklearn are

What they show is real: commands run on a pseudo-terminal of that width, cells in a kernel. All
pictures are written into ``output/screens``; those that the documentation shows also into
``docs/images``. Without those packages, the notebook and what runs a model are left out.
"""

from __future__ import annotations

import fcntl
import html
import os
import pty
import re
import runpy
import struct
import subprocess
import sys
import termios
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from playwright.sync_api import sync_playwright

SCREENS = runpy.run_path(str(Path(__file__).with_name("generate_screens.py")))
IMAGES, OPTIONS, OUTPUT, ROOT = (SCREENS[name] for name in ("IMAGES", "OPTIONS", "OUTPUT", "ROOT"))

sys.path.append(str(ROOT / "recipes"))

COLUMNS = (60, 80, 160)
SCENES = ROOT / "packages" / "dapi-vision" / "tests" / "data"
COMMANDS = {
    "list": "dapi list 'resnet*'",
    "search": "dapi search --task image-classification --max-params 10M --sort acc@1 --latest",
    "show": "dapi show resnet50",
    "show-weights": "dapi show resnet20_v2:Digits_RefV1",
    "predict": "dapi predict efficientnet_lite0 flower.jpg",
    "error": "dapi show resnet5",
    "help": "dapi search --help",
    "commands": "dapi",
    "cache": "dapi cache ls",
    "dry-run": "dapi fetch --dry-run resnet50 bert_base",
    "doctor": "dapi doctor",
    "env": "dapi env",
    "verify": "dapi verify resnet20_v2",
    "trust": "dapi trust",
    "check": "dapi check resnet20_v2",
}
NEEDS_TORCH = {"predict", "check"}
CELLS = (
    "import dapi\nfrom PIL import Image\n\ndapi.search('resnet20', sort='acc@1')",
    "type(dapi.get_weights('resnet50:ImageNet1K_RefV2'))",
    "dapi.predictor('fcos_resnet20_fpn')('scene.png')",
    "dapi.predictor('efficientnet_lite0')('flower.jpg')",
)
KEPT = {"search-80": "terminal", "notebook": "notebook"}

PAGE = """<!doctype html><meta charset="utf-8"><style>
pre { margin: 0; padding: 14px 18px; display: inline-block; border-radius: 6px;
  font: 14px/1.35 "DejaVu Sans Mono", monospace; color: #d7dae0; background: #1d2127; }
b { color: #fff } i { color: #e5c07b; font-style: normal }
u { color: #98c379; text-decoration: none }
</style><pre style="width: %dch; white-space: pre-wrap; word-break: break-all">%s</pre>"""
NOTEBOOK = """<!doctype html><meta charset="utf-8"><style>
body { font: 14px/1.5 "DejaVu Sans", sans-serif; margin: 16px; width: 1100px }
pre { background: #f5f5f5; border: 1px solid #ddd; padding: 8px 12px; font-size: 13px }
.output { margin: 0 0 18px 12px } table { border-collapse: collapse; font-size: 12px }
td, th { padding: 3px 8px } tr:nth-child(even) { background: #f5f5f5 }
</style>%s"""
RUN = """
import json, sys
import nbformat
from nbclient import NotebookClient

cells = [nbformat.v4.new_code_cell(source) for source in json.load(sys.stdin)]
NotebookClient(nbformat.v4.new_notebook(cells=cells), timeout=300, kernel_name="python3").execute()
print(json.dumps([cell.outputs for cell in cells]))
"""


def main() -> None:
    """Take all pictures."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    can_run = all(map(find_spec, ("torch", "nbclient", "ipykernel", "sklearn")))
    if can_run:
        write_inputs()
    pages = dict(terminals(can_run=can_run))
    if can_run:
        pages["notebook"] = notebook()
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=SCREENS["find_chromium"](), args=OPTIONS)
        tab = browser.new_page(viewport={"width": 1600, "height": 600})
        for name, page in pages.items():
            tab.set_content(page)
            part = tab.query_selector("body" if name == "notebook" else "pre")
            part.screenshot(path=OUTPUT / f"{name}.png")
        browser.close()
    for name, kept in KEPT.items():
        if name in pages:
            SCREENS["keep"](OUTPUT / f"{name}.png", IMAGES / f"{kept}.png")


def write_inputs() -> None:
    """Write a photo of scikit-learn's, and a scene with digits."""
    from digit_scenes import read
    from PIL import Image
    from sklearn.datasets import load_sample_image

    Image.fromarray(load_sample_image("flower.jpg")).save(OUTPUT / "flower.jpg")
    read(SCENES)[4].image.save(OUTPUT / "scene.png")


def terminals(*, can_run: bool) -> Any:
    """Yield the name of each picture, and its page."""
    for name, command in COMMANDS.items():
        if name in NEEDS_TORCH and not can_run:
            continue
        for columns in COLUMNS:
            yield f"{name}-{columns}", PAGE % (columns, _marked(on_terminal(command, columns)))


def on_terminal(command: str, columns: int) -> str:
    """Return what a terminal of that width shows after a command, prompt included."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "dapi")
        path.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m dapi "$@"\n')
        path.chmod(0o755)
        variables = {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "TERM": "xterm"}
        kept = {key: value for key, value in os.environ.items() if key != "COLUMNS"}
        shown = _read({**kept, **variables, "DAPI_PAGER": ""}, command, columns)
    return f"\x1b[32m$\x1b[0m {command}\n{shown}"


def _read(environment: dict[str, str], command: str, columns: int) -> str:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 200, columns, 0, 0))
    running = subprocess.Popen(
        ["/bin/sh", "-c", command],
        cwd=OUTPUT,
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    printed = b""
    try:
        while part := os.read(ours, 4096):
            printed += part
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    running.wait()
    lines = printed.decode().replace("\r\n", "\n").split("\n")
    return "\n".join(line.rpartition("\r")[2] for line in lines)  # what was written over


def _marked(text: str) -> str:
    tags = {"1": "b", "33": "i", "32": "u"}
    marked, end = "", ""
    for part in re.split(r"(\x1b\[\d*m)", text):
        code = re.fullmatch(r"\x1b\[(\d*)m", part)
        if code is None:
            marked += html.escape(part)
        elif code[1] in tags:
            marked, end = f"{marked}<{tags[code[1]]}>", f"</{tags[code[1]]}>"
        else:
            marked, end = marked + end, ""
    return marked


def notebook() -> str:
    """Return a page with cells, and what a kernel displays below them."""
    import json

    done = subprocess.run(
        [sys.executable, "-c", RUN], input=json.dumps(CELLS), cwd=OUTPUT, capture_output=True,
        text=True, check=True, env={**os.environ, "DAPI_OFFLINE": "1"},
    )  # fmt: skip
    parts = []
    for source, outputs in zip(CELLS, json.loads(done.stdout), strict=True):
        shown = "".join(each.get("data", {}).get("text/html", "") for each in outputs)
        parts.append(f"<pre>{html.escape(source)}</pre><div class='output'>{shown}</div>")
    return NOTEBOOK % "".join(parts)


if __name__ == "__main__":
    main()
