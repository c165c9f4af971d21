"""Changes: what differs between two locks, or between a lock and its project."""

import json

import pytest


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


@pytest.mark.usefixtures("zoo")
def test_changed_policy_is_shown_as_people_write_it(project, run):
    """Every license is allowed where none is listed."""
    project("[tool.dapi]\nweights = ['net']\n")
    run("lock")
    project(
        "[tool.dapi]\nweights = ['net']\n"
        "[tool.dapi.policy]\nlicenses = ['MIT', 'Apache-2.0']\nallow-deprecated = false\n"
    )

    _, printed = run("lock")

    assert "licenses all -> Apache-2.0, MIT; allow-deprecated true -> false" in printed
