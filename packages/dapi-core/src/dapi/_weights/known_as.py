"""Known as: names of the same weights in the library that published them.

An entry lists them in ``meta["known_as"]``. They cannot be built: an error gives the name to use,
and commands take it. Only errors look them up, because this reads all enums.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from dapi.exceptions import NoWeightsError

if TYPE_CHECKING:
    from dapi._weights.enum import Weights

# torchvision's name for ``dapi.LATEST``.
_DEFAULT = "DEFAULT"
# The module of torchvision whose functions it lists with the prefix ``quantized_``, as we do.
_QUANTIZED = "quantization"


def is_foreign(name: str) -> bool:
    """Whether a name can belong to another library: our builders' names are plain lower case."""
    builder = name.partition(":")[0]
    return not builder.isidentifier() or builder != builder.lower()


def members(name: str, enum: type[Weights]) -> list[Weights]:
    """List the members of an enum that have a name in another library.

    Args:
        name: With or without the module in front, as in
            ``"torchvision.models.ResNet50_Weights.IMAGENET1K_V1"``; or ``"ResNet50_Weights"``
            and its ``DEFAULT``; or an id with or without its owner, as in ``"roberta-base"``.
        enum: The enum to search.
    """
    found = [member for member in enum if any(_is(name, alias) for alias in _of(member))]
    owner, _, last = name.rpartition(".")
    if not found and any(_is(owner if last == _DEFAULT else name, each) for each in _owners(enum)):
        return _latest(enum)
    return found


def own_members(name: str, enum: type[Weights]) -> list[Weights]:
    """List the members of an enum that correspond to a member of another library's enum.

    Args:
        name: As in ``"IMAGENET1K_V1"`` or ``"DEFAULT"``; or as for ``members``.
        enum: The enum to search.
    """
    if name == _DEFAULT:
        return _latest(enum)
    found = [m for m in enum if any(alias.rpartition(".")[2] == name for alias in _of(m))]
    return found or members(name, enum)


def builder(name: str) -> str:
    """Return the name under which another library lists a function.

    >>> builder("torchvision.models.resnet50")
    'resnet50'
    >>> builder("torchvision.models.quantization.resnet50")
    'quantized_resnet50'
    """
    *modules, last = name.split(".")
    return f"quantized_{last}" if _QUANTIZED in modules else last


def read(meta: Mapping[str, Any]) -> list[str]:
    """Read the names elsewhere in an entry's metadata.

    Values that are neither a string nor a list of strings are ignored.

    >>> read({"known_as": "NET_BASE"}), read({"known_as": None})
    (['NET_BASE'], [])
    """
    known_as = meta.get("known_as")
    names = known_as if isinstance(known_as, list | tuple) else [known_as]
    return [name for name in names if isinstance(name, str)]


def _of(member: Weights) -> list[str]:
    return read(member.meta)


def _owners(enum: Iterable[Weights]) -> set[str]:
    """Return the other libraries' enums that members of this one correspond to.

    A name in lower case is not an enum: timm's ``resnet50.tv_in1k`` is a model with its weights.
    """
    owners = {alias.rpartition(".")[0] for member in enum for alias in _of(member)}
    return {owner for owner in owners if owner != owner.lower() and "/" not in owner}


def _is(name: str, alias: str) -> bool:
    """Whether a name is an alias: as a whole, after a module's name, or without its owner."""
    name, alias = name.casefold(), alias.casefold()
    return name == alias or name.endswith(f".{alias}") or alias.endswith(f"/{name}")


def _latest(enum: type[Weights]) -> list[Weights]:
    try:
        return [enum.get_latest()]
    except NoWeightsError:
        return []
