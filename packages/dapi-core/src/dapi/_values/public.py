"""public: classes and functions of a room carry the module name that users import."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


def public(found: T) -> T:
    """Set the module of a class or function to ``dapi``, in place of the room that defines it.

    Pickles, tracebacks and reprs use that name, and stay valid when it moves to another room.
    """
    found.__module__ = "dapi"
    return found
