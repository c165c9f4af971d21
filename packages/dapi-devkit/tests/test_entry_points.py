"""``dapi entry-points``: the lines of a pyproject, compared with the builders that there are."""

import json
import sys

import pytest

from dapi._catalog import builders
from dapi._cli import main

FAMILY = """
from dapi import WeightEntry, Weights, register_model

class LineNetWeights(Weights):
    Digits_RefV1 = WeightEntry("https://example.org/1.pth", latest=True)

class OtherWeights(Weights):
    Digits_RefV1 = WeightEntry("https://example.org/2.pth", latest=True)

@register_model(weights=LineNetWeights)
def line_net(*, weights=None, progress=True, **config): ...

@register_model(name="line_net-b0")
def line_net_b0(*, weights=None, progress=True, **config): ...
"""
PYPROJECT = """\
[project]
name = "acme-lines"  # ours
version = "0.3.0"

# what dapi finds
[project.entry-points."dapi.models"]
line_net = "acme_lines.family:line_net"
gone = "acme_lines.family:gone"  # it was removed

[project.entry-points."dapi.weights"]
"dapi-vision/resnet20" = "acme_lines.family:OtherWeights"

[tool.other]
key = 1
"""
WRITTEN = """\
[project]
name = "acme-lines"  # ours
version = "0.3.0"

# what dapi finds
[project.entry-points."dapi.models"]
line_net = "acme_lines.family:line_net"
line_net-b0 = "acme_lines.family:line_net_b0"

[project.entry-points."dapi.weights"]
"dapi-vision/resnet20" = "acme_lines.family:OtherWeights"
line_net = "acme_lines.family:LineNetWeights"

[project.entry-points."dapi.removed"]
gone = "acme_lines.removed:gone"

[tool.other]
key = 1
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project whose lines and builders have drifted apart."""
    monkeypatch.setattr(builders, "_registered", {})
    monkeypatch.setattr(sys, "path", list(sys.path))
    package = tmp_path / "src" / "acme_lines"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "family.py").write_text(FAMILY)
    (package / "_network.py").write_text("raise SystemExit('a module that needs a framework')")
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] == "acme_lines"]:
        del sys.modules[name]


def test_prints_what_is_missing_and_what_leads_nowhere(project, capsys):
    """And changes nothing; lines for somebody else's builder are left alone."""
    assert 0 == main(["entry-points", str(project)])

    lines = capsys.readouterr().out.splitlines()
    assert [
        '[project.entry-points."dapi.models"]',
        '- gone = "acme_lines.family:gone"',
        '+ line_net-b0 = "acme_lines.family:line_net_b0"',
        '[project.entry-points."dapi.weights"]',
        '+ line_net = "acme_lines.family:LineNetWeights"',
        '[project.entry-points."dapi.removed"]',
        '+ gone = "acme_lines.removed:gone"',
    ] == lines
    assert PYPROJECT == (project / "pyproject.toml").read_text()


def test_finds_builders_of_a_decorator_that_registers(project, capsys):
    """A project may wrap register_model in a decorator of its own."""
    (project / "src" / "acme_lines" / "_own.py").write_text(
        "from dapi import register_model\n"
        "def register_line(function): return register_model()(function)\n"
    )
    (project / "src" / "acme_lines" / "more.py").write_text(
        "from acme_lines._own import register_line\n"
        "@register_line\n"
        "def long_line(*, weights=None, progress=True): ...\n"
    )
    assert 0 == main(["entry-points", str(project)])

    assert '+ long_line = "acme_lines.more:long_line"' in capsys.readouterr().out


def test_check_exits_with_1_until_it_is_written(project, capsys):
    """``--write`` keeps comments and order; after it there is nothing to say."""
    assert 1 == main(["entry-points", "--check", str(project)])
    assert 0 == main(["entry-points", "--write", str(project)])
    assert WRITTEN == (project / "pyproject.toml").read_text()
    capsys.readouterr()
    assert 0 == main(["entry-points", "--check", str(project)])
    assert "has all entry points that its builders declare" in capsys.readouterr().out


def test_differences_are_printed_as_json(project, capsys):
    """For a program; the exit status says the same."""
    assert 1 == main(["entry-points", "--check", "--json", str(project)])

    found = json.loads(capsys.readouterr().out)
    gone = {"group": "dapi.models", "name": "gone", "target": "acme_lines.family:gone"}
    assert {**gone, "is_added": False} in found["changes"]
    assert [] == found["stubs"]


