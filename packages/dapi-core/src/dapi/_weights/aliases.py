"""Aliases: the names that the same weights have in the library that published them.

An entry lists them in ``meta["known_as"]``. They build nothing here: who types one is told the
name to write. Only errors ask for them, for all enums have to be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from dapi.exceptions import NoWeightsError

if TYPE_CHECKING:
    from dapi._weights.enum import Weights

# How torchvision calls what ``dapi.LATEST`` means.
_DEFAULT = "DEFAULT"
# The module of torchvision whose functions it lists, as we do, with ``quantized_`` in front.
_QUANTIZED = "quantization"


def is_foreign(name: str) -> bool:
    """Whether a name can be of another library: builders' names here are lower case, and plain."""
    builder = name.partition(":")[0]
    return not builder.isidentifier() or builder != builder.lower()


def members(name: str, enum: type[Weights]) -> list[Weights]:
    """List the members of an enum that have a name elsewhere.

    Args:
        name: With or without the module in front, as in
            ``"torchvision.models.ResNet50_Weights.IMAGENET1K_V1"``; or ``"ResNet50_Weights"``
            and its ``DEFAULT``; or an id with or without its owner, as in ``"roberta-base"``.
        enum: Where to look.
    """
    found = [member for member in enum if any(_is(name, alias) for alias in _of(member))]
    owner, _, last = name.rpartition(".")
    if not found and any(_is(owner if last == _DEFAULT else name, each) for each in _owners(enum)):
        return _latest(enum)
    return found


def own_members(name: str, enum: type[Weights]) -> list[Weights]:
    """List the members of an enum that a member of the enum elsewhere stands for.

    Args:
        name: As in ``"IMAGENET1K_V1"`` or ``"DEFAULT"``; or as for ``members``.
        enum: Where to look.
    """
    if name == _DEFAULT:
        return _latest(enum)
    found = [m for m in enum if any(alias.rpartition(".")[2] == name for alias in _of(m))]
    return found or members(name, enum)


def builder(name: str) -> str:
    """Return the builder's name that another library's function has in its listing.

    >>> builder("torchvision.models.resnet50")
    'resnet50'
    >>> builder("torchvision.models.quantization.resnet50")
    'quantized_resnet50'
    """
    *modules, last = name.split(".")
    return f"quantized_{last}" if _QUANTIZED in modules else last


def read(meta: Mapping[str, Any]) -> list[str]:
    """Read the names elsewhere in an entry's metadata.

    What an author gave in another form than a text, or a list of texts, is passed over.

    >>> read({"known_as": "NET_BASE"}), read({"known_as": None})
    (['NET_BASE'], [])
    """
    known_as = meta.get("known_as")
    names = known_as if isinstance(known_as, list | tuple) else [known_as]
    return [name for name in names if isinstance(name, str)]


def _of(member: Weights) -> list[str]:
    return read(member.meta)


def _owners(enum: Iterable[Weights]) -> set[str]:
    """Return the enums elsewhere of which members of this one are known."""
    owners = {alias.rpartition(".")[0] for member in enum for alias in _of(member)}
    return {owner for owner in owners if owner and "/" not in owner}


def _is(name: str, alias: str) -> bool:
    """Whether a name is an alias: the whole, behind a module's name, or without its owner."""
    name, alias = name.casefold(), alias.casefold()
    return name == alias or name.endswith(f".{alias}") or alias.endswith(f"/{name}")


def _latest(enum: type[Weights]) -> list[Weights]:
    try:
        return [enum.get_latest()]
    except NoWeightsError:
        return []
