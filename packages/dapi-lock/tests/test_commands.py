"""The commands: what an operator types, and what becomes of it."""

import json
from pathlib import Path

import pytest

import dapi
from dapi.lock import read

EVERYTHING = ("net", "talker", "packed")


def names(path="dapi.lock"):
    return [weights.name for weights in read(path).weights]


def test_lock_names_every_file_with_hash_size_and_license(zoo, project, run):
    """Also those of assets, and of other weights that an entry uses, with their licence."""
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
    assert "talker.safetensors of acme-zoo/talker:Speech_RefV1, vocab.txt" in printed


@pytest.mark.usefixtures("zoo", "project")
def test_all_names_that_cannot_be_locked_are_told_at_once(run):
    """The nearest names are suggested, and nothing is written."""
    status, printed = run("lock", "nett", "talkerr", "net")

    assert 1 == status and not Path("dapi.lock").exists()
    assert "Did you mean 'net'" in printed and "Did you mean 'talker'" in printed


@pytest.mark.usefixtures("zoo")
def test_names_are_added_to_the_project(project, run):
    """The comments of pyproject.toml stay; --remove takes a name out of both."""
    folder = project("[tool.dapi]\n# what we serve\nweights = ['net']  # and more\n")
    run("lock")

    run("lock", "packed")
    added = (folder / "pyproject.toml").read_text()
    run("lock", "--remove", "net")

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

    assert 1 == status and "[nett] It is not locked. Locked are: net" in printed


def test_check_tells_a_stale_lock(zoo, project, run):
    """Exit 1 when names, policy or what is published changed; versions alone are told."""
    project("[tool.dapi]\nweights = ['net:Digits_RefV1', 'talker']\n")
    run("lock")
    fresh = run("lock", "--check")
    zoo.release("1.1")
    later = run("lock", "--check")
    zoo.release("1.1", license="GPL-3.0-only")
    relicensed = run("lock", "--check")
    zoo.release()
    project("[tool.dapi]\nweights = ['net:Digits_RefV1', 'packed']\n")
    changed = run("lock", "--check")

    assert 0 == fresh[0] and 0 == later[0] and "acme-zoo 1.0 -> 1.1" in later[1]
    assert 1 == relicensed[0] and "license BSD-3-Clause -> GPL-3.0-only" in relicensed[1]
    assert 1 == changed[0] and "+packed" in changed[1]


@pytest.mark.usefixtures("zoo", "project")
def test_diff_compares_two_locks(run):
    """For people, and as JSON."""
    run("lock", "net:Digits_RefV1", "--lock", "a.lock")
    run("lock", "net:Digits_RefV2", "packed", "--lock", "b.lock")

    status, printed = run("lock", "--diff", "a.lock", "b.lock")
    _, as_json = run("lock", "--diff", "a.lock", "b.lock", "--json")

    assert 0 == status
    assert "+ acme-zoo/packed:Digits_RefV1" in printed and "- acme-zoo/net:Digits_RefV1" in printed
    kinds = {(each["kind"], each["subject"]) for each in json.loads(as_json)}
    assert ("removed", "acme-zoo/net:Digits_RefV1") in kinds


@pytest.mark.usefixtures("project")
def test_sync_downloads_what_is_missing(zoo, run):
    """Once; a second run asks nobody."""
    run("lock", *EVERYTHING)
    zoo.server.asked.clear()

    dry = run("sync", "--dry-run")
    planned = [*zoo.requests]
    synced = run("sync")
    asked = sorted(zoo.requests)
    again = run("sync")

    assert 0 == dry[0] and "net-v2.safetensors" in dry[1] and [] == planned
    assert 0 == synced[0] and "5 files of dapi.lock are in place" in synced[1]
    assert ["/net-v2.safetensors?download=1", "/vocoder.safetensors"] == asked
    assert 0 == again[0] and len(asked) == len(zoo.requests)


