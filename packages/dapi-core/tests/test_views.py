"""Views: the files of a checkpoint by name, and nothing else, whatever was done to them."""

import hashlib
import json
import os

import pytest

from dapi import File, _store, cache
from dapi._cli import main
from dapi._store import views
from dapi.exceptions import CacheWarning, WeightsDeclarationError

BODIES = {"a.safetensors": b"one", "b.safetensors": b"two"}


@pytest.fixture
def parts(server):
    return [
        File(server.serve(f"/{name}", body), hashlib.sha256(body).hexdigest())
        for name, body in BODIES.items()
    ]


def read(view):
    return {path.name: path.read_bytes() for path in view.iterdir()}


def replace(path, body=b"EVIL"):
    """Write a file and rename it over another, as careful programs do."""
    path.with_suffix(".new").write_bytes(body)
    os.replace(path.with_suffix(".new"), path)


def test_replaced_file_is_not_returned(parts):
    """A directory in which a name leads elsewhere is made anew; what was put there is kept."""
    view = _store.fetch_all(parts)
    replace(view / "a.safetensors", b"my own weights")

    with pytest.warns(CacheWarning, match="files were written to it") as told:
        assert view == _store.fetch_all(parts)
    assert BODIES == read(view)
    aside = next(path for path in view.parent.iterdir() if path != view)
    assert {"a.safetensors": b"my own weights"} == read(aside)
    assert str(aside) in str(told[0].message)
    assert view == _store.fetch_all(parts)


def test_what_was_written_through_a_view_is_kept(parts):
    """Root may write to a file of the cache by its name: it is moved, and downloaded again."""
    view = _store.fetch_all(parts)
    blob = (view / "a.safetensors").resolve()
    blob.chmod(0o644)
    (view / "a.safetensors").write_bytes(b"my own weights")

    with pytest.warns(CacheWarning, match="was modified|is damaged") as told:
        assert BODIES == read(_store.fetch_all(parts))
    aside = next(path for path in view.parent.iterdir() if path != view)
    assert b"my own weights" == aside.read_bytes()
    assert any(str(aside) in str(each.message) for each in told)


def test_further_file_is_not_returned(parts):
    """Sharded loading reads whatever lies in a directory, so that nothing else may."""
    view = _store.fetch_all(parts)
    (view / "c.safetensors").write_bytes(b"EVIL")

    with pytest.warns(CacheWarning, match="files were written to it"):
        assert BODIES == read(_store.fetch_all(parts))


@pytest.mark.parametrize("target", ["gone", "other"])
def test_name_that_leads_elsewhere_is_mended(parts, tmp_path, target):
    """Links hold no work of anybody, and are replaced without a word."""
    (tmp_path / "other").write_bytes(b"EVIL")
    view = _store.fetch_all(parts)
    (view / "a.safetensors").unlink()
    (view / "a.safetensors").symlink_to(tmp_path / target)

    assert BODIES == read(_store.fetch_all(parts))


def test_missing_name_is_mended(parts):
    """A view from which a link was removed is made anew."""
    view = _store.fetch_all(parts)
    (view / "a.safetensors").unlink()

    assert BODIES == read(_store.fetch_all(parts))


def test_link_in_place_of_a_view_is_not_followed(parts, tmp_path):
    """A planted directory of the right names is not returned either."""
    view = _store.fetch_all(parts)
    (tmp_path / "planted").mkdir()
    for name in BODIES:
        (tmp_path / "planted" / name).write_bytes(b"EVIL")
        (view / name).unlink()
    view.rmdir()
    view.symlink_to(tmp_path / "planted")

    assert BODIES == read(_store.fetch_all(parts))
    assert {b"EVIL"} == {path.read_bytes() for path in (tmp_path / "planted").iterdir()}


def test_verify_looks_at_views(parts, capsys):
    """What is in a directory of the cache and is not the file of its name is reported."""
    view = _store.fetch_all(parts)
    assert 0 == main(["verify"])
    replace(view / "a.safetensors")
    capsys.readouterr()

    assert 1 == main(["verify", "--json"])
    assert [("changed", str(view))] == [
        (row["state"], row["path"]) for row in json.loads(capsys.readouterr().out)
    ]
    with pytest.warns(CacheWarning, match="files were written to it"):
        assert 0 == main(["verify", "--repair"])
    assert 0 == main(["verify"])
    assert BODIES == read(_store.fetch_all(parts))


