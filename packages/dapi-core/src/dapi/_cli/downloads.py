"""Downloads of commands: the missing files of weights, their sizes, and whether to go ahead."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from dapi._catalog import files as _files
from dapi._cli.options import say
from dapi._store import cache, disk, folders, partial
from dapi._text import counted
from dapi._values.file import File
from dapi._weights.entry import WeightEntry
from dapi._weights.enum import Weights
from dapi.exceptions import CacheError

# Downloads of at least this many bytes need a confirmation.
LARGE = 5_000_000_000

# Bytes to keep free: for records of the download, and for other programs.
_SPARE = 1 << 20

# Bytes of a parameter: nearly all checkpoints are published in float32.
_PER_PARAMETER = 4


class Part(NamedTuple):
    """A file to download.

    Attributes:
        file: The file.
        size: The number of missing bytes; None if unknown.
        is_estimated: Whether the size is not published, but follows from the parameters.
    """

    file: File
    size: int | None
    is_estimated: bool = False


class Download(NamedTuple):
    """All files to download for some weights."""

    parts: tuple[Part, ...]

    @property
    def size(self) -> int:
        """The number of missing bytes, as known or estimated."""
        return sum(part.size or 0 for part in self.parts)

    @property
    def is_estimated(self) -> bool:
        """Whether a part of the size is an estimate."""
        return any(part.is_estimated for part in self.parts)

    def __str__(self) -> str:
        """Return the size and the number of files, as text."""
        files = counted(len(self.parts), "file")
        if all(part.size is None for part in self.parts):
            return f"{files} of unknown size"
        is_least = any(part.size is None for part in self.parts)
        vague = "more than " * is_least + "about " * self.is_estimated
        return f"{vague}{disk.amount(self.size)} in {files}"


def of(*chosen: Weights | WeightEntry) -> Download:
    """Return the download for weights, with their assets and the entries that they name."""
    parts = {cache.key(part.file): part for weights in chosen for part in _parts(weights)}
    return Download(tuple(parts.values()))


def _parts(weights: Weights | WeightEntry) -> list[Part]:
    """List the missing files of weights, with those of the entries that they name."""
    guess = _guess(weights)
    parts = [_part(file, guess.get(file)) for file in _files.absent(weights.files)]
    for asset in weights.assets.values():
        if isinstance(asset, File):
            parts += [_part(file, None) for file in _files.absent([asset])]
        else:
            parts += _parts(asset)
    return parts


def _part(file: File, guess: int | None) -> Part:
    """Return the missing part of a file, part of which may be downloaded already."""
    there, total = partial.progress(cache.key(file))
    size = total if file.size is None else file.size
    if size is not None:
        return Part(file, max(0, size - there))
    return Part(file, None if guess is None else max(0, guess - there), guess is not None)


def _guess(weights: Weights | WeightEntry) -> Mapping[File, int]:
    """Estimate the sizes of the files of weights that do not publish them."""
    sizes = {file: _size(file) for file in weights.files}
    unknown = [file for file, size in sizes.items() if size is None]
    total = _total(weights)
    if not unknown or total is None:
        return {}
    rest = max(0, total - sum(size or 0 for size in sizes.values()))
    return dict.fromkeys(unknown, rest // len(unknown))


def _size(file: File) -> int | None:
    path = cache.find(file) if file.size is None else None
    return path.stat().st_size if path else file.size


def _total(weights: Weights | WeightEntry) -> int | None:
    """Estimate the bytes of all files of weights: as published in MiB, or by the parameters.

    Of members that share files, each may load a part of them: the largest counts.
    """
    mib = _number(weights.meta, "file_mib")
    if mib is not None:
        return int(mib * 2**20)
    siblings: Sequence[Weights | WeightEntry] = [weights]
    if isinstance(weights, Weights):
        siblings = [each for each in type(weights) if each.files == weights.files]
    counts = [_number(each.meta, "num_params") for each in siblings]
    known = [count for count in counts if count is not None]
    return int(max(known) * _PER_PARAMETER) if known else None


def _number(meta: Mapping[str, Any], key: str) -> float | None:
    value = meta.get(key)  # of anybody's metadata: no estimate is better than an absurd one
    return value if isinstance(value, int | float) and 0 < value < 1e15 else None


def announce(weights: object, download: Download, *, instead: Sequence[Weights] = ()) -> None:
    """Print what will be downloaded, and which other weights need no download."""
    others = ", ".join(map(str, instead))
    here = f" Already in the cache: {others}." if others else ""
    say(f"{weights} will be downloaded: {download}.{here}")


def is_agreed(download: Download, *, yes: bool, unattended: bool) -> bool:
    """Check the free disk space, and ask before a large download.

    Args:
        download: All that will be downloaded.
        yes: Whether ``--yes`` was passed; it also overrules an estimate that exceeds the disk.
        unattended: The answer if there is no terminal.

    Raises:
        CacheError: There is not enough disk space.
    """
    if not (yes and download.is_estimated):
        check_room(download)
    if yes or download.size < LARGE:
        return True
    if not (_is_terminal(sys.stdin) and _is_terminal(sys.stderr)):
        return unattended
    print(f"Download {download}? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def check_room(download: Download) -> None:
    """Compare the size with the free disk space of the cache.

    Raises:
        CacheError: There is not enough disk space.
    """
    root = folders.root()
    free = disk.free(root)
    if free is None or download.size <= free - _SPARE:
        return
    needed, there = disk.amount(download.size), disk.amount(free)
    reason = f"{needed} are needed, {there} are free"
    if download.is_estimated:
        reason = f"about {reason} (the size is an estimate: --yes downloads anyway)"
    raise CacheError(root, reason=reason)


def _is_terminal(stream: object) -> bool:
    return bool(stream is not None and stream.isatty())  # type: ignore[attr-defined]
