"""Tombstones of models and weights that a distribution no longer provides."""

from __future__ import annotations

from dapi._plugins import discovery
from dapi._plugins.discovery import EntryPoint
from dapi._values import names
from dapi._values.names import Name
from dapi._values.public import public
from dapi._values.record import Record
from dapi.exceptions import InvalidNameError


@public
class Removed(Record):
    """The tombstone of a model, or of weights, that a distribution no longer provides.

    An entry point of the group ``dapi.removed`` names it, under the old name: looking that name up
    raises an error with the facts below. Reads neither disk nor network.

    Attributes:
        successor: The name to use instead, as in ``"resnet50_v2"`` or ``"resnet50:Plants_RefV2"``.
        last_version: The last version of the distribution that provides it.
        reason: Why it was removed, as a sentence.

    >>> Removed(successor="plantnet", last_version="0.9", reason="It was renamed.").successor
    'plantnet'
    """

    successor: str = ""
    last_version: str = ""
    reason: str = ""


def load(point: EntryPoint) -> Removed:
    """Import a tombstone, and check it.

    Raises:
        PluginLoadError: It cannot be imported, or has neither a successor nor a last version.
    """
    found = point.load()
    if isinstance(found, Removed) and (found.successor or found.last_version):
        return found
    cause = TypeError(f"it is {found!r}, and no dapi.Removed with a successor or a last_version")
    raise point.failed(cause)


def describe(point: EntryPoint) -> dict[str, str]:
    """Load a tombstone, and describe it for an error."""
    version = discovery.versions()[point.distribution]
    return {"distribution": point.distribution, "version": version, **vars(load(point))}


def find(wanted: Name) -> EntryPoint | None:
    """Find the tombstone of a model, or of its weights; None if there is none.

    Args:
        wanted: The name. Without a distribution, ``DAPI_PREFER`` decides between several
            tombstones, or the first by name: this choice changes no result.
    """
    points = [point for point in discovery.entry_points("dapi.removed") if _is_for(point, wanted)]
    return next(iter(discovery.preferred(points, lambda point: point.distribution)), None)


def _is_for(point: EntryPoint, wanted: Name) -> bool:
    try:
        buried = names.parse(point.name)
    except InvalidNameError:
        return False
    return (
        (buried.builder, buried.member) == (wanted.builder, wanted.member)
        and wanted.distribution in (None, buried.distribution, point.distribution)
        and wanted.publisher in (None, point.distribution)
    )
