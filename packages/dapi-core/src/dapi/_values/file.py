"""File: the URLs of one published file, and its hash."""

from __future__ import annotations

import re
from collections.abc import Sequence
from posixpath import basename

from dapi._text.untrusted import printable
from dapi._values.public import public
from dapi._values.record import Record
from dapi.exceptions import WeightsDeclarationError

_PREFIX = re.compile(r"[\w.-]*")
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+):", re.IGNORECASE)  # one letter is a drive of Windows


@public
class File(Record):
    """One published file.

    Attributes:
        url: ``https://``, ``http://`` (only with a full hash), ``file://`` (a local checkpoint),
            ``package:import.name/path#requirement`` (a file inside an installed package, and the
            requirement that installs it), ``hf://``, ``s3://`` or ``gs://`` (with the extra of that
            name), or a scheme that a distribution provides through the entry-point group
            ``dapi.schemes``.
        sha256: Its sha256 in hexadecimal: all 64 digits, the published first digits, or None.
            Without the full hash a file is trusted on first use, after it was loaded.
        size: Its size in bytes; None if unknown.
        mirrors: Further URLs of the same bytes, tried in order.
        prefix: Added to each key of the checkpoint, as in ``"encoder."``: several files, each with
            the keys of one part of a model, become its state dict.

    Raises:
        WeightsDeclarationError: ``sha256`` is not hexadecimal, ``url`` has no scheme, plain http
            comes without a full hash, or ``prefix`` is not a string.
    """

    url: str
    sha256: str | None = None
    size: int | None = None
    mirrors: tuple[str, ...] = ()
    prefix: str = ""

    def __post_init__(self) -> None:
        mirrors: str | Sequence[str] = self.mirrors
        mirrors = (mirrors,) if isinstance(mirrors, str) else mirrors
        checks = {
            "mirrors": (isinstance(mirrors, list | tuple), "Pass a list of URLs."),
            "size": (_is_size(self.size), "Pass the number of bytes, or None."),
            "sha256": (_is_sha256(self.sha256), "Pass lower-case hex digits."),
            "prefix": (
                isinstance(self.prefix, str) and _PREFIX.fullmatch(self.prefix),
                "Pass the beginning of the model's keys, as in 'encoder.'.",
            ),
        }
        for name, (is_right, remedy) in checks.items():
            if not is_right:
                problem = f"has {name}={getattr(self, name)!r}"
                raise WeightsDeclarationError(f"File({self.url!r})", problem, remedy)
        object.__setattr__(self, "mirrors", tuple(mirrors))
        for url in (self.url, *self.mirrors):
            self._check_scheme(url)

    def _check_scheme(self, url: str) -> None:
        is_text = isinstance(url, str)
        if is_text and url.startswith("https://"):
            return
        scheme = _SCHEME.match(url) if is_text else None
        if not scheme:
            problem = "has no scheme" if is_text else "is not a string"
            remedy = "Pass a URL. For a local file: WeightEntry.from_file(path)."
            raise WeightsDeclarationError(f"File({url!r})", problem, remedy)
        if scheme[1].lower() == "http" and not self.is_pinned:
            raise WeightsDeclarationError(
                f"File({url!r})",
                "is plain http without a full sha256",
                "Use https, or give all 64 digits.",
            )

    @property
    def is_pinned(self) -> bool:
        """Whether the full sha256 is published."""
        return self.sha256 is not None and len(self.sha256) == 64

    @property
    def name(self) -> str:
        """The last part of the URL's path. For people and for its suffix; never a local path.

        Without characters that control a terminal.
        """
        from urllib.parse import unquote, urlsplit  # not before: a search splits no URL

        return printable(basename(unquote(urlsplit(self.url).path)))


def _is_size(size: object) -> bool:
    return size is None or (isinstance(size, int) and size >= 0)


def _is_sha256(digits: object) -> bool:
    if not isinstance(digits, str):
        return digits is None
    return 0 < len(digits) <= 64 and not digits.strip("0123456789abcdef")
