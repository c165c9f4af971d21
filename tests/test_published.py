"""What is published: what of it is beyond one distribution's own conformance tests."""

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import dapi

ROOT = Path(__file__).parents[1]
DOMAINS = ("dapi-vision", "dapi-text", "dapi-audio")
MEMBERS = dapi.list_weights()


@pytest.mark.parametrize("member", MEMBERS, ids=str)
def test_source_of_a_metric_is_a_page_or_a_script_of_ours(member):
    """A number can be looked up, or measured again."""
    for metric in member.meta["metrics"]:
        assert metric["source"].startswith("https://") or (ROOT / metric["source"]).is_file()


@pytest.mark.parametrize("member", MEMBERS, ids=str)
def test_transforms_are_declared(member):
    """Whoever has the weights can prepare their input; a vocoder takes what another model makes."""
    assert member.transforms or member.meta["task"] == "vocoder"


@pytest.mark.parametrize("member", MEMBERS, ids=str)
def test_file_comes_over_a_verified_channel(member):
    """Ours are fetched over https, or lie in a package."""
    for file in member.files:
        assert file.url.startswith(("https://", "package:"))


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
