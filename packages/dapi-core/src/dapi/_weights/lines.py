"""Lines: a long list of names that is package data, read on first use."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import overload

from dapi._values.public import public
from dapi._values.record import Record
from dapi.exceptions import WeightsDeclarationError, excerpt


@public
class Lines(Record, Sequence[str]):
    """The lines of a text file inside a package, such as the names of 1000 categories.

    Compares, hashes, pickles and prints by its reference; the file is read once per process, on
    first use.

    Attributes:
        reference: ``"package:path/in/package.txt"``; UTF-8, one item per line.

    Raises:
        WeightsDeclarationError: ``reference`` is not of that form.
        FileNotFoundError: On first use, when the package has no such file.
    """

    reference: str

    def __post_init__(self) -> None:
        if not isinstance(self.reference, str) or ":" not in self.reference:
            raise WeightsDeclarationError(
                f"Lines({excerpt(self.reference)})",
                "names no file of a package",
                "Write 'package:path/in/package.txt'; for names in code: a tuple.",
            )

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...
    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        return _read(self.reference)[index]

    def __len__(self) -> int:
        return len(_read(self.reference))

    def __repr__(self) -> str:
        return f"Lines({self.reference!r})"


@cache
def _read(reference: str) -> tuple[str, ...]:
    from importlib.resources import files  # not before: it costs a tenth of a listing

    package, _, path = reference.partition(":")
    return tuple(files(package).joinpath(path).read_text(encoding="utf-8").splitlines())
