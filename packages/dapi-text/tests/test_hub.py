"""Repositories name files by revision."""

import pytest

from dapi.text.models._hub import Repository, file_mib


@pytest.mark.parametrize("revision", ["main", "86b5e0934494bd15c9632b12f734a8a67f723594"])
def test_file_is_at_the_revision(revision):
    """By https, so that mirrors and proxies apply, and huggingface_hub is not needed."""
    file = Repository("owner/name", revision).file("a/b.bin", "0" * 64, 7)
    assert file.url == f"https://huggingface.co/owner/name/resolve/{revision}/a/b.bin"
    assert (file.sha256, file.size, file.name) == ("0" * 64, 7, "b.bin")


def test_size_is_the_sum_of_all_files():
    """In MiB; unknown as soon as that of one file is."""
    one, other = (Repository("a/b").file("f", size=size) for size in (2**20, 2**19))
    assert file_mib(one, other) == {"file_mib": 1.5}
    assert file_mib(one, Repository("a/b").file("f")) == {}
