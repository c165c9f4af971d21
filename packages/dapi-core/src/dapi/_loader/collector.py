"""The cyclic garbage collector, paused while much is made that stays."""

from __future__ import annotations

import gc
from contextlib import AbstractContextManager

from dapi._loader.holding import Holding

_resume = False


def paused() -> AbstractContextManager[None]:
    """Pause Python's cyclic garbage collector, in the whole process.

    One full collection costs about 200 ms with torch imported, several times what is left of
    building a model, and the objects made here make one likely.
    """
    return _pause.hold()


def _stop() -> None:
    global _resume
    _resume = gc.isenabled()
    gc.disable()


def _go_on() -> None:
    if _resume:
        gc.enable()


_pause = Holding(_stop, _go_on)
