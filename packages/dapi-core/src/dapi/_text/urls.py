"""URLs: their origin, their secret parts, and how they are displayed."""

from __future__ import annotations

import re

from dapi._text.untrusted import printable

# Compiled when they are first used (re keeps them): every start of dapi imports this module.
_PARTS = r"(?is)([a-z][a-z0-9+.-]*)://([^/?#]*)([^?#]*)(.*)"
_HOST = r"(\[[^\]]*\]|[^:]*)(:\d*)?"
_REST = r"(?s)([^/?#:]*)(?::\D[^/?#]*)?([^?#]*)(.*)"

# A URL in a sentence ends before the sentence's own punctuation.
_IN_TEXT = r"""(?i)[a-z][a-z0-9+.-]*://[^\s"<>]*[^\s"<>:;,.)'}]"""

# A place in a page, as in "#issuecomment-1013906621": without "=", it is no parameter. Tokens and
# keys have capitals (in base64), or are one long word (in hex).
_ANCHOR = r"#[a-z][a-z0-9]{0,23}([-_.]{1,2}[a-z0-9]{1,23})*"

_DEFAULT_PORTS = {"http": "80", "https": "443"}


def origin(url: str) -> tuple[str, str, str]:
    """Return scheme, host and port of a URL, which identify a server.

    >>> origin("https://me@Example.org/x") == origin("https://example.org:443/y")
    True
    """
    match = re.match(_PARTS, url)
    if match is None:
        return url.partition(":")[0].lower(), "", ""
    scheme, host = match[1].lower(), match[2].rpartition("@")[2].lower()
    found = re.match(_HOST, host)
    assert found is not None  # it matches an empty text, too
    port = (found[2] or "")[1:] or _DEFAULT_PORTS.get(scheme, "")
    return scheme, found[1], port


def netloc(url: str) -> str:
    """Return the host of a URL, and its port if it names one; empty if it has none.

    >>> netloc("https://me:se/cret@example.org:8443/x")
    'example.org:8443'
    """
    match = re.match(_PARTS, redacted(url))
    return match[2] if match else ""


def split_userinfo(url: str) -> tuple[str, str]:
    """Return a URL without its ``user:password@``, and that part.

    >>> split_userinfo("https://me:secret@example.org/x")
    ('https://example.org/x', 'me:secret')
    """
    match = re.fullmatch(_PARTS, url)
    if match is None:
        return url, ""
    userinfo, _, host = match[2].rpartition("@")
    return f"{match[1]}://{host}{match[3]}{match[4]}", userinfo


def redacted(url: str, *, anchors: bool = False) -> str:
    """Return a URL for display: scheme, host and path.

    Removes passwords, the query (it may contain signatures and tokens) and control characters.

    Args:
        url: The URL.
        anchors: Whether to keep a fragment that can only be a place in a page.

    >>> redacted("https://me:secret@example.org/net.pth?X-Amz-Signature=0123")
    'https://example.org/net.pth?***'
    """
    url = printable(url)
    match = re.fullmatch(_PARTS, url)
    if match is None:
        return url
    userinfo, _, host = match[2].rpartition("@")
    path, query = match[3], match[4]
    is_split = ":" in userinfo and "@" in path + query
    if is_split or not re.fullmatch(_HOST, host):  # a "/", "?" or "#" of a password is not escaped
        rest = re.fullmatch(_REST, (match[2] + path + query).rpartition("@")[2])
        assert rest is not None  # it matches everything
        host, path, query = rest.groups()
    is_harmless = anchors and not userinfo and re.fullmatch(_ANCHOR, query)
    return f"{match[1]}://{host}{path}{query if is_harmless else '?***' if query else ''}"


def redact(text: str, *, anchors: bool = False) -> str:
    """Return a text in which every URL is redacted; ``anchors`` is as for ``redacted``.

    >>> redact("GET https://example.org/x?token=1: refused")
    'GET https://example.org/x?***: refused'
    """
    if "://" not in text or _is_plain(text):
        return text
    return re.sub(_IN_TEXT, lambda match: redacted(match[0], anchors=anchors), text)


def _is_plain(text: str) -> bool:
    """Whether no URL in a text can have a secret: then nothing is compiled to look for one."""
    has_sign = any(sign in text for sign in "@?#") or text.count(":") > text.count("://")
    return not has_sign and printable(text) == text
