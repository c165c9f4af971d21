"""Resolving: what ``dapi lock`` writes, and when it refuses."""

from pathlib import Path

import pytest

from dapi.lock import read


def names(path="dapi.lock"):
    return [weights.name for weights in read(path).weights]


def test_lock_names_every_file_with_hash_size_and_license(zoo, project, run):
    """Also those of assets, and of other weights that an entry uses, with their license."""
    project("[tool.dapi]\nweights = ['net', 'talker']\n")

    status, _ = run("lock")

    net, talker = read("dapi.lock").weights
    assert 0 == status
    assert ("acme-zoo/net:Digits_RefV2", ("net",), "MIT") == (net.name, net.requested, net.license)
    assert ("acme-zoo", "1.0") == (talker.distribution, talker.version)
    found = {(file.asset, file.name, file.license) for file in talker.files}
    assert found == {
        ("", "talker.safetensors", ""),
        ("tokenizer", "vocab.txt", ""),
        ("vocoder", "vocoder.safetensors", "CC-BY-NC-4.0"),
    }
    for _, file in read("dapi.lock").files():
        body = next(body for name, body in zoo.bodies.items() if file.name in name)
        assert file.size == len(body) and len(file.sha256) == 64


def test_lock_is_deterministic_and_fetches_each_unhashed_file_once(zoo, project, run, own_cache):
    """The same lock whatever the order and the cache; known hashes are not fetched again."""
    project("[tool.dapi]\nweights = ['net', 'talker']\n")
    run("lock")
    first = Path("dapi.lock").read_bytes()
    project("[tool.dapi]\nweights = ['talker', 'net']\n")

    run("lock")
    asked = [*zoo.requests]
    Path("dapi.lock").unlink()
    run("lock")

    assert first == Path("dapi.lock").read_bytes()
    assert ["/talker.safetensors", "/vocab.txt"] == sorted(asked)


def test_no_secret_is_in_a_lock(zoo, project, run):
    """Passwords are left out, and queries, which may be signatures."""
    run("lock", "net")

    text = Path("dapi.lock").read_text()
    assert "secret" not in text and "download=1" not in text
    assert "https://mirror.example/net-v2.safetensors" in text


@pytest.mark.usefixtures("project")
def test_no_fetch_refuses_what_publishes_no_hash(zoo, run):
    """It names all such files, writes nothing, and asks nobody."""
    status, printed = run("lock", "talker", "net", "--no-fetch")

    assert 1 == status and not Path("dapi.lock").exists() and [] == zoo.requests
    assert "talker.safetensors of acme-zoo/talker:Speech_RefV1" in printed
    assert "vocab.txt of acme-zoo/talker:Speech_RefV1" in printed


@pytest.mark.usefixtures("zoo", "project")
def test_all_names_that_cannot_be_locked_are_told_at_once(run):
    """The nearest names are suggested, and nothing is written."""
    status, printed = run("lock", "nett", "talkerr", "net")

    assert 1 == status and not Path("dapi.lock").exists()
    assert "Did you mean 'net'" in printed and "Did you mean 'talker'" in printed


@pytest.mark.parametrize("name", ["net", "acme-zoo/net:Digits_RefV2"])
@pytest.mark.usefixtures("zoo")
def test_names_are_added_to_the_project(project, run, name):
    """The comments of pyproject.toml stay; --remove takes a name out of both."""
    folder = project("[tool.dapi]\n# what we serve\nweights = ['net']  # and more\n")
    run("lock")

    run("lock", "packed")
    added = (folder / "pyproject.toml").read_text()
    run("lock", "--remove", name)

    assert "# what we serve" in added and "# and more" in added and "packed" in added
    assert "'net'" not in (folder / "pyproject.toml").read_text()
    assert ["acme-zoo/packed:Digits_RefV1"] == names()


@pytest.mark.usefixtures("project")
def test_latest_stays_what_was_locked_until_it_is_upgraded(zoo, run):
    """A release with other weights changes nothing until --upgrade names them."""
    zoo.release(v1_latest=True, v2_latest=False)
    run("lock", "net", "packed")
    zoo.release("2.0")

    run("lock")
    before = names()
    _, printed = run("lock", "--upgrade", "net")

    assert ["acme-zoo/net:Digits_RefV1", "acme-zoo/packed:Digits_RefV1"] == before
    assert ["acme-zoo/net:Digits_RefV2", "acme-zoo/packed:Digits_RefV1"] == names()
    assert "net was acme-zoo/net:Digits_RefV1" in printed
    assert "- acme-zoo/net:Digits_RefV1" in printed


@pytest.mark.usefixtures("project", "zoo")
def test_upgrading_a_name_that_is_not_locked_is_an_error(run):
    """A typo does not pass for an upgrade."""
    run("lock", "net")

    status, printed = run("lock", "--upgrade", "nett")

    assert 1 == status and "[nett] It is not locked. Locked names: net" in printed
