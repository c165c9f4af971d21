"""JSON of the commands: as the published schema says, and errors with codes and statuses."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dapi import exceptions
from dapi._cli import main

SCHEMA = Path(__file__).parents[3] / "docs/command-line.schema.json"
FAMILY = """
from dapi import WeightEntry, Weights, register_model
class NetWeights(Weights):
    Digits_RefV1 = WeightEntry(
        "{url}", sha256="{sha256}", latest=True, size=7,
        meta={{"task": "naming", "license": "MIT", "num_params": 1234567,
              "metrics": [{{"dataset": "Digits", "name": "acc@1", "value": 97.5}}]}},
    )
    Digits_RefV2 = WeightEntry("{other}", meta={{"file_mib": 1.5}})
@register_model(weights=NetWeights)
def acme_net(*, weights=None, progress=True):
    from torch import nn
    return nn.Identity()
"""
POINTS = """
[dapi.models]
acme_net = acme_json:acme_net
[dapi.weights]
acme_net = acme_json:NetWeights
"""


@pytest.fixture
def family(alone, advertise, server):
    facts = {
        "url": server.serve("/net.pth", b"weights"), "other": "https://localhost:1/other.pth",
        "sha256": hashlib.sha256(b"weights").hexdigest(),
    }  # fmt: skip
    advertise("acme-json", POINTS, acme_json=FAMILY.format(**facts))
    yield facts
    sys.modules.pop("acme_json", None)


def run(capsys, *words):
    """Return the status of a command and its JSON."""
    try:
        status = main([*words, "--json"])
    except SystemExit as stop:
        status = stop.code
    return status, json.loads(capsys.readouterr().out)


def valid(name, document):
    """Validate a document of a command against its part of the schema."""
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    part = {**schema, "$ref": f"#/$defs/{name.replace(' ', '%20')}"}
    jsonschema.Draft202012Validator.check_schema(part)
    jsonschema.validate(document, part, cls=jsonschema.Draft202012Validator)
    return document


@pytest.mark.parametrize(
    "words",
    [
        ["list"], ["search"], ["search", "--sort", "acc@1"], ["show", "acme_net"],
        ["show", "acme_net:Digits_RefV1"], ["fetch", "--dry-run", "acme_net"], ["doctor"], ["env"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_facts_are_as_the_schema_says(family, capsys, words):
    """Each command prints the keys of its part, and no others."""
    assert valid(words[0], run(capsys, *words)[1])


def test_files_are_as_the_schema_says(family, capsys, tmp_path):
    """Commands that download, list, add and remove files."""
    fetched = valid("fetch", run(capsys, "fetch", "acme_net", "absent_net")[1])
    assert ["acme_net:Digits_RefV1", "absent_net"] == [row["weights"] for row in fetched]

    (tmp_path / "other.pth").write_bytes(b"other")
    words = ("cache", "add", str(tmp_path / "other.pth"), "--for", "acme_net:Digits_RefV2")
    assert [True, False] == [row["cached"] for row in run(capsys, "show", "acme_net")[1]]
    assert valid("cache add", run(capsys, *words)[1])
    assert [True, True] == [row["cached"] for row in run(capsys, "search")[1]]
    assert 2 == len(valid("cache", run(capsys, "cache", "list")[1]))
    assert valid("trust", run(capsys, "trust")[1])
    assert valid("trust", run(capsys, "trust", "--forget", "acme_net:Digits_RefV2")[1])
    assert [True] == [row["cached"] for row in run(capsys, "list")[1]]
    assert valid("cache remove", run(capsys, "cache", "remove", "acme_net")[1])
    assert [False] == [row["cached"] for row in run(capsys, "list")[1]]


def test_damage_is_as_the_schema_says(family, capsys):
    """A file that is not as published is described."""
    status, found = run(capsys, "verify", "acme_net")

    assert (1, "missing") == (status, valid("verify", found)[0]["state"])


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        (["show", "absent_net"], 1, "unknown-model"),
        (["show", "acme_net:Absent_V1"], 1, "unknown-weights"),
        (["search", "--task", "tusk"], 1, "unknown-facet"),
        (["list", "--distribution", "acme-jsno"], 1, "unknown-plugin"),
        (["search", "--tsk", "naming"], 2, "usage"),
        (["absent-command"], 2, "usage"),
        (["check"], 2, "usage"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_errors_have_a_code_and_a_status(family, capsys, words, status, code):
    """One object with the error, where a result would be."""
    found, document = run(capsys, *words)

    assert (status, code) == (found, valid("failure", document)["error"]["code"])


@pytest.mark.parametrize(
    ("case", "status", "code"),
    [("offline", 3, "offline"), ("network", 4, "fetch"), ("hash", 5, "hash-mismatch")],
)
def test_downloads_fail_with_a_status_of_their_own(case, status, code, tmp_path, server):
    """In a shell: who is offline, a server that has no such file, and bytes that differ."""
    facts = {
        "url": server.serve("/net.pth", b"hostile"), "other": "https://x.invalid/",
        "sha256": hashlib.sha256(b"weights").hexdigest(),
    }  # fmt: skip
    if case == "network":
        facts["url"] = facts["url"].replace("net.pth", "absent.pth")
    (tmp_path / "acme_json.py").write_text(FAMILY.format(**facts).replace(", size=7", ""))
    information = tmp_path / "acme_json-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-json\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(POINTS)
    environment = {
        **os.environ, "PYTHONPATH": str(tmp_path), "DAPI_CACHE": str(tmp_path / "cache"),
        "DAPI_OFFLINE": "1" if case == "offline" else "0",
    }  # fmt: skip
    command = [sys.executable, "-m", "dapi", "fetch", "acme_net", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)

    assert status == done.returncode, done.stderr
    assert code == valid("fetch", json.loads(done.stdout))[0]["error"]["code"]
    assert done.stderr.startswith("dapi: ")


def test_codes_are_those_of_the_classes():
    """Each class of errors has a code of its own, which the documentation lists by its rule."""
    classes = [
        each
        for each in (getattr(exceptions, name) for name in exceptions.__all__)
        if issubclass(each, exceptions.DapiError)
    ]
    codes = {each.code() for each in classes}

    assert len(classes) == len(codes) and {"hash-mismatch", "offline", "removed-weights"} <= codes
