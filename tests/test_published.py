"""What is published: what of it is beyond one distribution's own conformance tests."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import dapi

ROOT = Path(__file__).parents[1]
MEMBERS = dapi.list_weights()
SHIPPED = [each for each in MEMBERS if each.files[0].url.startswith("package:dapi.")]


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


@pytest.mark.parametrize("member", SHIPPED, ids=str)
def test_what_is_shipped_is_described_whole(member):
    """Each file by its hash and size; its license, data and script are stated."""
    assets = [asset for asset in member.assets.values() if isinstance(asset, dapi.File)]
    for file in [*member.files, *assets]:
        assert len(file.sha256) == 64 and file.size > 0
    assert member.meta["license"] != "unknown" and member.meta["datasets"]
    assert (ROOT / member.meta["recipe"]).is_file()


def test_nothing_is_shipped_that_no_entry_describes():
    """Every file of tensors in a domain's package is that of a member."""
    described = {file.url for member in SHIPPED for file in member.files}
    shipped = {
        f"package:dapi.{path.relative_to(folder).as_posix()}"
        for folder in (ROOT / "packages").glob("*/src/dapi")
        for path in folder.glob("*/**/*.safetensors")
        if "templates" not in path.parts  # of dapi-devkit: a project's own
    }

    assert shipped == described


@pytest.mark.parametrize("factory", ["transforms", "postprocess"])
def test_type_of_a_factory_is_what_the_entries_make(factory):
    """An enum that tells type checkers a class tells them the one that its members name."""
    typed = 0
    for member in MEMBERS:
        hints = [vars(cls).get("__annotations__", {}).get(factory) for cls in type(member).__mro__]
        hint = str(next(filter(None, hints)))
        made = getattr(member, factory)
        if made and "Callable[..., Callable" not in hint:
            typed += 1
            name = made.target.rpartition(":")[2]
            assert re.search(rf"[ .]{name}\]$", hint), member

    assert typed > 20


def test_all_that_repeats_names_was_written():
    """Entry points, stubs, known names and tables of docs: ``python tools/write_names.py``."""
    command = [sys.executable, ROOT / "tools" / "write_names.py", "--check"]
    checked = subprocess.run(command, capture_output=True, text=True)

    assert 0 == checked.returncode, f"{checked.stdout}Run: python tools/write_names.py"


def test_members_are_readable_without_a_framework():
    """Meta, files and repr of every entry, in a process that has imported no framework."""
    code = (
        "import dapi, sys\n"
        "from dapi._values.frozen import to_json\n"
        "for member in dapi.list_weights():\n"
        "    to_json(member.meta), repr(member.value), member.files\n"
        "heavy = {'torch', 'numpy', 'torchvision', 'torchaudio', 'transformers', 'PIL'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert ("[]\n", "") == (printed.stdout, printed.stderr)
