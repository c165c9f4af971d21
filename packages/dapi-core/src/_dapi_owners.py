"""Find who overwrote ``dapi/__init__.py``, and the repair; outside of that package."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress


def other_owners() -> list[str]:
    """List the distributions besides dapi-core that installed ``dapi/__init__.py``."""
    from importlib.metadata import distributions

    owners = set()
    for dist in distributions():
        with suppress(Exception):  # an unreadable record must not hide others
            if any(str(file) == "dapi/__init__.py" for file in dist.files or ()):
                owners.add(dist.metadata["Name"])
    return sorted(owners - {"dapi-core", None})


def repair(owners: Sequence[str]) -> str:
    """Return a message with the distributions at fault and the command to run."""
    names = " ".join(owners)
    blame = f"It was overwritten by: {names}.\n" if owners else ""
    remove = f"pip uninstall --yes {names} && " if owners else ""
    return f"{blame}To repair it: {remove}pip install --force-reinstall --no-deps dapi-core"
