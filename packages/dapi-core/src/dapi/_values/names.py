"""The one grammar for names: ``[distribution/]builder[:[publisher/]member]``."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, NamedTuple

from dapi import exceptions  # its classes when they are raised: every start imports this module

_GRAMMAR = re.compile(
    r"(?:(\w[\w.-]*)/)?([A-Za-z_][\w.-]*)(?::(?:(\w[\w.-]*)/)?([A-Za-z_]\w*))?", re.ASCII
)


class Name(NamedTuple):
    """A parsed name; absent parts are None.

    Attributes:
        distribution: Whose builder it is; or who offers the weights, where only they do.
        builder: The builder.
        member: The weights.
        publisher: The distribution of the weights, if it is not that of the builder.
    """

    distribution: str | None
    builder: str
    member: str | None
    publisher: str | None = None

    def __str__(self) -> str:
        """Return the name; a publisher is in it unless the builder is its own."""
        owner = f"{self.distribution}/" if self.distribution else ""
        if not self.member:
            return f"{owner}{self.builder}"
        foreign = self.publisher not in (None, self.distribution)
        publisher = f"{self.publisher}/" if foreign else ""
        return f"{owner}{self.builder}:{publisher}{self.member}"


def parse(text: str) -> Name:
    """Split a name into its parts.

    Args:
        text: As in ``"resnet50"``, ``"resnet50:ImageNet1K_RefV1"``, or with the distribution of
            the builder and that of the weights,
            ``"dapi-vision/resnet50:acme-models/Plants_RefV1"``.

    Returns:
        The parts; distributions in their normalized form.

    Raises:
        InvalidNameError: ``text`` is not of that form.

    >>> parse("resnet50:Acme_Models/Plants_RefV1")
    Name(distribution=None, builder='resnet50', member='Plants_RefV1', publisher='acme-models')
    """
    match = _GRAMMAR.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise exceptions.InvalidNameError(text)
    distribution, builder, publisher, member = match.groups()
    return Name(
        distribution and normalize(distribution),
        builder,
        member,
        publisher and normalize(publisher),
    )


def is_builder(text: str) -> bool:
    """Whether a text can be the bare name of a builder."""
    match = _GRAMMAR.fullmatch(text)
    return match is not None and match.groups() == (None, text, None, None)


def one_or_several(function: str, argument: str, value: Any) -> tuple[str, ...]:
    """Read an argument that is one name or several.

    Raises:
        ArgumentError: It is neither.

    >>> one_or_several("dapi.search", "task", ["image-classification", "object-detection"])
    ('image-classification', 'object-detection')
    """
    names = (value,) if isinstance(value, str) else value
    if isinstance(names, Collection) and all(isinstance(each, str) for each in names):
        return tuple(names)
    raise exceptions.ArgumentError(function, argument, value, expected="a name, or a list of names")


def normalize(distribution: str) -> str:
    """Return a distribution's name as package indexes compare it (PEP 503).

    >>> normalize("Dapi_Vision")
    'dapi-vision'
    """
    if distribution.startswith("__"):  # __main__ owns the registrations of a notebook
        return distribution
    return re.sub(r"[-_.]+", "-", distribution).lower()
