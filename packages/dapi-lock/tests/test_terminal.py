"""The terminal: what is shown is one line, and free of a stranger's control characters."""

import doctest
import io
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

import dapi.lock
from dapi.lock import _terminal
from dapi.lock._terminal import Progress

MODULES = [found.name for found in iter_modules(dapi.lock.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_examples_give_what_they_show(name):
    """The examples in docstrings are right."""
    assert 0 == doctest.testmod(import_module(f"dapi.lock.{name}")).failed


@pytest.mark.parametrize("name", MODULES)
def test_only_public_names_of_core_are_used(name):
    """No module of dapi whose name begins with an underscore, and no such name."""
    source = Path(import_module(f"dapi.lock.{name}").__file__).read_text("utf-8")
    lines = [line for line in source.splitlines() if "import" in line and "dapi" in line]

    ours = [line for line in lines if "dapi.lock" not in line]
    assert [] == [line for line in ours if "._" in line or " _" in line]
    assert "catalog._" not in source and "exceptions._" not in source


def test_names_by_strangers_do_not_steer_the_terminal(capsys):
    """Neither in sentences nor in tables."""
    _terminal.say("a\x1b[2Jb")
    _terminal.put_table([{"file": "c\x1b[31m\nd"}])

    printed = capsys.readouterr()
    assert "\x1b" not in printed.out + printed.err and 2 == printed.out.count("\n")


def test_progress_is_one_line_on_a_terminal_and_lines_in_a_log(monkeypatch):
    """A terminal's line is rewritten, and removed at the end; short work says nothing in a log."""

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    for stream, expected in (
        (Terminal(), "\r\x1b[2KDown: 1 of 2 files, 5 B of 9 B"),
        (io.StringIO(), ""),
    ):
        monkeypatch.setattr(sys, "stderr", stream)
        with Progress("Down", 2, 9, enabled=True) as line:
            line._due = 0 if stream.isatty() else line._due
            line.show(1, 5)
        assert stream.getvalue().startswith(expected)
        assert stream.getvalue().endswith("\r\x1b[2K" if stream.isatty() else "")
        assert "\n" not in stream.getvalue()
