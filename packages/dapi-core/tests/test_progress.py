"""Progress: a bar on a terminal and in a notebook, and lines in the log of a long download."""

import hashlib
import io
import logging
import sys
import threading
import time
import types

import pytest

from dapi import File
from dapi._store import cache, locking, partial, progress
from dapi._store.progress import Progress, waiting
from dapi._store.settings import DEFAULT, Settings
from dapi.cache import fetch
from dapi.exceptions import FetchError

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
def test_a_quick_download_is_silent_in_a_log(server, capsys, attach, monkeypatch, enabled):
    """Nothing of a quick download in a log, and nothing at all with progress=False."""
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
        one.expect(10), two.expect(10)
        threads = [threading.Thread(target=bar.advance, args=(5,)) for bar in (one, two)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        waiting(enabled=True)("Waiting for process 1.")
        positions = sorted(abs(bar._bar.pos) for bar in (one, two))

    assert [0, 1] == positions
    assert "Waiting for process 1.\n" in terminal.getvalue()


def interrupt(faulty, *, after):
    """Fetch a file whose server fails in the middle; returns the file."""
    fault = {"cut": after, "headers": {"X-Once": "1"}}
    url = faulty.serve("/net.pth", BODY, fault, always={"status": 404})
    file = File(url, sha256=DIGEST)
    with pytest.raises(FetchError):
        fetch(file, patience=Settings(backoff=0.01, worth_keeping=1, attempts=2), progress=False)
    faulty.serve("/net.pth", BODY)
    return file


def test_bar_of_a_resumed_download_starts_at_what_is_there(faulty, attach):
    """It has a percentage from its first drawing on, and counts what came before."""
    file = interrupt(faulty, after=3 * len(BODY) // 4)
    terminal = attach()
    fetch(file)

    drawn = terminal.getvalue()
    assert "%|" in drawn and "100%" in drawn
    shown = [int(each[-3:]) for each in drawn.split("%")[:-1]]
    assert min(shown) >= 70 and max(shown) == 100


@pytest.fixture
def log(monkeypatch):
    """Standard error that is no terminal, with a line whenever there is something to say."""
    monkeypatch.setattr(progress, "_INTERVAL", 0.0)

    def log():
        monkeypatch.setattr(sys, "stderr", io.StringIO())
        return sys.stderr

    return log


def test_a_long_download_writes_lines_into_a_log(faulty, log):
    """Each with the name, how much is there, and of how much; the last says how long it took."""
    written = log()
    fetch(File(faulty.serve("/net.pth", BODY), sha256=DIGEST))

    first, *_, whole, last = written.getvalue().splitlines()
    assert first.startswith("net.pth: ") and first.endswith("% of 1.0 MB")
    assert "net.pth: 100% of 1.0 MB" == whole
    assert last.startswith("net.pth: 1.0 MB after ")


def test_lines_of_a_resumed_download_count_what_is_there(faulty, log):
    """As on a terminal."""
    file = interrupt(faulty, after=3 * len(BODY) // 4)
    written = log()
    fetch(file)

    shares = [int(line.split()[1].rstrip("%")) for line in written.getvalue().splitlines()[:-1]]
    assert min(shares) >= 70 and max(shares) == 100


def test_a_log_that_cannot_be_written_ends_no_download(faulty, log):
    """As when the reader of a pipe has gone."""
    log().close()

    assert fetch(File(faulty.serve("/net.pth", BODY), sha256=DIGEST)).exists()


def test_lines_control_no_terminal(capsys, monkeypatch):
    """Names of models and files are others'."""
    monkeypatch.setattr(progress, "_INTERVAL", 0.0)
    waiting(enabled=True)("Waiting for \x1b[2Jnet.\x07")

    assert "Waiting for [2Jnet.\n" == capsys.readouterr().err


def test_lines_keep_their_distance(monkeypatch):
    """Ten seconds pass between two, however often something comes."""
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.setattr(time, "monotonic", iter(range(1000)).__next__)
    with Progress("net.pth", enabled=True) as bar:
        bar.expect(100)
        for _ in range(45):
            bar.advance(1)

    assert 4 + 1 == len(sys.stderr.getvalue().splitlines())


@pytest.fixture
def notebook(monkeypatch):
    """Let this process look like the kernel of a notebook; returns what its widgets would be."""
    for name in ("tqdm.notebook", "tqdm.autonotebook", "tqdm.auto"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    ipython = types.ModuleType("IPython")
    kernel = types.SimpleNamespace(config={"IPKernelApp": {}})  # older tqdm asks for it
    ipython.get_ipython = lambda: kernel
    for module in (ipython, types.ModuleType("ipykernel.zmqshell")):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    yield types.ModuleType("ipywidgets")
    for name in ("tqdm.notebook", "tqdm.autonotebook"):
        sys.modules.pop(name, None)


class Widget:
    """What tqdm uses of a widget."""

    def __init__(self, children=(), **facts):
        self.children, self.value, self.bar_style = children, 0, ""
        self.layout, self.style = types.SimpleNamespace(), types.SimpleNamespace()
        vars(self).update(facts)

    def close(self):
        pass


def test_notebook_with_widgets_has_a_bar(faulty, notebook, log, monkeypatch):
    """Of the bytes that there will be; one, after it was tried whether there can be any."""
    bars, shown = [], []
    widgets = notebook
    widgets.HTML, widgets.HBox = type("HTML", (Widget,), {}), type("HBox", (Widget,), {})
    widgets.FloatProgress = lambda **facts: bars.append(Widget(**facts)) or bars[-1]
    display = types.ModuleType("IPython.display")
    display.display = shown.append
    monkeypatch.setitem(sys.modules, "ipywidgets", widgets)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    written = log()
    fetch(File(faulty.serve("/net.pth", BODY), sha256=DIGEST))

    assert "" == written.getvalue()
    _, drawn = bars
    assert (len(BODY), len(BODY)) == (drawn.max, drawn.value)
    assert 1 == len(shown)


@pytest.mark.parametrize("widgets_fail", [False, True], ids=["none installed", "they fail"])
def test_notebook_without_widgets_has_lines(faulty, notebook, log, monkeypatch, widgets_fail):
    """Without a warning, and without an error of somebody else's widgets."""
    widgets = notebook

    def fail(**facts):
        raise RuntimeError("no comm")

    if widgets_fail:
        widgets.HTML = widgets.FloatProgress = fail
        widgets.HBox = Widget
        monkeypatch.setitem(sys.modules, "ipywidgets", widgets)
    else:
        monkeypatch.setitem(sys.modules, "ipywidgets", None)
    written = log()
    fetch(File(faulty.serve("/net.pth", BODY), sha256=DIGEST))

    assert "net.pth: 100% of 1.0 MB" in written.getvalue()


def test_who_waits_names_the_model_and_how_far_it_is(faulty, log, caplog):
    """A process that waits for another's download says what for, again and again."""
    file = File(faulty.serve("/net.pth", BODY), sha256=DIGEST)
    other = partial.create(cache.key(file), DEFAULT)
    other.expect(len(BODY), '"v1"')
    other.write(0, BODY[: len(BODY) // 2])
    written = log()
    with locking.attempt(cache.key(file)):
        waiter = threading.Thread(
            target=fetch, args=(file,), kwargs={"wanted": "net:A", "patience": Settings(poll=0.01)}
        )
        with caplog.at_level(logging.INFO, "dapi"):
            waiter.start()
            time.sleep(0.2)
        other.discard()
    waiter.join()

    text = f"Waiting for process {locking.myself().pid}, which fetches net:A (50% of 1.0 MB)."
    assert written.getvalue().count(f"{text}\n") > 3
    assert 1 == caplog.text.count(text)
