"""Mirrors: the rules of ``DAPI_MIRROR``, which redirect downloads.

``https://mirror`` replaces every host (``https://mirror/<host>/<path>``);
``host=https://mirror/x`` replaces one host (``https://mirror/x/<path>``), on every port unless the
rule names one. Commas separate rules; the first that matches applies.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

from dapi._text import urls as _urls
from dapi.exceptions import FetchError

_FORM = "Write https://mirror.example for every host, or host=https://mirror.example/x for one."


class Rule(NamedTuple):
    """One rule of ``DAPI_MIRROR``: the host that it is for (empty for all), and the mirror."""

    host: str
    base: str

    def __str__(self) -> str:
        """Return the rule without possible secrets: the user, the path and the query."""
        if self.is_usable:
            base = re.sub("(://[^/?#]*)[/?#].*", r"\1/...", _urls.redacted(self.base))
        else:
            base = self.base.rpartition("@")[2]
            base = "(no URL)" if re.search("[/?#]", base) else base
        return f"{self.host.rpartition('@')[2]}={base}" if self.host else base

    @property
    def is_usable(self) -> bool:
        """Whether the mirror is an address of the web."""
        scheme, host, _ = _urls.origin(self.base)
        return scheme in ("http", "https") and bool(host)

    def applies(self, url: str) -> bool:
        """Whether a URL of the web is on the rule's host."""
        scheme, host, port = _urls.origin(url)
        _, wanted, wanted_port = _urls.origin(f"{scheme}://{self.host}")
        is_any_port = not self.host.rpartition("]")[2].count(":")
        return not self.host or (host == wanted and (is_any_port or port == wanted_port))


def rules() -> list[Rule]:
    """Return the rules of ``DAPI_MIRROR``, in order."""
    texts = map(str.strip, os.environ.get("DAPI_MIRROR", "").split(","))
    return [_rule(text) for text in texts if text]


def _rule(text: str) -> Rule:
    host, equals, base = text.partition("=")
    if not equals or ("/" in host and "://" not in base):
        return Rule("", text.rstrip("/"))
    return Rule(host.rpartition("://")[2].strip("/ "), base.strip().rstrip("/"))


def mirrored(url: str) -> str:
    """Rewrite an http or https URL by the rules of ``DAPI_MIRROR``.

    Raises:
        FetchError: The matching rule has no valid address.
    """
    plain, _ = _urls.split_userinfo(url)
    parts = urlsplit(plain)
    # Else a part of the password, which is not escaped, looks like the host: a mirror would see it.
    is_whole = parts.netloc == _urls.netloc(url)
    if parts.scheme not in ("http", "https") or not is_whole:
        return url
    rule = next((rule for rule in rules() if rule.applies(plain)), None)
    if rule is None:
        return url
    if not rule.is_usable:
        reason = f"the rule {str(rule)!r} of DAPI_MIRROR names no http or https address"
        raise FetchError(url, failures={url: reason}, remedy=_FORM)
    path = parts.path if rule.host else f"/{parts.netloc}{parts.path}"
    return f"{rule.base}{path}{'?' if parts.query else ''}{parts.query}"


def idle(urls: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Find rules that have no effect.

    Args:
        urls: The URLs of all known files; read only if a rule names a host.

    Yields:
        The problem of a rule, and the remedy.
    """
    given = rules()
    known = urls if any(rule.host for rule in given) else ()
    seen = [url for url in known if url.startswith(("http://", "https://"))]
    for rank, rule in enumerate(given):
        earlier = [other for other in given[:rank] if other.host in ("", rule.host)]
        if not rule.is_usable:
            yield f"its rule {str(rule)!r} names no http or https address", _FORM
        elif earlier:
            what = f"its rule {str(rule)!r} never applies: {str(earlier[0])!r} comes first"
            yield what, f"Move it before {str(earlier[0])!r}"
        elif rule.host and not any(map(rule.applies, seen)):
            what = f"its rule {str(rule)!r} matches nothing: no installed weights are on that host"
            hosts = sorted(set(map(_urls.netloc, seen)))
            yield what, f"Known hosts: {', '.join(hosts) or 'none'}"
