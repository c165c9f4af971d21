"""The lock: choose weights once, use the same bytes everywhere, and prove it.

``dapi lock`` writes ``dapi.lock``; ``dapi sync`` downloads its files into the cache. This module is
for programs: ``locked(name).fetch()`` returns the directory of a locked repository, ``read(path)``
reads a lock file, and ``bind(path)`` limits dapi-core to it (``dapi.use_lock(path)``, or
``DAPI_LOCK``).
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dapi.lock._binding import bind
    from dapi.lock._locked import Locked, locked
    from dapi.lock._reading import read
    from dapi.lock.document import Lock, LockedFile, LockedWeights
    from dapi.lock.policy import Policy
    from dapi.lock.requirement import Requirement
else:
    _HOMES = {
        "_binding": ("bind",),
        "_locked": ("Locked", "locked"),
        "_reading": ("read",),
        "document": ("Lock", "LockedFile", "LockedWeights"),
        "policy": ("Policy",),
        "requirement": ("Requirement",),
    }

    def __getattr__(name: str) -> object:
        from importlib import import_module

        for home, names in _HOMES.items():
            if name in names:
                return getattr(import_module(f"{__name__}.{home}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)


__all__ = [
    "Lock",
    "Locked",
    "LockedFile",
    "LockedWeights",
    "Policy",
    "Requirement",
    "bind",
    "locked",
    "read",
]
