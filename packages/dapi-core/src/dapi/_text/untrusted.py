"""Untrusted text, made safe for display: a plugin's names, a server's reason phrase."""

from __future__ import annotations

import re

# Compiled when they are first used (re keeps them): every start of dapi imports this module.

# All characters that a terminal may treat as the end of a line.
_BREAKS = "[\t-\r\x1c-\x1f\x85\u2028\u2029]+"

# Other control characters (ESC and the one-byte CSI among them), and those that reverse text.
_HIDDEN = "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"

# Halves of characters, as in undecodable file names; no stream can write them.
_BROKEN = "[\ud800-\udfff]"


def printable(text: str) -> str:
    r"""Return ``text`` on one line, without characters that control a terminal.

    Line breaks and tabs become a space; other control characters and bidirectional overrides are
    removed; a character that cannot be encoded becomes ``?``.

    >>> printable("\x1b[2Jnot\r\nfound\u202e!")
    '[2Jnot found!'
    """
    if text.isascii() and text.isprintable():
        return text
    return re.sub(_BROKEN, "?", re.sub(_HIDDEN, "", re.sub(_BREAKS, " ", text)))
