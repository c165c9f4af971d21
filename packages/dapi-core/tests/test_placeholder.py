"""Placeholders: pages and pointers are recognized by content, and nothing else is."""

import pytest

from dapi import File, _store, cache
from dapi.exceptions import PlaceholderError

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize 3\n" % (b"0" * 64)


@pytest.mark.parametrize(
    ("head", "remedy"),
    [
        (POINTER, "git lfs pull"),
        (b"version https://hawser.github.com/spec/v1\n", "git lfs pull"),
        (b"/annex/objects/SHA256E-s3--00.pth\n", "git annex get"),
        (b"\xef\xbb\xbf\r\n<!DOCTYPE html><p>Log in", "download it again"),
    ],
)
def test_placeholder_is_recognized_with_a_remedy(tmp_path, head, remedy):
    """By its first bytes, whatever it is called, and what to do is said."""
    path = tmp_path / "net.safetensors"
    path.write_bytes(head)

    with pytest.raises(PlaceholderError, match=remedy):
        cache.fetch(File(path.as_uri()))


@pytest.mark.parametrize("head", [b"", b"PK\x03\x04", b"version: 1\n", b"<?xml version='1.0'?>"])
def test_file_itself_is_no_placeholder(tmp_path, head):
    """Nor is a page that is called so."""
    path, page = tmp_path / "vocab.txt", tmp_path / "index.HTML"
    path.write_bytes(head)
    page.write_bytes(b"<html>")

    assert path == cache.fetch(File(path.as_uri()))
    assert page == cache.fetch(File(page.as_uri()))


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (POINTER, "a Git LFS pointer"),
        (POINTER.replace(b"git-lfs", b"hawser"), "a Git LFS pointer"),
        (b"/annex/objects/SHA256E-s3--00.pth\n", "a git-annex pointer"),
        (b"<!DOCTYPE html>" + b"x" * 5000, "a web page"),
    ],
)
@pytest.mark.parametrize("sha256", ["1" * 64, None])
def test_placeholder_of_a_local_file_is_refused(tmp_path, own_cache, head, kind, sha256):
    """Before its hash is compared, and where there is none; nor is it put into the cache."""
    path = tmp_path / "net.pth"
    path.write_bytes(head)

    with pytest.raises(PlaceholderError, match=f"is {kind}"):
        cache.fetch(File(path.as_uri(), sha256=sha256))
    with pytest.raises(PlaceholderError) as caught:
        _store.add(path, File("https://example.org/net.pth", sha256=sha256), wanted="net")
    assert kind == caught.value.kind and caught.value.remedy in str(caught.value)
    assert not list(own_cache.rglob("*.pth")) and not cache.blobs()