def test_sync_names_everything_that_is_missing_at_once(zoo, project, run):
    """Offline and online, and the files that can be had are in the cache."""
    run("lock", *EVERYTHING)
    offline = run("sync", "--offline")
    for name in ("net-v2.safetensors?download=1", "vocoder.safetensors"):
        zoo.server.serve(f"/{name}", b"", always={"status": 404})
    online = run("sync")

    for status, printed in (offline, online):
        assert 1 == status and "2 files are missing" in printed
        assert "net-v2.safetensors of acme-zoo/net:Digits_RefV2" in printed
        assert "vocoder.safetensors of acme-zoo/talker:Speech_RefV1" in printed


@pytest.mark.usefixtures("zoo")
def test_sync_refuses_a_lock_of_another_project(project, run):
    """Unless it is --frozen."""
    project("[tool.dapi]\nweights = ['packed']\n")
    run("lock")
    project("[tool.dapi]\nweights = ['net']\n")

    status, printed = run("sync")
    frozen, _ = run("sync", "--frozen")

    assert 1 == status and "net is not locked; packed is not required" in printed
    assert 0 == frozen


@pytest.mark.usefixtures("project", "zoo")
def test_prune_leaves_only_what_is_locked(run):
    """It says what it removes, and a dry run only says it."""
    run("lock", "net:Digits_RefV1")
    run("sync")
    run("fetch", "net")

    dry = run("sync", "--prune", "--dry-run")
    before = len(dapi.catalog.blobs())
    pruned = run("sync", "--prune")

    assert 2 == before and "net-v2.safetensors" in dry[1] and "net-v2.safetensors" in pruned[1]
    locked = {file.sha256 for _, file in read("dapi.lock").files()}
    assert locked == {blob.sha256 for blob in dapi.catalog.blobs()}


def test_sync_needs_no_distribution_where_the_lock_has_the_urls(zoo, project, run, own_cache):
    """An init container has dapi-core and dapi-lock alone."""
    run("lock", "net:Digits_RefV1")
    for path in zoo.site.glob("acme_zoo-*/*"):
        path.unlink()
    dapi.refresh()

    status, printed = run("sync")

    assert 0 == status, printed
    assert 1 == len(dapi.catalog.blobs())


def test_other_bytes_are_refused_by_sync(zoo, project, run):
    """A file whose hash nobody publishes has the locked one, and no other."""
    run("lock", "talker")
    for blob in dapi.catalog.blobs():
        dapi.catalog.remove(blob.sha256)
    zoo.server.serve("/talker.safetensors", b"x" * len(zoo.bodies["talker.safetensors"]))

    status, printed = run("sync")

    assert 1 == status and "talker.safetensors of acme-zoo/talker:Speech_RefV1" in printed


@pytest.mark.usefixtures("project", "zoo")
def test_verify_lists_missing_damaged_and_foreign_files(run, own_cache):
    """Exit 1, with a report that can be kept; sync and prune put it right."""
    run("lock", "net:Digits_RefV1", "net:Digits_RefV2", "talker", "packed")
    run("sync")
    good = run("verify", "--lock")
    by_name = {file.name: file.sha256 for _, file in read("dapi.lock").files()}
    damaged = own_cache / "blobs" / by_name["net-v1.safetensors"]
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"!")
    dapi.catalog.remove(by_name["net-v2.safetensors"])
    run("lock", "--remove", "talker")

    status, printed = run("verify", "--lock", "--json")
    mended = run("sync", "--prune"), run("verify", "--lock")

    report = json.loads(printed)
    states = {row["sha256"]: row["state"] for row in report["files"]}
    assert (0, 1) == (good[0], status) and "failed" == report["result"]
    assert "damaged" == states[by_name["net-v1.safetensors"]]
    assert "missing" == states[by_name["net-v2.safetensors"]]
    assert "foreign" == states[by_name["vocoder.safetensors"]]
    assert "intact" == states[by_name["packed.safetensors"]]
    assert {"lock", "when", "where", "versions"} <= report.keys()
    assert 0 == mended[1][0], mended