def test_write_begins_tables(project):
    """A pyproject without any entry points gets them."""
    (project / "pyproject.toml").write_text('[project]\nname = "acme-lines"\n')

    assert 0 == main(["entry-points", "--write", str(project)])
    assert 0 == main(["entry-points", "--check", str(project)])
    text = (project / "pyproject.toml").read_text()
    assert '[project.entry-points."dapi.models"]\nline_net = "acme_lines' in text


def test_comment_above_the_next_table_stays_there(project):
    """A new line goes after the last one of its table."""
    comment = '# What others may do.\n[project.entry-points."dapi.hooks"]\nlines = "acme_lines"\n'
    (project / "pyproject.toml").write_text(PYPROJECT.replace("[tool.other]", comment))

    assert 0 == main(["entry-points", "--write", str(project)])

    added = 'line_net = "acme_lines.family:LineNetWeights"\n'
    assert f"{added}\n{comment}" in (project / "pyproject.toml").read_text()


def test_declaration_that_cannot_be_imported_is_told(project, capsys):
    """With the cause: lines are not removed because a module is broken."""
    (project / "src" / "acme_lines" / "family.py").write_text(FAMILY + "\nimport absent_thing\n")

    assert 1 == main(["entry-points", "--write", str(project)])
    assert "No module named 'absent_thing'" in capsys.readouterr().err
    assert PYPROJECT == (project / "pyproject.toml").read_text()


@pytest.mark.parametrize(("text", "problem"), [(None, "does not exist"), ("", "has no [project]")])
def test_folder_that_is_no_project(tmp_path, capsys, text, problem):
    """The error says what was looked for."""
    if text is not None:
        (tmp_path / "pyproject.toml").write_text(text)

    assert 1 == main(["entry-points", str(tmp_path)])
    assert problem in capsys.readouterr().err


def test_builder_that_leaves_gets_a_tombstone(project, capsys):
    """With the last version that had it; what to use instead is asked for. It is kept once."""
    assert 0 == main(["entry-points", "--write", str(project)])

    path = project / "src" / "acme_lines" / "removed.py"
    names = {}
    exec(path.read_text(), names)
    assert "0.3.0" == names["gone"].last_version
    assert f"{path} has a tombstone" in capsys.readouterr().out
    pyproject = project / "pyproject.toml"
    lines = '[project.entry-points."dapi.models"]\n"gone" = "acme_lines.family:gone"\n'
    text = pyproject.read_text().replace('gone = "acme_lines.removed:gone"\n', "")
    pyproject.write_text(text.replace('[project.entry-points."dapi.models"]\n', lines))
    assert 0 == main(["entry-points", "--write", str(project)])
    assert 1 == path.read_text().count("gone =")


def test_tombstone_names_the_last_release_that_is_kept(project):
    """A version that was raised before the builder was removed never had it."""
    (project / "compat").mkdir()
    for version in ("0.2.0", "0.10.0"):
        (project / "compat" / f"{version}.json.gz").touch()
    text = PYPROJECT.replace('version = "0.3.0"', 'version = "0.11.0"')
    (project / "pyproject.toml").write_text(text)

    assert 0 == main(["entry-points", "--write", str(project)])

    assert 'last_version="0.10.0"' in (project / "src" / "acme_lines" / "removed.py").read_text()


def test_builder_that_was_never_published_leaves_without_a_trace(project):
    """Where its author says so."""
    assert 0 == main(["entry-points", "--write", "--no-tombstones", str(project)])

    assert "dapi.removed" not in (project / "pyproject.toml").read_text()
    assert not (project / "src" / "acme_lines" / "removed.py").exists()


def test_stub_has_the_public_names(project, capsys):
    """Builders and enums, sorted as ruff does; what it has of other modules stays."""
    stub = project / "src" / "acme_lines" / "__init__.pyi"
    stub.write_text("from .errors import LineError as LineError\nfrom .family import old as old\n")

    assert 1 == main(["entry-points", "--check", str(project)])
    assert f"{stub} lacks public names" in capsys.readouterr().out
    assert 0 == main(["entry-points", "--write", str(project)])
    assert [
        "from .errors import LineError as LineError",
        "from .family import LineNetWeights as LineNetWeights",
        "from .family import OtherWeights as OtherWeights",
        "from .family import line_net as line_net",
        "from .family import line_net_b0 as line_net_b0",
    ] == stub.read_text().splitlines()
    assert 0 == main(["entry-points", "--check", str(project)])
