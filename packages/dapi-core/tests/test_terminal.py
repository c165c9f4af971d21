"""The command on a terminal: tables that fit, colors, help, suggestions and completion."""

import fcntl
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import termios

import pytest

from dapi._cli import main, tables, terminal

FAMILY = """
from dapi import WeightEntry, Weights, register_model
def entry(url, value, **fields):
    metrics = [{"dataset": "A dataset whose name is long", "name": "acc@1", "value": value}]
    meta = {"task": "naming-of-things", "license": "MIT", "num_params": 25557032, "gflops": 4.1}
    return WeightEntry(f"https://x.org/{url}", meta={**meta, "metrics": metrics}, **fields)
class NetWeights(Weights):
    Things_RefV1 = entry("1", 7.5)
    Things_Trained_For_A_Long_Time_RefV2 = entry("2", 97.25, latest=True)
@register_model(weights=NetWeights)
def acme_net(*, weights=None): ...
"""
POINTS = (
    "[dapi.models]\nacme_net = acme_tty:acme_net\n[dapi.weights]\nacme_net = acme_tty:NetWeights"
)


@pytest.fixture
def installed(tmp_path):
    """An environment in which a command of its own process finds a family."""
    (tmp_path / "acme_tty.py").write_text(FAMILY)
    information = tmp_path / "acme_tty-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-tty\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(POINTS)
    variables = {
        "PYTHONPATH": str(tmp_path), "DAPI_CACHE": str(tmp_path / "cache"), "TERM": "xterm",
        "DAPI_PLUGINS": "acme-tty", "PYTHONIOENCODING": "utf-8",
    }  # fmt: skip
    kept = {key: value for key, value in os.environ.items() if not key.endswith("_COLOR")}
    return {**kept, **variables}


