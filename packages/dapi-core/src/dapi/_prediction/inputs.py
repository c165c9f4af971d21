"""Inputs: read those of a source, and state why one failed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from dapi.exceptions import DapiError, InputError
from dapi.tasks import Input

_log = logging.getLogger("dapi")


def read(reader: Callable[[str], Iterable[Input]], source: str) -> list[Input]:
    """Return the inputs of a source: at least one."""
    found = list(reader(source))
    if not found:
        raise InputError(source, "it is empty", expected="at least one input")
    return found


def unreadable(reader: Callable[[str], Iterable[Input]], sources: Sequence[str]) -> dict[str, str]:
    """Return the sources that cannot be read, with reasons; those read only once are skipped."""
    found = {}
    for source in filter(_is_lasting, sources):
        try:
            read(reader, source)
        except Exception as error:  # noqa: BLE001 - a reader may raise anything
            found[source] = reason_of(error, source)
    return found


def _is_lasting(source: str) -> bool:
    """Whether it can be read repeatedly, unlike standard input and pipes."""
    return source != "-" and (not exists(source) or Path(source).is_file() or Path(source).is_dir())


def exists(name: str) -> bool:
    """Whether a path exists; text may not be a valid path."""
    try:
        return Path(name).exists()
    except (OSError, ValueError):
        return False


def reason_of(error: Exception, name: str) -> str:
    """Return why an input failed: the message for people, or the error."""
    _log.debug("an input failed", exc_info=error)
    # The caller prints the name beside the reason, and the text of such an error begins with it.
    if isinstance(error, InputError) and error.source in (name, repr(name)):
        return f"{error.reason}. Expected {error.expected}."
    text = str(error).strip().partition("\n")[0]
    if isinstance(error, OSError) and error.strerror and error.filename == name:
        text = error.strerror
    if isinstance(error, DapiError | OSError | ValueError) and text:
        return text
    return f"{type(error).__name__}: {text}".rstrip(": ")