def test_moved_cache_is_intact(parts, own_cache, tmp_path, monkeypatch):
    """Its views lead where it was; they are not returned, and go when the cache is swept."""
    view = _store.fetch_all(parts)
    moved = own_cache.rename(tmp_path / "moved")
    monkeypatch.setenv("DAPI_CACHE", str(moved))

    assert 0 == main(["verify"])
    assert BODIES == read(new := _store.fetch_all(parts))
    assert 0 == main(["cache", "remove"])
    assert [new] == list((moved / "views").iterdir())
    assert view.name != new.name


def test_view_of_others_is_reported_and_left_alone(parts, own_cache, tmp_path, monkeypatch, capsys):
    """Nothing is written to a cache that is only read."""
    view = _store.fetch_all(parts)
    replace(view / "a.safetensors")
    shared = own_cache.rename(tmp_path / "shared")
    monkeypatch.setenv("DAPI_CACHE_READONLY", str(shared))

    assert 1 == main(["verify", "--repair"])
    assert "read-only cache" in capsys.readouterr().out
    assert (shared / "views" / view.name / "a.safetensors").exists()


def test_removing_a_file_removes_its_views(parts, capsys):
    """What others put into one stays."""
    view = _store.fetch_all(parts)
    assert 0 == main(["cache", "remove", parts[0].sha256])
    assert not view.exists()

    view = _store.fetch_all(parts)
    replace(view / "b.safetensors", b"my own weights")
    with pytest.warns(CacheWarning, match="files were written to it"):
        assert 0 == main(["cache", "remove", parts[0].sha256])
    (aside,) = view.parent.iterdir()
    assert {"b.safetensors": b"my own weights"} == read(aside)


def test_system_without_links_gets_copies(parts, monkeypatch):
    """A copy that has the right bytes is returned again, another one is not."""

    def refuse(*args, **options):
        raise OSError("no links here")

    monkeypatch.setattr(views.Path, "symlink_to", refuse)
    view = _store.fetch_all(parts)
    assert BODIES == read(view)
    inode = view.stat().st_ino
    assert inode == _store.fetch_all(parts).stat().st_ino
    replace(view / "a.safetensors")

    with pytest.warns(CacheWarning, match="files were written to it"):
        assert BODIES == read(_store.fetch_all(parts))


class TestFolders:
    """Repositories keep files in folders."""

    @pytest.fixture
    def named(self, parts):
        names = ("config.json", "unet/a.safetensors", "unet/deep/b.safetensors")
        paths = [cache.fetch(file) for file in (*parts, parts[0])]
        return dict(zip(names, paths, strict=True))

    def test_names_lead_into_folders(self, named):
        """The same files give the same directory, and nothing else is in it."""
        view = cache.directory(named, wanted="acme")

        found = {str(path.relative_to(view)) for path in view.rglob("*") if not path.is_dir()}
        assert set(named) == found
        assert b"two" == (view / "unet/a.safetensors").read_bytes()
        assert view == cache.directory(named, wanted="acme")

    @pytest.mark.parametrize(
        "name", ["/etc/passwd", "../a", "a/../../b", "a//b", "a/", "./a", "a\\b", "unet", ""]
    )
    def test_name_that_leads_out_is_refused(self, named, name, own_cache):
        """Nothing is made, not for the other names either."""
        with pytest.raises(WeightsDeclarationError):
            cache.directory({**named, name: named["config.json"]}, wanted="acme")
        assert not (own_cache / "views").exists()

    def test_what_was_written_into_a_folder_is_kept_and_not_returned(self, named):
        """As at the top of a view."""
        view = cache.directory(named, wanted="acme")
        (view / "unet" / "mine.bin").write_bytes(b"my own weights")
        assert 1 == main(["verify"])

        with pytest.warns(CacheWarning, match="files were written to it"):
            assert view == cache.directory(named, wanted="acme")
        assert not (view / "unet" / "mine.bin").exists()
        aside = next(path for path in view.parent.iterdir() if path != view)
        assert b"my own weights" == (aside / "unet" / "mine.bin").read_bytes()

    def test_removing_a_file_in_a_folder_removes_the_view(self, named, parts):
        """No link leads nowhere."""
        view = cache.directory(named, wanted="acme")
        cache.remove(parts[1].sha256)

        assert not view.exists()
