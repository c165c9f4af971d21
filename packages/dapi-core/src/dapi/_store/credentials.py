"""Credentials: the headers that a server receives. Each belongs to one origin."""

from __future__ import annotations

import netrc
import os
from base64 import b64encode
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from dapi._plugins.hooks import FetchRequest
from dapi._text import urls


class Credentials:
    """The headers for each server of one request and its redirects.

    Attributes:
        url: The URL to request, without ``user:password@``.
        problem: Why .netrc was not used; empty if it was used or does not exist.
    """

    def __init__(self, request: FetchRequest) -> None:
        self.url, userinfo = urls.split_userinfo(request.url)
        self.problem = ""
        self._origin = urls.origin(self.url)
        login, _, password = map(unquote, userinfo.partition(":"))
        self._own = _basic(login, password) if userinfo and self._origin[0] == "https" else {}
        # A token that was read from a file often ends with a line break.
        self._own |= {name.title(): value.strip() for name, value in request.headers.items()}

    def headers(self, url: str) -> Mapping[str, str]:
        """Return the headers for a URL: those of the request for its origin, else .netrc's."""
        found = self._own if urls.origin(url) == self._origin else {}
        if "Authorization" in found or urlsplit(url).scheme != "https":
            return found
        return {**found, **self._from_netrc(urlsplit(url).hostname or "")}

    def _from_netrc(self, host: str) -> Mapping[str, str]:
        """Return the entry for a host in .netrc (or the file NETRC names), never its default."""
        named = os.environ.get("NETRC")
        try:
            found = netrc.netrc(named or None).hosts.get(host)
        except FileNotFoundError:
            self.problem = f"{named} does not exist" if named else ""
        except OSError as cause:
            self.problem = f"{named or '~/.netrc'} cannot be read: {cause.strerror}"
        except (netrc.NetrcParseError, UnicodeDecodeError) as cause:
            self.problem = f"{named or '~/.netrc'} is not used: {_why(cause)}"
        else:
            return _basic(found[0], found[2] or "") if found else {}
        return {}


def _basic(login: str, password: str) -> dict[str, str]:
    return {"Authorization": f"Basic {b64encode(f'{login}:{password}'.encode()).decode()}"}


def _why(cause: netrc.NetrcParseError | UnicodeDecodeError) -> str:
    """Describe an error without quoting the file, which may contain a password."""
    if isinstance(cause, UnicodeDecodeError):
        return "it is not text"
    if cause.msg.startswith("~/.netrc"):
        return "others can read it (chmod 600 ~/.netrc)"
    return f"line {cause.lineno} cannot be understood"
