"""Verify: every file is hashed, and what is missing, damaged or foreign is listed."""

import json

import pytest

import dapi
from dapi.lock import read


@pytest.mark.usefixtures("project", "zoo")
def test_verify_lists_missing_damaged_and_foreign_files(run, own_cache):
    """Exit 1, with a report that can be kept; sync and prune put it right."""
    run("lock", "net:Digits_RefV1", "net:Digits_RefV2", "talker", "packed")
    run("sync")
    good = run("verify", "--lock")
    by_name = {file.name: file.sha256 for _, file in read("dapi.lock").files()}
    damaged = own_cache / "blobs" / by_name["net-v1.safetensors"]
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"!")
    dapi.cache.remove(by_name["net-v2.safetensors"])
    run("lock", "--remove", "talker")

    status, printed = run("verify", "--lock", "--json")
    mended = run("verify", "--lock", "--repair"), run("sync", "--prune"), run("verify", "--lock")

    report = json.loads(printed)
    states = {row["sha256"]: row["state"] for row in report["files"]}
    assert (0, 1) == (good[0], status) and "failed" == report["result"]
    assert "damaged" == states[by_name["net-v1.safetensors"]]
    assert "missing" == states[by_name["net-v2.safetensors"]]
    assert "foreign" == states[by_name["vocoder.safetensors"]]
    assert "intact" == states[by_name["packed.safetensors"]]
    assert {"lock", "when", "where", "versions"} <= report.keys()
    assert "dapi verify --lock --repair" in mended[0][1] and 0 == mended[2][0], mended


@pytest.mark.usefixtures("project", "zoo")
def test_commands_that_verify_names_are_for_the_same_lock(run):
    """Pruning by another lock would remove what this one needs."""
    run("lock", "net", "--lock", "old.lock")
    run("lock", "packed", "talker")
    run("sync")

    _, printed = run("verify", "--lock", "old.lock")

    assert "To remove foreign files: dapi sync --lock old.lock --prune" in printed
    assert "To download missing files: dapi sync --lock old.lock\n" in printed


@pytest.mark.usefixtures("project")
def test_verify_finds_a_changed_file_of_a_package(zoo, run):
    """Such a file is hashed where it is."""
    run("lock", "packed")
    (zoo.site / "acme_zoo_data" / "packed.safetensors").write_bytes(b"other")

    status, printed = run("verify", "--lock")

    assert 1 == status and "damaged" in printed and "packed.safetensors" in printed
