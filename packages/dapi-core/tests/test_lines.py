"""Lines: package data by reference."""

import pickle
import sys

import pytest

from dapi import Lines
from dapi.exceptions import WeightsDeclarationError


@pytest.fixture
def reference(tmp_path, monkeypatch):
    package = tmp_path / "acme_lines"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "names.txt").write_text("tench\ngoldfish\nN/A\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "acme_lines:names.txt"
    sys.modules.pop("acme_lines", None)


def test_lines_reads_on_first_use(reference):
    """The file's lines are its items."""
    assert ["tench", "goldfish", "N/A"] == list(Lines(reference)) and 3 == len(Lines(reference))
    assert ("goldfish", "N/A") == Lines(reference)[1:]


@pytest.mark.parametrize("reference", ["names.txt", 3, ["tench", "goldfish"]])
def test_lines_of_no_reference_are_refused(reference):
    """When they are declared: a list of names is no reference to one."""
    with pytest.raises(WeightsDeclarationError, match="package:path/in/package.txt"):
        Lines(reference)


def test_lines_is_its_reference(reference):
    """It compares, hashes, pickles and prints without the file."""
    lines = Lines("absent:names.txt")

    assert lines == pickle.loads(pickle.dumps(lines))
    assert 1 == len({lines, Lines("absent:names.txt")})
    assert "Lines('absent:names.txt')" == repr(lines)
    assert lines != Lines(reference)


def test_lines_absent_file_is_an_error_on_use(reference):
    """A missing file shows when a line is asked for."""
    with pytest.raises(FileNotFoundError):
        Lines("acme_lines:other.txt")[0]
