"""Every published entry: its name, its metadata, its hash, and where it is advertised."""

import importlib
import json
import re
from importlib import metadata
from pathlib import Path

import pytest

import dapi
from dapi import File, WeightEntry

ROOT = Path(__file__).parents[1]
DOMAINS = ("dapi-vision", "dapi-text", "dapi-audio")
META = {"task", "license", "num_params", "datasets", "metrics", "recipe", "hash_source"}
MEMBERS = dapi.list_weights()


def enums():
    return {type(member) for member in MEMBERS}


@pytest.mark.parametrize("member", MEMBERS, ids=str)
def test_metadata_is_complete(member):
    """What people compare by is there, and every metric says where it was published."""
    meta = member.meta

    assert set(meta) >= META
    assert isinstance(meta["num_params"], int) and meta["num_params"] > 0
    assert meta["license"] == "unknown" or re.fullmatch(r"[A-Za-z0-9.+-]+", meta["license"])
    assert all(isinstance(dataset, str) for dataset in meta["datasets"])
    for metric in meta["metrics"]:
        assert {"dataset", "name", "value", "source"} == set(metric)
        is_script = (ROOT / metric["source"]).is_file()
        assert metric["source"].startswith("https://") or is_script


@pytest.mark.parametrize("member", MEMBERS, ids=str)
def test_hash_is_full_or_its_absence_is_said(member):
    """A file without a full hash says that it is trusted on first use, and comes by https."""
    for file in (*member.files, *(a for a in member.assets.values() if isinstance(a, File))):
        assert file.url.startswith(("https://", "package:"))
        if not file.is_pinned:
            assert re.search(r"first use|first \d+ digits", member.meta["hash_source"])
        else:
            assert file.size


@pytest.mark.parametrize("member", MEMBERS, ids=str)
def test_name_says_dataset_and_recipe(member):
    """``<Dataset>_<Recipe>V<n>``, as in the RFC."""
    assert re.fullmatch(
        r"[A-Z][A-Za-z0-9]*(_[A-Za-z0-9]+)*_Ref[A-Za-z0-9]*V\d+|[A-Z]\w*_RefV\d+", member.name
    )


@pytest.mark.parametrize("member", MEMBERS, ids=str)
def test_transforms_and_postprocess_exist(member):
    """What an entry names can be imported."""
    from dapi._lazy import resolve

    assert member.transforms or member.meta["task"] == "vocoder"
    for factory in (member.transforms, member.postprocess):
        assert not factory or callable(resolve(factory.target))
    for target in member.build.context:
        assert isinstance(resolve(target), type)


@pytest.mark.parametrize("member", MEMBERS, ids=str)
def test_assets_are_files_or_entries(member):
    """An asset can be fetched."""
    assert all(isinstance(a, File | WeightEntry | dapi.Weights) for a in member.assets.values())


@pytest.mark.parametrize("enum", sorted(enums(), key=str), ids=lambda enum: enum.__name__)
def test_every_dataset_has_a_latest(enum):
    """Each dataset of an enum has a member that is not outdated."""
    assert {member.dataset for member in enum} == {m.dataset for m in enum if m.latest}


@pytest.mark.parametrize("name", DOMAINS)
def test_entry_points_and_builders_agree(name):
    """What is decorated is advertised, with its enums, and nothing else is."""
    points = metadata.distribution(name).entry_points
    modules = {p.module for p in points if p.group.startswith("dapi.")}
    for module in modules:
        importlib.import_module(module)
    prefix = f"dapi.{name.partition('-')[2]}."
    builders = [b for b in dapi._registry.builders() if b.module.startswith(prefix)]

    declared = {f'{b.name} = "{b.target}"' for b in builders}
    assert declared == {f'{p.name} = "{p.value}"' for p in points if p.group == "dapi.models"}
    enums = {
        f'{b.name} = "{enum.__module__}:{enum.__qualname__}"'
        for b in builders
        for enum in b.function.__dapi_builder__.weights
    }
    assert enums == {f'{p.name} = "{p.value}"' for p in points if p.group == "dapi.weights"}


def test_known_models_are_those_of_the_domains():
    """Who asks for a model of a domain that is not installed is told which to install."""
    path = ROOT / "packages" / "dapi-core" / "src" / "dapi" / "known_models.json"
    expected = {
        point.name: name
        for name in DOMAINS
        for point in metadata.distribution(name).entry_points
        if point.group == "dapi.models"
    }

    assert dict(sorted(expected.items())) == json.loads(path.read_text())


def test_members_are_readable_without_a_framework():
    """Meta, files and repr of every entry, in a process that has imported no framework."""
    import subprocess
    import sys

    code = (
        "import dapi, sys\n"
        "from dapi._frozen import to_json\n"
        "for member in dapi.list_weights():\n"
        "    to_json(member.meta), repr(member.value), member.files\n"
        "heavy = {'torch', 'numpy', 'torchvision', 'torchaudio', 'transformers', 'PIL'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert ("[]\n", "") == (printed.stdout, printed.stderr)
