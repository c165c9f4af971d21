"""public: what is defined in a room is known by the name that users write."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


def public(found: T) -> T:
    """Let a class or a function say that it is of ``dapi``, not of the room that defines it.

    Pickles, tracebacks and reprs name it so, and stay valid when it moves to another room.
    """
    found.__module__ = "dapi"
    return found
