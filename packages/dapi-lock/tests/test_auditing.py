"""Audit and policy: licenses, hashes and lifecycle, at lock, at sync and on demand."""

import json
from pathlib import Path

import pytest

POLICY = "[tool.dapi]\nweights = ['{}']\n[tool.dapi.policy]\n{}\n"


@pytest.mark.parametrize(
    ("weights", "policy", "told"),
    [
        ("net", "licenses = ['Apache-2.0']", "acme-zoo/net:Digits_RefV2 has the license 'MIT'"),
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

    assert 1 == status and "has the license 'GPL-3.0-only'" in printed


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


def test_licences_that_the_machine_does_not_allow_are_refused(zoo, project, run, monkeypatch):
    """DAPI_LICENSES holds at lock, sync and audit, whatever the project's policy allows."""
    project(POLICY.format("talker", "licenses = ['Apache-2.0', 'CC-BY-NC-4.0']"))
    assert 0 == run("lock")[0]
    monkeypatch.setenv("DAPI_LICENSES", "Apache-2.0,MIT")

    refused = run("lock"), run("sync"), run("audit")

    for status, printed in refused:
        assert 1 == status and "vocoder of acme-zoo/talker:Speech_RefV1" in printed
        assert "which DAPI_LICENSES does not allow" in printed
