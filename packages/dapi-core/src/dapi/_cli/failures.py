"""Failures of commands: their codes for programs, and the exit statuses."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from dapi._text.untrusted import printable
from dapi.exceptions import (
    DapiError,
    FetchError,
    HashMismatchError,
    MissingHashError,
    OfflineError,
)

# The exit status after an error, or when doctor or verify found a problem.
FAILED = 1

# The exit status when the command line is wrong, as in argparse.
MISUSED = 2

# The exit status after Ctrl-C, as in shells: 128 plus the signal's number.
INTERRUPTED = 130

# The first class that an error belongs to decides; all others end with FAILED.
_STATUSES: Mapping[type[DapiError], int] = {
    OfflineError: 3,
    MissingHashError: FAILED,  # nothing was asked of the network
    FetchError: 4,
    HashMismatchError: 5,
}


def status(error: DapiError) -> int:
    """Return the exit status after an error."""
    matching = (number for kind, number in _STATUSES.items() if isinstance(error, kind))
    return next(matching, FAILED)


def status_of_all(errors: Iterable[DapiError]) -> int:
    """Return the exit status after several errors: theirs if it is the same, else that of any."""
    found = {status(error) for error in errors}
    return found.pop() if len(found) == 1 else FAILED if found else 0


def described(kind: str, message: object) -> dict[str, Any]:
    """Return an error as JSON has it."""
    return {"code": kind, "message": printable(str(message))}


def print_error(kind: str, message: object) -> None:
    """Print the one line of JSON that stands for a result after an error."""
    print(json.dumps({"error": described(kind, message)}), flush=True)