def on_terminal(environment, columns, *words, rows=24, stderr=subprocess.DEVNULL):
    """Run a command on a terminal of so many columns; return its lines."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    environment = {
        key: value for key, value in environment.items() if key not in ("COLUMNS", "LINES")
    }
    command = [sys.executable, "-m", "dapi", *words]
    running = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=stderr or theirs, env=environment
    )
    os.close(theirs)
    printed = b""
    try:
        while part := os.read(ours, 4096):
            printed += part
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    assert 0 == running.wait(timeout=60)
    return printed.decode().splitlines()


def piped(environment, *words):
    command = [sys.executable, "-m", "dapi", *words]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    return done.stdout.splitlines()


def plain(line):
    return re.sub(r"\x1b\[\d*m", "", line)


@pytest.mark.parametrize("columns", [40, 60, 80, 160])
def test_row_is_one_line(installed, columns):
    """Within the width of the terminal, the names first."""
    heading, *rows = map(plain, on_terminal(installed, columns, "search", "--sort", "acc@1"))

    assert 2 == len(rows) and all(len(line) <= columns for line in (heading, *rows))
    assert heading.startswith("weights") and rows[1].startswith("acme_net:Things_RefV1")
    assert ("gflops" in heading) == (columns == 160)


@pytest.mark.parametrize("columns", [34, 40, 46])
def test_short_names_make_no_row_longer(columns, monkeypatch, capsys):
    """Room that a short first column does not need is given to the others once."""
    monkeypatch.setattr(terminal, "width", lambda: columns)
    tables.print_table([{"model": "net", "params": 5, "dataset": "d" * 60, "remedy": "r" * 60}])

    assert all(len(plain(line)) <= columns for line in capsys.readouterr().out.splitlines())


def test_table_in_a_pipe_is_whole(installed):
    """All columns, nothing cut, and no color."""
    heading, best, _ = piped(installed, "search", "--sort", "acc@1")

    assert "\x1b" not in heading and heading.split()[-1] == "status"
    assert "acme_net:Things_Trained_For_A_Long_Time_RefV2" in best
    assert "25.6M" in best and "A dataset whose name is long" in best


def test_numbers_are_aligned_to_the_right(installed):
    """So that they can be compared."""
    heading, first, second = piped(installed, "search", "--sort", "acc@1")
    end = heading.index("value") + len("value")

    assert ("97.25", "  7.5") == (first[end - 5 : end], second[end - 5 : end])


@pytest.mark.parametrize(
    ("variables", "is_coloured"),
    [
        ({}, True),
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
    ],
    ids=str,
)
def test_heading_is_bold_unless_colours_are_refused(installed, variables, is_coloured):
    """On a terminal; NO_COLOR overrules FORCE_COLOR."""
    lines = on_terminal({**installed, **variables}, 80, "list")

    assert is_coloured == any("\x1b[1m" in line for line in lines)


def test_colour_in_a_pipe_can_be_forced(installed):
    """For pagers and logs that show it."""
    assert "\x1b[1m" in piped({**installed, "FORCE_COLOR": "1"}, "list")[0]


def test_ellipsis_is_one_that_can_be_shown(monkeypatch, capsys):
    """Without UTF-8 it is a dot."""
    monkeypatch.setattr(terminal, "width", lambda: 20)
    tables.print_table([{"name": "n" * 60}])

    assert 20 == len(capsys.readouterr().out.splitlines()[-1])


def test_command_alone_shows_help(capsys):
    """It prints the help of the command, and succeeds."""
    assert 0 == main([])
    assert "COMMAND" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "meant"),
    [(["search", "--tsk", "x"], "--task"), (["fetch", "net", "--dryrun"], "--dry-run"),
     (["cache", "remove", "--unsued"], "--unused")],
)  # fmt: skip
def test_misspelt_option_suggests(capsys, words, meant):
    """The option of that command that is nearest."""
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert (2, True) == (stop.value.code, f"Did you mean {meant}?" in capsys.readouterr().err)


PAGER = "sed s/^/paged:/"


@pytest.mark.parametrize(
    ("variables", "rows", "words", "is_paged"),
    [
        ({"PAGER": PAGER}, 3, ["search"], True),
        ({"PAGER": "cat", "DAPI_PAGER": PAGER}, 3, ["search"], True),
        ({"PAGER": PAGER}, 24, ["search"], False),
        ({"PAGER": PAGER}, 3, ["search", "--no-pager"], False),
        ({"PAGER": PAGER}, 3, ["search", "--json"], False),
        ({"PAGER": PAGER, "DAPI_PAGER": ""}, 3, ["search"], False),
        ({"PAGER": "no-such-pager"}, 3, ["search"], False),
        ({"PAGER": PAGER, "TERM": "dumb"}, 3, ["search"], False),
        ({"PAGER": PAGER}, 3, ["env"], False),
    ],
)
def test_long_lists_are_paged(installed, variables, rows, words, is_paged):
    """In the reader's pager, if they are longer than the terminal, and not refused."""
    lines = on_terminal({**installed, **variables}, 200, *words, rows=rows)

    assert len(lines) >= 3
    assert [is_paged] * len(lines) == [line.startswith("paged:") for line in lines]


def test_what_is_piped_is_not_paged(installed):
    """Whatever the length."""
    assert not piped({**installed, "PAGER": PAGER}, "search")[0].startswith("paged:")


def test_remarks_follow_the_pager(installed):
    """Where they are seen when it ends, with the colors and cuts of the terminal."""
    lines = on_terminal({**installed, "PAGER": PAGER}, 60, "search", rows=3, stderr=0)

    assert lines[0].startswith("paged:\x1b[1mweights")
    assert all(len(plain(line)) <= 60 + len("paged:") for line in lines[:3])
    assert lines[3].startswith("dapi: This terminal has no room for: ")


