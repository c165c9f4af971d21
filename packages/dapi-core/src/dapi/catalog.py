"""The catalog, for tools: builders, what they declare, the weights offered for them, their files.

Who builds a model needs none of this. A tool that audits, locks, checks or converts what is
installed does. Nothing here builds a model or imports a framework; only ``fetch`` uses the network.

Builders and weights: ``builders()``, ``find(name)``, ``enums(builder)``, ``resolve(name)``,
``qualified_names(weights)``, ``entry_of(weights)``, ``files(weights)`` (those of its assets too).

The cache: ``fetch(file)`` downloads and verifies, ``cached(file)`` looks without a request,
``receive(blocks, file)`` takes bytes that come in another way, ``blobs()`` lists what is there,
``damaged()`` hashes it again, ``remove(sha256)`` removes it, ``arrived(file)`` says how far a
download is, ``cache_folder()`` where all of it lies.

Text: ``redacted(url)`` and ``printable(text)`` return what strangers wrote as it may be shown.

Example:
    >>> from dapi import catalog
    >>> builder, weights = catalog.resolve("resnet20_v2:Digits_RefV1")
    >>> builder.distribution, [file.name for file in catalog.files(weights)]
    ('dapi-vision', ['resnet20_v2_digits_v1.safetensors'])
"""

from __future__ import annotations

from dapi._catalog import find
from dapi._fetching import everything as files
from dapi._file import File
from dapi._lookup import resolve
from dapi._models import Model as Builder
from dapi._models import known as builders
from dapi._names import Name, normalize, parse
from dapi._offers import enums, qualified_names
from dapi._registration import Builder as Declaration
from dapi._store import cache as _cache
from dapi._store import fetch
from dapi._store import partial as _partial
from dapi._store.cache import Blob, damaged, remove
from dapi._store.cache import find as cached
from dapi._store.cache import listing as blobs
from dapi._store.folders import root as cache_folder
from dapi._store.receiving import receive
from dapi._untrusted import printable
from dapi._urls import redacted
from dapi._weights import entry_of

__all__ = [
    "Blob",
    "Builder",
    "Declaration",
    "Name",
    "arrived",
    "blobs",
    "builders",
    "cache_folder",
    "cached",
    "damaged",
    "entry_of",
    "enums",
    "fetch",
    "files",
    "find",
    "normalize",
    "parse",
    "printable",
    "qualified_names",
    "receive",
    "redacted",
    "remove",
    "resolve",
]


def arrived(file: File) -> int:
    """Return how many bytes of a file an unfinished download has so far."""
    return _partial.progress(_cache.key(file))[0]
