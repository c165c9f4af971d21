"""The catalog, for tools: builders, what they declare, the weights offered for them, their files.

Who builds a model needs none of this. A tool that audits, locks, checks or converts what is
installed does: nothing here builds a model, fetches a file or imports a framework.

Example:
    >>> from dapi import catalog
    >>> builder, weights = catalog.resolve("resnet20_v2:Digits_RefV1")
    >>> builder.distribution, [file.name for file in catalog.files(weights)]
    ('dapi-vision', ['resnet20_v2_digits_v1.safetensors'])
"""

from __future__ import annotations

from dapi._catalog import find
from dapi._fetching import everything as files
from dapi._lookup import resolve
from dapi._models import Model as Builder
from dapi._models import known as builders
from dapi._names import Name, normalize, parse
from dapi._offers import enums
from dapi._registration import Builder as Declaration
from dapi._weights import entry_of

__all__ = [
    "Builder",
    "Declaration",
    "Name",
    "builders",
    "entry_of",
    "enums",
    "files",
    "find",
    "normalize",
    "parse",
    "resolve",
]
