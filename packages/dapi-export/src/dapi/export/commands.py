"""``dapi export``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from shutil import get_terminal_size
from textwrap import fill
from typing import Literal

from dapi.catalog import printable

# As in _formats, which imports PyTorch.
_FORMATS = ("onnx", "torch-export")
_ABOUT = (
    "Write a model with its transforms and labels to one file, and prove that its outputs equal "
    "the model's."
)
_EXAMPLES = """examples:
  dapi export efficientnet_lite0
  dapi export minilm_l6 --output exported --dynamic-batch
  dapi export fcos_resnet20_fpn --image-size 480x640 \\
      --format torch-export

More: docs/export.md
Exit statuses and JSON: docs/command-line.md"""


def export(words: Sequence[str]) -> int:
    """Run ``dapi export``.

    Exit status: 0 for a file that equals the model, 1 after an error, when nothing was written.
    """
    parser = _parser()
    options = parser.parse_args(words)
    if options.opset is not None and options.format != "onnx":
        parser.error("--opset is of ONNX: --format onnx")
    from dapi.export._exporting import export as write

    if not options.quiet:
        print(f"dapi: exporting {printable(options.name)}...", file=sys.stderr, flush=True)
    report = write(
        options.name,
        format=options.format,
        output=options.output,
        transforms=not options.no_transforms,
        opset=options.opset,
        dynamic_batch=options.dynamic_batch,
        image_size=options.image_size,
        overwrite=options.overwrite,
    )
    print(
        json.dumps(report.facts(), indent=2)
        if options.json
        else "\n".join(map(printable, str(report).splitlines()))
    )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dapi export",
        description=fill(_ABOUT, get_terminal_size().columns - 2),
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", help="a model (its latest weights) or weights")
    text = "the format of the file (default: onnx)"
    parser.add_argument("--format", choices=_FORMATS, default="onnx", help=text)
    text = "the directory of the file (default: the current one)"
    parser.add_argument("-o", "--output", type=Path, default=Path(), metavar="DIR", help=text)
    text = "the model alone: its input is what the transforms return"
    parser.add_argument("--no-transforms", action="store_true", help=text)
    text = "a batch of any size (default: of one)"
    parser.add_argument("--dynamic-batch", action="store_true", help=text)
    text = "the size that all images must have; any: whatever it takes (default: any if the "
    text += "transforms make images of one size, otherwise that of the task's small sample)"
    parser.add_argument("--image-size", type=_size, metavar="HEIGHTxWIDTH|any", help=text)
    text = "replace an existing file of the same name (default: an error)"
    parser.add_argument("--overwrite", action="store_true", help=text)
    text = "the version of ONNX's operators (default: PyTorch's)"
    parser.add_argument("--opset", type=int, metavar="NUMBER", help=text)
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _size(text: str) -> tuple[int, int] | Literal["any"]:
    if text == "any":
        return "any"
    height, separator, width = text.partition("x")
    if not (separator and height.isdecimal() and width.isdecimal() and int(height) * int(width)):
        raise argparse.ArgumentTypeError(f"{text!r} is neither a size, as in 480x640, nor any")
    return int(height), int(width)
