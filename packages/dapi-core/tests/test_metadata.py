"""Metadata: what is found is what importlib.metadata finds, at a third of the cost."""

import shutil
import sys
from importlib import metadata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dapi._plugins import metadata as _metadata
from dapi._plugins.metadata import Metadata


def ours():
    return [(each.location, each.version) for each in _metadata.installed()]


def theirs():
    return [
        (str(dist._path).rstrip("/"), dist._path.name.rpartition(".")[0].partition("-")[2])
        for dist in metadata.distributions()
    ]


def test_the_same_distributions_are_found_in_the_same_order():
    """Everything that is installed here."""
    assert theirs() == ours()
    assert len(ours()) > 3


@pytest.mark.parametrize("kind", ["zip", "egg", "gone", "file", "empty"])
def test_odd_entries_of_the_path(tmp_path, monkeypatch, kind):
    """A zip, an egg, what is not there, what is no archive, and the working directory."""
    (tmp_path / "in" / "acme-1.0.dist-info").mkdir(parents=True)
    (tmp_path / "in" / "acme-1.0.dist-info" / "METADATA").write_text("Name: acme\nVersion: 1.0\n")
    (tmp_path / "a.egg" / "EGG-INFO").mkdir(parents=True)
    (tmp_path / "a.egg" / "EGG-INFO" / "PKG-INFO").write_text("Name: a\nVersion: 2\n")
    (tmp_path / "file").write_text("no archive")
    shutil.make_archive(str(tmp_path / "acme"), "zip", tmp_path / "in")
    entries = {"zip": "acme.zip", "egg": "a.egg", "gone": "gone", "file": "file"}
    monkeypatch.chdir(tmp_path / "in")
    monkeypatch.setattr(sys, "path", [str(tmp_path / entries[kind]) if kind in entries else ""])

    found = [Path(location).resolve() for location, _ in ours()]
    assert [Path(location).resolve() for location, _ in theirs()] == found
    assert len(found) == (kind in ("zip", "egg", "empty"))


def test_name_and_version_of_an_egg_are_its_metadata_s(tmp_path, monkeypatch):
    """Its directory of metadata is called EGG-INFO, whosever it is."""
    (tmp_path / "acme.egg" / "EGG-INFO").mkdir(parents=True)
    (tmp_path / "acme.egg" / "EGG-INFO" / "PKG-INFO").write_text("Name: Acme_Old\nVersion: 2\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "acme.egg")])

    assert [("acme-old", "2")] == [(each.name, each.version) for each in _metadata.installed()]


def test_path_that_is_no_text_is_passed_over(tmp_path, monkeypatch):
    """Python imports nothing from a ``Path`` that somebody put on ``sys.path``."""
    (tmp_path / "acme-1.0.dist-info").mkdir()
    monkeypatch.setattr(sys, "path", [tmp_path, *sys.path])

    assert "acme" not in {each.name for each in _metadata.installed()}
    assert ours()


def test_finder_of_somebody_else_is_asked(monkeypatch):
    """What Python would find in its own way is found; its name is read where there is no path."""

    class Found(metadata.Distribution):
        def read_text(self, filename):
            return "Name: Acme_Virtual\nVersion: 3\n" if filename == "METADATA" else None

        def locate_file(self, path):
            raise FileNotFoundError(path)

    class Finder(metadata.DistributionFinder):
        def find_distributions(self, context=None):
            return [Found()]

    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])

    (virtual,) = [each for each in _metadata.installed() if each.name == "acme-virtual"]
    assert ("3", "") == (virtual.version, virtual.location)
    assert "Acme_Virtual" in virtual.described()


names = st.text("abcXYZ019_.-/:", min_size=1, max_size=9)
groups = st.dictionaries(
    names, st.dictionaries(names, names, max_size=4), max_size=4
)  # group -> name -> target


@given(groups, st.sampled_from(["", "# a comment\n", "\n  \n"]))
def test_entry_points_are_read_as_importlib_reads_them(found, between):
    """Sections, comments, blank lines and spaces."""
    text = between.join(
        f"[{group}]\n" + "".join(f"{name} = {target}\n{between}" for name, target in lines.items())
        for group, lines in found.items()
    )
    expected = [(p.group, p.name, p.value) for p in metadata.EntryPoints._from_text(text)]

    assert expected == list(Metadata("", "acme", "1", lambda name: text).entry_points())


def test_line_without_a_target_is_told():
    """A damaged file is an error, not fewer models."""
    broken = Metadata("", "acme", "1", lambda name: "[dapi.models]\nresnet50\n")
    with pytest.raises(ValueError, match="'resnet50' has no '='"):
        list(broken.entry_points())


def test_directory_that_cannot_be_read_has_no_files(tmp_path):
    """As importlib.metadata has it: what may not be read is not there."""
    (tmp_path / "METADATA").mkdir()

    assert _metadata._read(str(tmp_path), "METADATA") is None
    assert _metadata._read(str(tmp_path / "gone"), "METADATA") is None
