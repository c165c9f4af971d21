"""The cyclic garbage collector, paused while much is made that stays."""

from __future__ import annotations

import gc
from contextlib import AbstractContextManager

from dapi._loader.holding import Holding

_resume = False


def paused() -> AbstractContextManager[None]:
    """Pause Python's cyclic garbage collector, in the whole process.

    One full collection takes about 200 ms with torch imported, several times the rest of building
    a model, and the objects created here make one likely.
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
