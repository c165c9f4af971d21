"""Progress: drawn on a terminal, and nowhere else."""

import hashlib
import io
import sys
import threading

import pytest

from dapi import File
from dapi._store import fetch
from dapi._store.progress import Progress, say
from dapi._store.settings import Settings

BODY = bytes(range(256)) * 4000
DIGEST = hashlib.sha256(BODY).hexdigest()


class Terminal(io.StringIO):
    """Standard error as a terminal."""

    def isatty(self):
        return True


@pytest.fixture
def attach(monkeypatch):
    """Make standard error a terminal, from now on."""
    pytest.importorskip("tqdm")

    def attach():  # in the test: between its phases pytest sets another one
        monkeypatch.setattr(sys, "stderr", Terminal())
        return sys.stderr

    return attach


def test_terminal_shows_a_bar_with_name_and_size(server, attach):
    """The file's name, how much of it came, and of how much."""
    terminal = attach()
    fetch(File(server.serve("/net.pth", BODY), sha256=DIGEST))

    assert "net.pth: 100%" in terminal.getvalue()
    assert "0.98M/0.98M" in terminal.getvalue() or "1000k/1000k" in terminal.getvalue()


def test_bar_of_a_restarted_download_starts_anew(faulty, attach):
    """What was discarded does not count: the bar never shows more than there is."""
    terminal = attach()
    url = faulty.serve("/net.pth", BODY, {"no_ranges": True, "cut": len(BODY) // 2})
    fetch(File(url, sha256=DIGEST), patience=Settings(backoff=0.01))

    shown = [int(each[-3:]) for each in terminal.getvalue().split("%")[:-1]]
    assert 100 == max(shown)


@pytest.mark.parametrize("enabled", [True, False])
def test_nothing_is_shown_elsewhere(server, capsys, attach, monkeypatch, enabled):
    """Not into a log file, and not with progress=False."""
    if enabled:
        monkeypatch.setattr(sys, "stderr", elsewhere := io.StringIO())
    else:
        elsewhere = attach()
    fetch(File(server.serve("/net.pth", BODY), sha256=DIGEST), progress=enabled)

    assert ("", "") == (elsewhere.getvalue(), capsys.readouterr().out)


def test_process_without_standard_error_is_served(server, monkeypatch):
    """A program without a console has none."""
    monkeypatch.setattr(sys, "stderr", None)

    assert fetch(File(server.serve("/net.pth", BODY), sha256=DIGEST)).exists()


def test_several_bars_have_a_line_each(attach):
    """Downloads of several threads are drawn below each other, and sentences above them."""
    terminal = attach()
    with Progress("one", enabled=True) as one, Progress("two", enabled=True) as two:
        threads = [threading.Thread(target=bar.advance, args=(5,)) for bar in (one, two)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        say("Waiting for process 1.", enabled=True)
        positions = sorted(abs(bar._bar.pos) for bar in (one, two))

    assert [0, 1] == positions
    assert "Waiting for process 1.\n" in terminal.getvalue()
