"""JSON of the commands of dapi-lock: as the published schema says."""

import json
from pathlib import Path

import pytest

jsonschema = pytest.importorskip("jsonschema")
SCHEMA = json.loads(
    (Path(__file__).parents[3] / "docs/command-line.schema.json").read_text(encoding="utf-8")
)


@pytest.fixture
def valid(run, capsys):
    """Run a command, check that it succeeds and prints its part of the schema, and return that."""

    def valid(part, *words, status=0):
        found, printed = run(*words, "--json", "--quiet")
        assert status == found, printed
        document = json.loads(printed)
        reference = {**SCHEMA, "$ref": f"#/$defs/{part.replace(' ', '%20')}"}
        jsonschema.validate(document, reference, cls=jsonschema.Draft202012Validator)
        return document

    return valid


def test_documents_are_as_the_schema_says(zoo, project, run, valid, tmp_path, monkeypatch):
    """From a lock to a bundle on another machine; a lock's own files have bytes and weights."""
    assert {"added"} <= {each["kind"] for each in valid("lock", "lock", "net", "talker", "packed")}
    assert {"download"} == {each["action"] for each in valid("sync", "sync")}
    assert ["published", "missing"] == [
        valid("audit", "audit")[0][k] for k in ("hashes", "signature")
    ]
    assert 4 == valid("bundle", "bundle", "-o", "models.tar")["files"]
    assert valid("bundle", "bundle", "--format", "oci", "-o", "models")["elsewhere"]
    monkeypatch.setenv("DAPI_CACHE", str(tmp_path / "elsewhere"))
    assert {"added": 4, "present": 0} == valid("unbundle", "unbundle", "models.tar")
    assert {"added": 0, "present": 4} == valid("unbundle", "unbundle", "models")


def test_reports_are_as_the_schema_says(zoo, project, run, valid):
    """What verify and check print of a lock, with an error where that fails."""
    run("lock", "net")
    valid("sync", "sync")
    report, printed = run("verify", "--lock", "--json")
    reference = {**SCHEMA, "$ref": "#/$defs/verify%20--lock"}
    jsonschema.validate(json.loads(printed), reference, cls=jsonschema.Draft202012Validator)
    assert 0 == report
    failed = valid_failure(run("unbundle", "absent.tar", "--json"))
    assert "lock" == failed["code"]


def valid_failure(result):
    status, printed = result
    line, _, _ = printed.partition("\n")
    reference = {**SCHEMA, "$ref": "#/$defs/failure"}
    jsonschema.validate(json.loads(line), reference, cls=jsonschema.Draft202012Validator)
    assert status
    return json.loads(line)["error"]


def test_signature_is_as_the_schema_says(zoo, project, run, valid, make_key):
    """How many files it covers, and whose it is."""
    pytest.importorskip("cryptography")
    private, _ = make_key()
    run("lock", "net")

    assert 1 <= valid("sign", "sign", "--key", str(private))["files"]


def test_list_of_failures_is_one_error(zoo, project, run):
    """What is printed line by line for people is one object for programs."""
    error = valid_failure(run("lock", "absent_net", "other_net", "--json"))

    assert "unlockable" == error["code"]
    assert "absent_net" in error["message"] and "other_net" in error["message"]


def test_bundle_and_json_cannot_share_standard_output(zoo, project, run):
    """One of them has to go into a file."""
    run("lock", "net")
    status, printed = run("bundle", "-o", "-", "--json")

    assert 2 == status and "name a file as --output" in printed
