"""Fetching weights with everything that they need: their files, their assets, other weights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dapi import _store
from dapi._entry import WeightEntry
from dapi._file import File
from dapi._weights import Weights


def fetch_everything(
    weights: Weights | WeightEntry, *, progress: bool = True
) -> Iterator[tuple[File, Path]]:
    """Fetch the files of some weights, and those of the assets and entries that they name.

    Yields:
        Each file, and where it is.
    """
    for file in (*weights.files, *_asset_files(weights)):
        yield file, _store.fetch(file, progress=progress, wanted=str(weights))
    for asset in weights.assets.values():
        if not isinstance(asset, File):
            yield from fetch_everything(asset, progress=progress)


def _asset_files(weights: Weights | WeightEntry) -> list[File]:
    return [asset for asset in weights.assets.values() if isinstance(asset, File)]
