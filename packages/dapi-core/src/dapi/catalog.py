"""The catalog, for tools: builders, what they declare, the weights offered for them, their files.

Who builds a model needs none of this. A tool that audits, locks, checks or converts what is
installed does. Nothing here builds a model or imports a framework; only ``fetch`` uses the network.

Builders and weights: ``builders()``, ``find(name)``, ``enums(builder)``, ``resolve(name)``,
``qualified_names(weights)``, ``entry_of(weights)``, ``files(weights)`` (those of its assets too).

The cache: ``fetch(file)`` downloads and verifies, ``cached(file)`` looks without a request,
``examine(file)`` hashes it again, ``receive(blocks, file)`` takes bytes that come in another way,
``blobs()`` lists what is there, ``remove(sha256)`` removes it, ``arrived(file)`` says how far a
download is, ``cache_folder()`` where all of it lies.

Text: ``redacted(url)`` and ``printable(text)`` return what strangers wrote as it may be shown.

Example:
    >>> from dapi import catalog
    >>> builder, weights = catalog.resolve("resnet20_v2:Digits_RefV1")
    >>> builder.distribution, [file.name for file in catalog.files(weights)]
    ('dapi-vision', ['resnet20_v2_digits_v1.safetensors'])
"""

from __future__ import annotations

from dapi._building.register_model import Builder as Declaration
from dapi._catalog.catalog import find
from dapi._catalog.files import everything as files
from dapi._catalog.lookup import resolve
from dapi._catalog.models import Model as Builder
from dapi._catalog.models import known as builders
from dapi._catalog.offers import enums, qualified_names
from dapi._store import cache as _cache
from dapi._store import examine, fetch
from dapi._store import partial as _partial
from dapi._store.cache import Blob, remove
from dapi._store.cache import find as cached
from dapi._store.cache import listing as blobs
from dapi._store.folders import root as cache_folder
from dapi._store.receiving import receive
from dapi._text.untrusted import printable
from dapi._text.urls import redacted
from dapi._values.file import File as _File
from dapi._values.names import Name, normalize, parse
from dapi._weights.enum import entry_of

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
    "entry_of",
    "enums",
    "examine",
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


def arrived(file: _File) -> int:
    """Return how many bytes of a file an unfinished download has so far."""
    return _partial.progress(_cache.key(file))[0]
