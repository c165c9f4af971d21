"""JSON of the commands of dapi-devkit: as the published schema says."""

import json
from pathlib import Path

import pytest

import dapi
from dapi._cli import main

jsonschema = pytest.importorskip("jsonschema")
SCHEMA = json.loads(
    (Path(__file__).parents[3] / "docs/command-line.schema.json").read_text(encoding="utf-8")
)


@pytest.fixture
def valid(capsys, tmp_path, monkeypatch):
    """Run a command, check that it prints its part of the schema, and return that."""
    monkeypatch.chdir(tmp_path)

    def valid(*words):
        assert 0 == main([*words, "--json"])
        document = json.loads(capsys.readouterr().out)
        reference = {**SCHEMA, "$ref": f"#/$defs/{words[0]}"}
        jsonschema.validate(document, reference, cls=jsonschema.Draft202012Validator)
        return document

    return valid


@pytest.mark.usefixtures("own_imports")
def test_projects_are_as_the_schema_says(valid):
    """The written files exist; a project knows its entry points."""
    written = valid("new", "acme-flowers", "--model-name", "plantnet")

    assert all(Path(path).is_file() for path in written["files"])
    assert written["next"][-1] == "pytest --dapi-conformance acme-flowers"
    assert {"changes": [], "stubs": []} == valid("entry-points", "acme-flowers")


def test_checkpoints_are_as_the_schema_says(valid):
    """With and without a model that the file is for."""
    pytest.importorskip("dapi.vision")
    path = dapi.get_weights("resnet20_v2:Digits_RefV1").fetch()

    assert path.stat().st_size == valid("describe", str(path))["bytes"]
    assert "resnet20_v2" == valid("describe", str(path), "--model", "resnet20_v2")["model"]


def test_catalogue_is_as_the_schema_says(valid):
    """All installed weights."""
    assert len(dapi.search()) <= len(valid("catalogue"))


@pytest.mark.slow
def test_images_are_as_the_schema_says(valid):
    """What recording and comparing print; without models, which take their time."""
    image = valid("snapshot", "dapi-vision", "--build", "--output", "a.json.gz")

    assert image["bytes"] == Path("a.json.gz").stat().st_size
    assert 0 == valid("breaking", "dapi-vision", "--new=a.json.gz", "--against=a.json.gz")["breaks"]
    assert 0 == valid("diff", "a.json.gz", "a.json.gz")["breaks"]
