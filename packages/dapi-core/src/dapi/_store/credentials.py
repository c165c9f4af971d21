"""Credentials: which headers a server is sent. Each belongs to one origin, and goes no further."""

from __future__ import annotations

import netrc
import os
from base64 import b64encode
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from dapi._plugins.hooks import FetchRequest
from dapi._text import urls


class Credentials:
    """What each server is sent, for one request and the redirects that it meets.

    Attributes:
        url: The URL to ask for, without ``user:password@``.
        problem: Why .netrc was not used; empty if it was, or if there is none.
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
        """Return what .netrc (or the file that NETRC names) has for a host; never its default."""
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
    """Say it in other words: those of the cause quote the file, and may hold a password."""
    if isinstance(cause, UnicodeDecodeError):
        return "it is not text"
    if cause.msg.startswith("~/.netrc"):
        return "others can read it (chmod 600 ~/.netrc)"
    return f"line {cause.lineno} cannot be understood"
