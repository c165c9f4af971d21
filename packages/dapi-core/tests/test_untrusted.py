"""Text of strangers: nothing in it controls the terminal that shows it."""

import sys
import unicodedata

import pytest

from dapi.catalog import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;title\x07\x1b[31mred\x9b0m", "]0;title[31mred0m"),
        ("progress\rIt is all fine\x08\x7f", "progress It is all fine"),
        ("one\r\n\ttwo\u2028three\x85four", "one two three four"),
        ("abc\u202egpj.exe\u2066\u200f", "abcgpj.exe"),
        ("name\udcff", "name?"),
        ("Zürich  café 鶴 👩‍🔬 می‌خواهم", "Zürich  café 鶴 👩‍🔬 می‌خواهم"),
    ],
)
def test_only_what_controls_a_terminal_is_removed(text, shown):
    """Escapes, line breaks and reversals go; letters of every language stay."""
    assert shown == printable(text)


def test_no_control_character_is_left():
    """Of all characters, none is left that is a control, a line separator, or half a character."""
    shown = printable("".join(map(chr, range(sys.maxunicode + 1))))

    assert not {unicodedata.category(char) for char in shown} & {"Cc", "Cs", "Zl", "Zp"}
    assert shown == printable(shown)
