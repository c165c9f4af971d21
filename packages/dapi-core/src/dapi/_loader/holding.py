"""Holding: a state of the whole process that lasts while any thread needs it."""

from __future__ import annotations

import os
from _thread import RLock, get_ident  # as threading's, which a search does without
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Holding:
    """A change to the process that the first thread begins and the last one ends.

    A forked child has only the thread that forked: what the other threads held ends in the child,
    since no thread would end it. Forking waits while a change is incomplete.

    Args:
        begin: Makes the change.
        end: Undoes it, even if it was made only in part.
    """

    def __init__(self, begin: Callable[[], None], end: Callable[[], None]) -> None:
        self._begin, self._end = begin, end
        self._holders: list[int] = []  # a thread is in it once for each time that it holds
        self._lock = RLock()  # a thread that forks while it makes the change must not wait for it
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=self._lock.acquire,
                after_in_parent=self._lock.release,
                after_in_child=self._forget_others,
            )

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Make the change last for a block."""
        thread = get_ident()
        with self._lock:
            if not self._holders:
                self._make()
            self._holders.append(thread)
        try:
            yield
        finally:
            with self._lock:
                self._holders.remove(thread)
                if not self._holders:
                    self._end()

    def _make(self) -> None:
        try:
            self._begin()
        except BaseException:
            self._end()  # the part that was made before it failed
            raise

    def _forget_others(self) -> None:
        try:
            was_held, thread = bool(self._holders), get_ident()
            self._holders[:] = [each for each in self._holders if each == thread]
            if was_held and not self._holders:
                self._end()
        finally:
            self._lock.release()
