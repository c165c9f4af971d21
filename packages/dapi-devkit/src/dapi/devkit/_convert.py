"""``dapi convert``: the tensors of a file of others, in a verified, aligned safetensors file."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dapi import WeightEntry, catalog
from dapi.devkit._command_line import parser_of, put_json
from dapi.devkit._description import describe, package_url, published
from dapi.devkit._source import entry_source
from dapi.devkit.exceptions import ConversionError, ProjectExistsError
from dapi.exceptions import InputError, MissingFileError

_SECONDS = 600


def main(arguments: Sequence[str]) -> int:
    """Run ``dapi convert``."""
    parser = _parser()
    options = parser.parse_args(arguments)
    source: Path = options.file
    target = options.output or _beside(source)
    if target.suffix != ".safetensors":
        parser.error(f"argument --output: {str(target)!r} does not end in .safetensors")
    if not source.exists():
        raise MissingFileError(source)
    before = _state(target)
    if target.is_dir() or (before and not options.output):
        raise ProjectExistsError(target)
    facts = _convert(source, target, before, options.take, options.seconds)
    entry = _entry(target, facts)
    if options.json:
        put_json(_document(source, target, entry, facts))
    else:
        print(entry_source(entry))
        print(*(catalog.printable(f"# {line}") for line in _remarks(target, facts)), sep="\n")
    return 0


def _beside(source: Path) -> Path:
    """Return the path of a new file beside a file, or beside a directory such as ``.``."""
    source = source.resolve() if source.name in ("", "..") else source
    return source.with_name(f"{source.name if source.is_dir() else source.stem}.safetensors")


def _state(path: Path) -> tuple[int, ...]:
    """Return what changes when a file is written or replaced; nothing if there is none."""
    try:
        found = path.lstat()
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _convert(
    source: Path, target: Path, before: tuple[int, ...], take: list[str] | None, seconds: int
) -> dict[str, Any]:
    """Let a process write the file, and put it where it belongs when it is whole and verified."""
    with _scratch(target) as folder:
        made = Path(folder) / "made.safetensors"
        job = {
            "source": str(source.resolve()),
            "target": str(made),
            "take": take,
        }
        try:
            code = subprocess.run(  # noqa: S603 - a module of this package
                [sys.executable, "-m", "dapi.devkit.conversion.worker", json.dumps(job)],
                cwd=folder,  # not where the file is, and perhaps modules beside it
                env=_environment(),
                timeout=seconds,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired as cause:
            raise ConversionError(source, f"it took longer than {seconds} s") from cause
        result = made.with_suffix(".json")
        if not result.is_file():
            raise ConversionError(source, f"its process ended with the status {code}")
        facts: dict[str, Any] = json.loads(result.read_text())
        if "error" in facts:
            raise ConversionError(source, facts["error"])
        _place(made, target, before)
    return facts


def _place(made: Path, target: Path, before: tuple[int, ...]) -> None:
    """Move a new file to its place, unless somebody else wrote one there meanwhile.

    Raises:
        ProjectExistsError: Somebody did.
    """
    if before:  # to be replaced, as it was when the command began
        if _state(target) != before:
            raise ProjectExistsError(target)
        os.replace(made, target)
        return
    try:
        os.link(made, target)
    except FileExistsError as cause:
        raise ProjectExistsError(target) from cause
    except OSError:  # a file system without links
        try:
            target.open("xb").close()
        except FileExistsError as cause:
            raise ProjectExistsError(target) from cause
        try:
            os.replace(made, target)
        except OSError:
            target.unlink()  # it is empty
            raise


def _scratch(target: Path) -> TemporaryDirectory[str]:
    """Make a temporary directory beside a file, on the same disk.

    Raises:
        InputError: The directory of the file does not exist, or cannot be written.
    """
    try:
        return TemporaryDirectory(dir=target.absolute().parent, prefix=f".{target.name}-")
    except OSError as cause:
        reason = f"it cannot be written ({cause.strerror})"
        expected = "a file in an existing directory"
        raise InputError(str(target), reason, expected=expected) from cause


def _environment() -> dict[str, str]:
    path = os.pathsep.join(str(Path(each).absolute()) for each in sys.path if each)
    return {**os.environ, "PYTHONPATH": path, "PYTHONSAFEPATH": "1", "DAPI_OFFLINE": "1"}


def _entry(target: Path, facts: dict[str, Any]) -> WeightEntry:
    entry = describe(target).entry
    if facts["versions"]:
        entry = replace(entry, build=replace(entry.build, code_version=facts["versions"]))
    return published(entry, package_url(target) or target.resolve().as_uri())


def _document(
    source: Path, target: Path, entry: WeightEntry, facts: dict[str, Any]
) -> dict[str, Any]:
    return {
        "file": str(source),
        "output": str(target),
        "sha256": entry.sha256,
        "bytes": entry.size,
        **{key: facts[key] for key in ("tensors", "take", "left_out", "not_imported", "limits")},
        "entry": entry_source(entry),
    }


def _remarks(target: Path, facts: dict[str, Any]) -> list[str]:
    count = catalog.counted(facts["tensors"], "tensor")
    said = [f"{target}: {count}, read again and compared to the bit."]
    if facts["take"]:
        said.append(f"Taken from {' > '.join(facts['take'])}.")
    said += [f"Left out: {key} ({kind})." for key, kind in facts["left_out"].items()]
    if facts["not_imported"]:
        said.append(f"Named by the file, and not imported: {', '.join(facts['not_imported'])}.")
    unlimited = [each for each in ("memory", "disk") if each not in facts["limits"]]
    if unlimited:
        said.append(f"Not limited on this platform: {' and '.join(unlimited)}.")
    return said


def _parser() -> argparse.ArgumentParser:
    parser = parser_of(
        "convert",
        "Write the tensors of a checkpoint to an aligned safetensors file. No code in the file is "
        "run: classes that it names are not imported. Time, memory (on Linux) and disk (except on "
        "Windows) are limited.",
        "dapi convert last.ckpt",
        "dapi convert last.ckpt --output ema.safetensors \\\n      --take model ema",
        page="files-of-others",
    )
    text = "a checkpoint, the index of one, or a directory of torch.distributed.checkpoint"
    parser.add_argument("file", type=Path, help=text)
    parser.add_argument(
        "--output", type=Path, metavar="FILE",
        help="the file to write; may exist (default: a new file in the directory of the input)",
    )  # fmt: skip
    parser.add_argument(
        "--take", nargs="*", metavar="KEY",
        help="the keys that lead to the tensors, as in: --take model ema; without a key: those at "
        "the top (default: the key with most tensors)",
    )  # fmt: skip
    parser.add_argument(
        "--seconds", type=int, default=_SECONDS, help="stop after this time (default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print the facts as JSON")
    return parser
