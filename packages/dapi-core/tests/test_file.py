"""File: what can be published."""

import pytest

from dapi import File
from dapi.exceptions import WeightsDeclarationError

FULL = "0" * 64


def test_file_name_is_the_last_part_of_the_path():
    """Query, fragment and folders are no part of the name."""
    assert "net 1.pth" == File("https://example.org/a/b/net%201.pth?x=/y.bin#frag").name


def test_file_name_controls_no_terminal():
    """It stands in bars, tables and errors."""
    assert "[2Jnet.pth" == File("https://example.org/%1b[2Jnet%07.pth").name


@pytest.mark.parametrize("sha256", ["XYZ", "ABCDEF", "", "0" * 65])
def test_file_refuses_what_is_no_sha256(sha256):
    """A hash is lower-case hexadecimal, at most 64 digits."""
    with pytest.raises(WeightsDeclarationError, match="sha256"):
        File("https://example.org/net.pth", sha256=sha256)


@pytest.mark.parametrize("sha256", [None, "0", FULL])
def test_file_takes_a_whole_hash_its_beginning_or_none(sha256):
    """Only the whole one pins the bytes."""
    assert (sha256 == FULL) is File("https://example.org/net.pth", sha256).is_pinned


@pytest.mark.parametrize("size", [-1, 1.5, "1"])
def test_file_refuses_what_is_no_size(size):
    """A size is a number of bytes, or None; an empty file has none."""
    with pytest.raises(WeightsDeclarationError, match="has size="):
        File("https://example.org/net.pth", size=size)
    assert 0 == File("https://example.org/net.pth", size=0).size


def test_file_takes_one_mirror_or_several():
    """A single URL is not a list of letters; a value that is no list is refused."""
    mirror = "https://example.org/net.pth"

    assert (
        (mirror,) == File(mirror, mirrors=mirror).mirrors == File(mirror, mirrors=[mirror]).mirrors
    )
    with pytest.raises(WeightsDeclarationError, match="has mirrors=7"):
        File(mirror, mirrors=7)
    with pytest.raises(WeightsDeclarationError, match="File\\(7\\) is not a string"):
        File(mirror, mirrors=(7,))


@pytest.mark.parametrize("url", ["/tmp/net.pth", "net.pth", "C:/net.pth", ""])
def test_file_without_scheme_names_the_way_for_local_files(url):
    """A path is not a URL; the error says what to call instead."""
    with pytest.raises(WeightsDeclarationError, match=r"has no scheme.*from_file"):
        File(url)


@pytest.mark.parametrize("sha256", [None, "0676ba61"])
def test_file_plain_http_needs_a_full_hash(sha256):
    """Anybody on the way may change what plain http carries."""
    with pytest.raises(WeightsDeclarationError, match="http"):
        File("http://example.org/net.pth", sha256=sha256)
    with pytest.raises(WeightsDeclarationError, match="http"):
        File("https://example.org/net.pth", sha256, mirrors=("http://example.org/net.pth",))
    assert File("http://example.org/net.pth", sha256=FULL).is_pinned


@pytest.mark.parametrize("prefix", [None, "a b", "../", "\\1"])
def test_file_refuses_a_prefix_that_begins_no_key(prefix):
    """Keys consist of names and dots."""
    with pytest.raises(WeightsDeclarationError, match="prefix"):
        File("https://example.org/net.pth", prefix=prefix)
