"""Keys of a state dict. Building without weights imports no more of the loader than this."""

from __future__ import annotations

from collections.abc import Sequence


def is_under(key: str, modules: Sequence[str]) -> bool:
    """Whether a key is one of the names, or belongs to a module of such a name."""
    return any(f"{key}.".startswith(f"{module}.") for module in modules)
