"""The cyclic garbage collector, paused while much is made that stays."""

from __future__ import annotations

import gc
from _thread import allocate_lock  # as threading's, which a search does without
from collections.abc import Iterator
from contextlib import contextmanager

_pauses = 0
_resume = False
_pausing = allocate_lock()


@contextmanager
def paused() -> Iterator[None]:
    """Pause Python's cyclic garbage collector, in the whole process.

    One full collection costs about 200 ms with torch imported, several times what is left of
    building a model, and the objects made here make one likely.
    """
    global _pauses, _resume
    with _pausing:
        if _pauses == 0:
            _resume = gc.isenabled()
            gc.disable()
        _pauses += 1
    try:
        yield
    finally:
        with _pausing:
            _pauses -= 1
            if _pauses == 0 and _resume:
                gc.enable()
