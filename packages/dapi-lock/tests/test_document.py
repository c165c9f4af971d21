"""The document: what is written merges, and identifies a file without its secrets."""

import subprocess

import pytest

from dapi.lock import Lock, LockedFile, LockedWeights
from dapi.lock.document import render, url_key

FILE = LockedFile("a.pth", "a" * 64, 5, ("https://example.org/a.pth",))
WEIGHTS = LockedWeights(
    "acme/net:A_RefV1", ("net",), "acme/net", "1.0", "acme", "1.0", "MIT", "active", (FILE,)
)
OTHERS = [WEIGHTS._replace(name=f"acme/net:{letter}_RefV1") for letter in "BCDE"]


def test_order_of_weights_and_files_does_not_matter():
    """Sorted, whatever the order in which they were found."""
    files = (FILE, FILE._replace(sha256="b" * 64, asset="z"), FILE._replace(name="0"))
    weights = [each._replace(files=files) for each in OTHERS]
    reversed_ = [each._replace(files=files[::-1]) for each in OTHERS[::-1]]

    assert render(Lock((), tuple(weights))) == render(Lock((), tuple(reversed_)))


def test_two_additions_merge(tmp_path):
    """git merges two branches that each lock other weights of a project without a conflict."""

    def git(*words):
        identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
        subprocess.run(["git", *identity, *words], cwd=tmp_path, check=True, capture_output=True)

    def commit(weights, message):
        names = tuple(each.name for each in weights)
        (tmp_path / "dapi.lock").write_text(render(Lock(names, tuple(weights))))
        git("add", ".")
        git("commit", "-m", message)

    git("init", "-b", "main")
    commit(OTHERS[1:3], "base")
    git("checkout", "-b", "one")
    commit(OTHERS[:3], "one")
    git("checkout", "main")
    commit(OTHERS[1:], "two")
    git("merge", "one")

    names = tuple(each.name for each in OTHERS)
    assert (tmp_path / "dapi.lock").read_text() == render(Lock(names, tuple(OTHERS)))


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("https://a.org/x", "https://me:secret@a.org/x", True),
        ("https://a.org/x?id=1", "https://me:p@a.org/x?id=1", True),
        ("https://a.org/x?id=1", "https://a.org/x?id=2", False),
        ("https://a.org/x", "https://a.org/x?id=2", False),
    ],
)
def test_url_is_identified_without_its_password(one, other, is_same):
    """Queries tell files apart, passwords do not, and neither is shown."""
    assert is_same is (url_key(one) == url_key(other))
    assert "secret" not in url_key(other) and "id=" not in url_key(one)
