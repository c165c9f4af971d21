"""Repositories name files by revision."""

import pytest

from dapi.text.models._hub import Repository


@pytest.mark.parametrize("revision", ["main", "86b5e0934494bd15c9632b12f734a8a67f723594"])
def test_file_is_at_the_revision(revision):
    """By https, so that mirrors and proxies apply, and huggingface_hub is not needed."""
    file = Repository("owner/name", revision).file("a/b.bin", "0" * 64, 7)
    assert file.url == f"https://huggingface.co/owner/name/resolve/{revision}/a/b.bin"
    assert (file.sha256, file.size, file.name) == ("0" * 64, 7, "b.bin")
