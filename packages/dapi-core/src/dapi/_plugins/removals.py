"""Tombstones: what became of a model, or of weights, that a distribution gave once."""

from __future__ import annotations

from dataclasses import dataclass

from dapi._plugins import discovery
from dapi._plugins.discovery import EntryPoint
from dapi._values import names
from dapi._values.names import Name
from dapi._values.public import public
from dapi.exceptions import InvalidNameError


@public
@dataclass(frozen=True)
class Removed:
    """What became of a model, or of weights, that a distribution gave once.

    An entry point of the group ``dapi.removed`` leads to it, under the name that it had: asking
    for that name then says what is written here. Neither disk nor network is touched.

    Attributes:
        successor: The name to use instead, as in ``"resnet50_v2"`` or ``"resnet50:Plants_RefV2"``.
        last_version: The last version of the distribution that has it.
        reason: Why it was removed, as a sentence.

    >>> Removed(successor="plantnet", last_version="0.9", reason="It was renamed.").successor
    'plantnet'
    """

    successor: str = ""
    last_version: str = ""
    reason: str = ""


def load(point: EntryPoint) -> Removed:
    """Import a tombstone, and check that it is one.

    Raises:
        PluginLoadError: It cannot be imported, or says neither a successor nor a last version.
    """
    found = point.load()
    if isinstance(found, Removed) and (found.successor or found.last_version):
        return found
    cause = TypeError(f"it is {found!r}, and no dapi.Removed with a successor or a last_version")
    raise point.failed(cause)


def inscription(point: EntryPoint) -> dict[str, str]:
    """Load a tombstone, and return what errors say of it."""
    version = discovery.versions()[point.distribution]
    return {"distribution": point.distribution, "version": version, **vars(load(point))}


def find(wanted: Name) -> EntryPoint | None:
    """Find the tombstone of a model, or of its weights; None when there is none.

    Args:
        wanted: The name. Without a distribution it may have been anybody's, and ``DAPI_PREFER``
            decides between several, or the first by name: what is gone is no choice that changes
            a result.
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
