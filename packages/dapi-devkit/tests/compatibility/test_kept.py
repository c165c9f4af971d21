"""Kept: a distribution is recorded again only after something changed."""

import os
import re

import pytest

from dapi.devkit.compatibility import commands, kept
from dapi.devkit.compatibility.kept import Kept
from dapi.devkit.compatibility.recording import Extent

DECLARATIONS = Extent((), ())


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The directory of the images in a cache of the test's own."""
    monkeypatch.setenv("DAPI_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "images"


@pytest.fixture
def image(leaves, folder):
    """The image of acme-leaves, which is kept."""
    made = leaves.image(build=(), run=())
    Kept("acme-leaves", DECLARATIONS).keep(made)
    return made


def find(extent=DECLARATIONS):
    found = Kept("acme-leaves", extent).find()
    return None if found is None else found.content


def test_image_is_found_until_a_file_changes(leaves, image):
    """Although the version is the same: a source, the metadata, a library; other models, too."""
    assert image.content == find()
    assert find(Extent(("leaf*",), ())) is None

    leaves.change(('"license": "MIT", "cat', '"license": "GPL-3.0-only", "cat'))
    assert find() is None
    leaves.change(('"license": "GPL-3.0-only", "cat', '"license": "MIT", "cat'))
    assert image.content == find()
    leaves.requires.append("numpy")
    leaves.write()
    assert find() is None
    leaves.requires.pop()
    leaves.write()
    other = leaves.site / "other-1.0.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    assert find() is None


def test_editable_distribution_is_read(leaves, image, tmp_path):
    """What acme-leaves builds its models with may be changed in place, too."""
    source = tmp_path / "other" / "module.py"
    source.parent.mkdir()
    source.write_text("")
    other = leaves.site / "other-1.0.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    origin = f'{{"url": "{source.parent.as_uri()}", "dir_info": {{"editable": true}}}}'
    (other / "direct_url.json").write_text(origin)
    Kept("acme-leaves", DECLARATIONS).keep(image)

    assert image.content == find()
    source.write_text("changed = True")
    assert find() is None


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a system without named pipes")
def test_things_beside_the_code_are_not_read(leaves, image):
    """Emacs marks an edited file by a link to nowhere; a pipe would be waited for."""
    (package,) = (path.parent for path in leaves.site.rglob("__init__.py"))
    (package / ".#__init__.py").symlink_to("somebody@host.123")
    os.mkfifo(package / "pipe")

    assert image.content == find()


@pytest.mark.parametrize("origin", ["{", "[1]", '{"dir_info": {"editable": true}}'])
def test_damaged_record_of_pip_is_no_obstacle(leaves, image, folder, origin):
    """Where some code is cannot be known then: the distribution is recorded each time."""
    other = leaves.site / "other-1.0.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (other / "direct_url.json").write_text(origin)
    Kept("acme-leaves", DECLARATIONS).keep(image)

    assert find() is None


@pytest.mark.parametrize("damage", ["shared", "cut", "linked"])
def test_image_of_somebody_else_is_not_read(image, folder, damage):
    """It decides whether a release passes."""
    (path,) = folder.iterdir()
    if damage == "shared":
        path.chmod(0o666)
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:50])
    else:
        path.rename(folder.parent / "elsewhere")
        path.symlink_to(folder.parent / "elsewhere")

    assert find() is None


def test_only_the_last_images_are_kept(leaves, image, folder, monkeypatch):
    """Whoever works on a distribution changes it all day."""
    monkeypatch.setattr(kept, "_MOST", 2)
    for number in range(3):
        leaves.requires.append(f"package-{number}")
        leaves.write()
        Kept("acme-leaves", DECLARATIONS).keep(image)

    assert 2 == len([*folder.iterdir()])
    assert image.content == find()


def test_cache_that_cannot_be_written_is_no_obstacle(leaves, image, folder, monkeypatch):
    """The distribution is recorded each time."""
    (folder.parent.parent / "file").write_text("")
    monkeypatch.setenv("DAPI_CACHE", str(folder.parent.parent / "file"))
    Kept("acme-leaves", DECLARATIONS).keep(image)

    assert find() is None


def test_second_comparison_records_nothing(leaves, folder, tmp_path, monkeypatch, capsys):
    """It says so, and how to record anyway; the first says how far it is, without a terminal."""
    monkeypatch.chdir(tmp_path)
    leaves.image().write(tmp_path / "compat/1.0.json.gz")
    monkeypatch.setattr(commands, "_INTERVAL", 0.0)
    compare = ["acme-leaves", "--against", "1.0"]

    assert 0 == commands.breaking(compare)
    first, *others = capsys.readouterr().err.splitlines()
    assert (
        "recording acme-leaves builds and runs its models" in first
        and "--run without a pattern" in first
    )
    assert re.fullmatch(r"dapi: 0 of \d recorded in \d+ s; next: leafnet", others[0])
    assert 2 <= len(others)

    assert 0 == commands.breaking(compare)
    assert "acme-leaves 1.0 has not changed since it was recorded. To record it again: --fresh" in (
        capsys.readouterr().err
    )
    assert 0 == commands.breaking([*compare, "--fresh", "--build"])
    assert "not changed" not in capsys.readouterr().err