@pytest.mark.usefixtures("project")
def test_verify_finds_a_changed_file_of_a_package(zoo, run):
    """Such a file is hashed where it is."""
    run("lock", "packed")
    (zoo.site / "acme_zoo_data" / "packed.safetensors").write_bytes(b"other")

    status, printed = run("verify", "--lock")

    assert 1 == status and "damaged" in printed and "packed.safetensors" in printed


POLICY = "[tool.dapi]\nweights = ['{}']\n[tool.dapi.policy]\n{}\n"


@pytest.mark.parametrize(
    ("weights", "policy", "told"),
    [
        ("net", "licenses = ['Apache-2.0']", "acme-zoo/net:Digits_RefV2 has the licence 'MIT'"),
        ("talker", "licenses = ['Apache-2.0']", "vocoder of acme-zoo/talker:Speech_RefV1"),
        ("talker", "require-hash = true", "has no published sha256 for talker.safetensors, vocab"),
        ("net:Digits_RefV1", "allow-deprecated = false", "Digits_RefV1 is deprecated"),
    ],
)
def test_policy_is_enforced_at_lock_sync_and_audit(zoo, project, run, weights, policy, told):
    """Also for assets and other weights that an entry uses."""
    zoo.release(status="deprecated")
    project(POLICY.format(weights, policy))
    refused = run("lock")
    written = Path("dapi.lock").exists()
    project(POLICY.format(weights, ""))
    run("lock")
    project(POLICY.format(weights, policy))

    audited, synced = run("audit"), run("sync")

    assert 1 == refused[0] and told in refused[1] and not written
    assert 1 == audited[0] and told in audited[1]
    assert 1 == synced[0] and "the policy differs" in synced[1]


@pytest.mark.usefixtures("zoo")
def test_policy_of_a_lock_that_was_edited_is_enforced_at_sync(project, run):
    """The lock carries the policy to machines without the project."""
    project(POLICY.format("net", "licenses = ['MIT']"))
    run("lock")
    lock = Path("dapi.lock")
    lock.write_text(lock.read_text().replace('license = "MIT"', 'license = "GPL-3.0-only"'))

    status, printed = run("sync", "--frozen")

    assert 1 == status and "has the licence 'GPL-3.0-only'" in printed


@pytest.mark.usefixtures("zoo")
def test_misspelt_policy_is_an_error(project, run):
    """A key that is not read would not be enforced."""
    project(POLICY.format("net", "license = ['MIT']"))

    status, printed = run("lock")

    assert 1 == status and "unknown key 'license'" in printed and "licenses" in printed


@pytest.mark.usefixtures("project")
def test_audit_reports_licenses_hashes_and_lifecycle(zoo, run):
    """What the installed distribution says today, and whether hashes were published."""
    run("lock", "net:Digits_RefV1", "talker")
    zoo.release("2.0", status="deprecated")

    status, printed = run("audit", "--json")

    net, talker = json.loads(printed)
    assert 0 == status
    assert ("deprecated", "published") == (net["lifecycle"], net["hashes"])
    assert ("Apache-2.0, CC-BY-NC-4.0", "fetched") == (talker["license"], talker["hashes"])


@pytest.mark.usefixtures("project", "zoo")
def test_superseded_weights_are_told(run):
    """Not a violation: they can be used."""
    run("lock", "net:Digits_RefV1")

    status, printed = run("audit")

    assert 0 == status and "superseded by net:Digits_RefV2" in printed


@pytest.mark.usefixtures("project", "zoo")
@pytest.mark.parametrize("words", [["sync"], ["audit"], ["verify", "--lock"], ["bundle", "-ox"]])
def test_missing_lock_is_told_with_the_command_that_writes_one(run, words):
    """Every command says it in the same words."""
    status, printed = run(*words)

    assert 1 == status and "there is no such lock file. To write one: dapi lock" in printed


def test_nothing_to_lock_is_an_error(project, run):
    """Neither names nor a project say what."""
    status, printed = run("lock")

    assert 1 == status and "weights = [" in printed
