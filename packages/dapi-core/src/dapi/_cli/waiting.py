"""What a terminal shows while people wait: a word while PyTorch loads, and a progress bar."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.machinery import ModuleSpec, PathFinder
from threading import Timer
from types import ModuleType
from typing import Any, TextIO, TypeVar

_T = TypeVar("_T")

_SECONDS = 0.3  # until a pause is noticed
_WORD = "Loading PyTorch ..."


class _Watch:
    """A finder that finds nothing itself: it learns that PyTorch is imported, whoever does."""

    def __init__(self, terminal: TextIO) -> None:
        self._terminal = terminal  # later, a pager may have the place of standard error

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return where PyTorch is, so that it is loaded with a word; of others, nothing."""
        if name != "torch":
            return None
        spec = PathFinder.find_spec(name, path, target)
        loader: Any = spec and spec.loader
        if loader is None:
            return None
        execute = loader.exec_module

        def execute_with_a_word(module: ModuleType) -> None:
            with suppress(AttributeError):
                del loader.exec_module  # what reloads the module finds the usual loader
            with _shown(_WORD, self._terminal):
                execute(module)

        with suppress(AttributeError):  # a loader without room for attributes
            loader.exec_module = execute_with_a_word
        return spec


@contextmanager
def word_for_torch() -> Iterator[None]:
    """Show a word on a terminal while PyTorch loads, in any module of any distribution."""
    if "torch" in sys.modules or sys.stderr is None or not sys.stderr.isatty():
        yield
        return
    watch = _Watch(sys.stderr)
    sys.meta_path.insert(0, watch)
    try:
        yield
    finally:
        with suppress(ValueError):  # somebody else removed it
            sys.meta_path.remove(watch)


@contextmanager
def _shown(text: str, terminal: TextIO) -> Iterator[None]:
    shown: list[str] = []

    def show() -> None:
        shown.append(text)
        print(text, end="", file=terminal, flush=True)

    timer = Timer(_SECONDS, show)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        if shown:
            print(f"\r{' ' * len(text)}\r", end="", file=terminal, flush=True)


def watched(found: Iterable[_T], total: Callable[[], int | None]) -> Iterator[_T]:
    """Draw a progress bar on a terminal for long work, below what is printed meanwhile."""
    from tqdm import tqdm

    # disable=None: only on a terminal; quick work needs no bar
    with tqdm(disable=None, delay=1, leave=False, dynamic_ncols=True) as bar:
        for each in found:
            bar.total = total()
            bar.clear()
            yield each
            bar.update()
