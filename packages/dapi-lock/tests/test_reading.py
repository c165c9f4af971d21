"""Reading: a lock that a stranger wrote is read, or refused in words."""

from pathlib import Path

import pytest

from dapi.lock import Lock, LockedFile, LockedWeights, Policy, read
from dapi.lock._reading import parse
from dapi.lock.document import render
from dapi.lock.exceptions import LockError

FILE = LockedFile("a.pth", "a" * 64, 5, ("https://example.org/a.pth", "https://m.example/a.pth"))
WEIGHTS = LockedWeights(
    "acme/net:A_RefV1", ("net",), "acme/net", "1.0", "acme", "1.0", "MIT", "active", (FILE,)
)
EVERYTHING = Lock(
    ("net",),
    (
        WEIGHTS._replace(
            state="deprecated",
            files=(
                FILE,
                FILE._replace(
                    name='"\n\x1b[31m', sha256="b" * 64, asset="x.y", weights="a/b:C",
                    license="MIT",
                ),
                FILE._replace(
                    sha256="c" * 64, is_published=False, urls=("https://e.org/c?***",),
                    url_sha256="d" * 64,
                ),
            ),
        ),
        WEIGHTS._replace(name="acme/net:B_RefV1"),
    ),
    Policy(("MIT",), require_hash=True, allow_deprecated=False),
)  # fmt: skip
TEXT = render(Lock(("net",), (WEIGHTS,)))


@pytest.mark.parametrize("lock", [Lock(), EVERYTHING], ids=["empty", "everything"])
def test_what_is_written_is_read_back(lock, tmp_path):
    """And written again to the same bytes."""
    path = tmp_path / "dapi.lock"
    path.write_text(render(lock))

    found = read(path)

    def sort(each):
        return [sorted(weights.files) for weights in each.weights]

    assert sort(found) == sort(lock) and found.policy == lock.policy
    assert render(found) == render(lock)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('lock-version = "1.0"', 'lock-version = "2.0"', "pip install --upgrade dapi-lock"),
        ('lock-version = "1.0"', 'lock-version = "x"', "no lock-version"),
        ('lock-version = "1.0"', "lock-version = 1.0", "no lock-version"),
        ('lock-version = "1.0"', "", "no lock-version"),
        ("requires = [", "requires = 3\nx = [", "requires, a list"),
        ('    "net",\n]\n\n', "    5,\n]\n\n", "a list of strings"),
        ("a" * 64, "a" * 63, "a sha256 of 64 digits"),
        ("a" * 64, "A" * 64, "a sha256 of 64 digits"),
        ("a" * 64, "../" + "a" * 61, "a sha256 of 64 digits"),
        ("size = 5", "size = -1", "size, a non-negative integer"),
        ("size = 5", "size = true", "size, a non-negative integer"),
        ("size = 5", "size = 1e3", "size, an integer"),
        ("size = 5", "size = 99999999999999999999999", "size, a non-negative integer"),
        ("size = 5", "", "size, an integer"),
        ("https://example.org/a.pth", "file:///etc/passwd", "none of them of a local file"),
        ("https://m.example/a.pth", "FILE:///etc/passwd", "none of them of a local file"),
        ("https://example.org/a.pth", "/etc/passwd", "urls that can be fetched"),
        ("acme/net:A_RefV1", "net", "a name like 'distribution/builder:member'"),
        ("acme/net:A_RefV1", "../../x", "a name like 'distribution/builder:member'"),
        ("[[weights]]", "[weights]", "weights, tables"),
        ("[[weights.files]]", "[[weights.others]]", "files, and a status"),
        ('license = "MIT"', 'license = "MIT"\nstatus = "fine"', "files, and a status"),
        ("size = 5", 'size = 5\nhash-source = "me"', "a hash-source"),
        ("requires", "<<<<<<< HEAD\nrequires", "conflict markers"),
        ("requires = [", "requires = [[", "not TOML"),
        ('created-by = "dapi-lock"', "policy = 5", "policy is not a table"),
        ('created-by = "dapi-lock"', "policy = {allow = 5}", "unknown key 'allow'"),
        ('created-by = "dapi-lock"', "x = " + "[" * 5000, "not TOML"),
    ],
)
def test_hostile_lock_is_refused_in_words(old, new, told):
    """Whatever is wrong with it, by name and with a remedy."""
    assert old in TEXT
    with pytest.raises(LockError, match="To |Keep |Expected|Keys are|Write ") as caught:
        parse(TEXT.replace(old, new, 1).encode(), "dapi.lock")
    assert told in str(caught.value) and len(str(caught.value)) < 600


def test_contradictions_are_refused():
    """One name twice, or two sizes of one hash."""
    twice = Lock((), (WEIGHTS, WEIGHTS))
    sizes = Lock((), (WEIGHTS, WEIGHTS._replace(name="a/b:C", files=(FILE._replace(size=6),))))

    with pytest.raises(LockError, match="occurs twice"):
        parse(render(twice).encode(), "x")
    with pytest.raises(LockError, match="two sizes"):
        parse(render(sizes).encode(), "x")


def test_no_bytes_are_text():
    """Neither other encodings nor a large file."""
    with pytest.raises(LockError, match="not TOML"):
        parse(b"\xff\xfe", "x")
    with pytest.raises(LockError, match="64 MiB"):
        parse(b" " * ((64 << 20) + 1), "x")


@pytest.mark.parametrize("part", ["a", '"a"', "'a'", r'"\""', "a "])
def test_key_that_takes_long_to_parse_is_refused(part):
    """Before it is parsed, which takes quadratic time: a bundle's lock is read before its key."""
    key = ".".join([part] * 100_000)
    for text in (f"{key} = 1", f"[{key}]", f"x = {{{key} = 1}}"):
        with pytest.raises(LockError, match="a key of too many parts"):
            parse(text.encode(), "x")


def test_value_with_many_dots_is_no_key():
    """Answers are one long line of numbers."""
    answers = f"[answers]\n'acme/net:A_RefV1' = '{[0.5] * 1000} {'a.b/' * 100}'\n"

    assert parse(f"{TEXT}\n{answers}".encode(), "x").weights[0].answers


def test_folder_is_no_lock(tmp_path):
    """What cannot be read is told."""
    with pytest.raises(LockError, match="cannot be read"):
        read(tmp_path)


def test_later_minor_version_is_read():
    """It may have keys that this version does not know."""
    text = TEXT.replace("1.0", "1.7", 1).replace("size = 5", "size = 5\nnew = 1")

    assert 1 == len(parse(text.encode(), Path("x")).weights)
