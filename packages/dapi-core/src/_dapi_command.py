"""The ``dapi`` command's entry: outside of the package, so that it starts when the package fails.

pip lets any distribution overwrite ``dapi/__init__.py`` without a word. Then this module names
the culprit and the repair.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the ``dapi`` command; if the package is not ours any more, say whose it is."""
    try:
        import dapi

        is_ours = hasattr(dapi, "list_models")
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's file may raise anything
        is_ours, reason = False, f" Importing it raises {type(error).__name__}: {error}."
    else:
        reason = ""
    if not is_ours:
        print(f"dapi: dapi/__init__.py is not that of dapi-core.{reason}", file=sys.stderr)
        print(repair(other_owners()), file=sys.stderr)
        return 1
    from dapi._cli import main as run

    return run(arguments)


def other_owners() -> list[str]:
    """List the distributions besides dapi-core that installed ``dapi/__init__.py``."""
    from importlib.metadata import distributions

    owners = set()
    for dist in distributions():
        with suppress(Exception):  # one whose record cannot be read hides no other
            if any(str(file) == "dapi/__init__.py" for file in dist.files or ()):
                owners.add(dist.metadata["Name"])
    return sorted(owners - {"dapi-core", None})


def repair(owners: Sequence[str]) -> str:
    """Say which distributions are to blame and what to run."""
    names = " ".join(owners)
    blame = f"It was overwritten by: {names}.\n" if owners else ""
    remove = f"pip uninstall --yes {names} && " if owners else ""
    return f"{blame}To repair it: {remove}pip install --force-reinstall --no-deps dapi-core"
