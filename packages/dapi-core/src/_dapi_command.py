"""The ``dapi`` command's entry: outside of the package, so that it starts when the package fails.

pip lets any distribution silently overwrite ``dapi/__init__.py``. Then this module names the
culprit and the repair.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from _dapi_owners import other_owners, repair


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the ``dapi`` command; if the package was overwritten, name the culprit."""
    try:
        import dapi

        is_ours = hasattr(dapi, "list_models")
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a foreign file may raise anything
        is_ours, reason = False, f" Importing it raises {type(error).__name__}: {error}."
    else:
        reason = ""
    if not is_ours:
        print(f"dapi: dapi/__init__.py is not that of dapi-core.{reason}", file=sys.stderr)
        print(repair(other_owners()), file=sys.stderr)
        return 1
    from dapi._cli import main as run

    return run(arguments)