@pytest.mark.skipif(shutil.which("less") is None, reason="less is not installed")
def test_less_leaves_what_fits_on_the_screen(installed):
    """With the options that Git gives it: without a key, and without clearing."""
    shown = on_terminal({**installed, "DAPI_PAGER": "less -E"}, 200, "search", rows=3)

    assert "acme_net:Things_RefV1" in "".join(shown)


@pytest.mark.parametrize(("seconds", "is_shown"), [(0.7, True), (0, False)])
def test_a_word_while_pytorch_loads(installed, tmp_path, seconds, is_shown):
    """On a terminal, if it takes noticeable time; it is gone before the output."""
    (tmp_path / "torch.py").write_text(f"import time; time.sleep({seconds})")
    (tmp_path / "acme_tty.py").write_text(f"import torch\n{FAMILY}")
    shown = "\n".join(on_terminal(installed, 200, "list", stderr=0))
    unseen = "\n".join(on_terminal(installed, 200, "list", stderr=subprocess.DEVNULL))

    word = "Loading PyTorch ..."
    assert is_shown == (word in shown) and word not in unseen
    assert not is_shown or shown.startswith(f"{word}\n{' ' * len(word)}\n")
    assert shown.endswith(unseen[-40:])


def test_list_knows_tasks(installed):
    """Only models for the task; a task that there is not is an error."""
    assert 1 < len(piped(installed, "list", "--task", "naming-of-things"))
    command = [sys.executable, "-m", "dapi", "list", "--task", "naming-of-thing"]
    done = subprocess.run(command, capture_output=True, text=True, env=installed)
    assert 1 == done.returncode and "Did you mean 'naming-of-things'" in done.stderr


def test_cache_has_a_directory(installed):
    """The one of DAPI_CACHE."""
    assert [installed["DAPI_CACHE"]] == piped(installed, "cache", "dir")


def completed(environment, tmp_path, line):
    """Return what bash offers for a line."""
    shell = tmp_path / "bin"
    shell.mkdir(exist_ok=True)
    (shell / "dapi").write_text(f'#!/bin/sh\nexec {sys.executable} -m dapi "$@"\n')
    (shell / "dapi").chmod(0o755)
    script = (
        'eval "$(dapi completion bash)"; COMP_LINE=$1; COMP_POINT=${#1}; _dapi;'
        ' printf "%s\\n" "${COMPREPLY[@]}"'
    )
    path = f"{shell}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script, "bash", line],
        capture_output=True, text=True, env={**environment, "PATH": path}, check=True,
    )  # fmt: skip
    assert "" == done.stderr
    return done.stdout.split()


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("dapi sea", ["search"]),
        ("dapi search --ta", ["--task"]),
        ("dapi cache pr", ["prune"]),
        ("dapi show acme", ["acme_net"]),
        ("dapi fetch acme_net acme", ["acme_net"]),
        ("dapi show acme_net:Things_Tr", ["Things_Trained_For_A_Long_Time_RefV2"]),
        ("dapi list --distribution ", ["acme-tty"]),
        ("dapi predict acme_net acme", []),  # a file
        ("dapi show absent:", []),
        ("dapi completion ba", ["bash"]),
    ],
)
def test_bash_completes(installed, tmp_path, line, expected):
    """Commands, options, models, and behind a colon, which bash takes for a word's end, members."""
    assert expected == completed(installed, tmp_path, line)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts_are_valid(shell, capsys):
    """Each shell reads its script, if it is installed."""
    assert 0 == main(["completion", shell])
    script = capsys.readouterr().out
    assert "dapi __complete" in script
    if shutil.which(shell) is not None:
        subprocess.run([shell, "-n"], input=script, text=True, check=True)


def test_completion_imports_no_framework(installed):
    """Names come from entry points: neither a family nor a framework is imported."""
    code = (
        "import sys; from dapi._cli import main; main(['__complete', 'show', 'acme']);"
        " print('acme_tty' in sys.modules, 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=installed, check=True
    )

    assert "acme_net\nFalse False\n" == done.stdout
