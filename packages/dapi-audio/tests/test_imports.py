"""What can be read without torch, and what the public names are."""

import subprocess
import sys
from importlib import metadata
from types import FunctionType

import pytest

import dapi
import dapi.audio

FRAMEWORKS = ("torch", "torchaudio", "numpy")


def run(code):
    """Run code in a new process, and then print which frameworks it imported."""
    code += f"\nimport sys; print([name for name in {FRAMEWORKS} if name in sys.modules])"
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.mark.parametrize(
    "code",
    [
        "import dapi.audio",
        "import dapi.audio.tasks",
        "from dapi.audio import *",
        "import dapi; [dict(member.meta) for member in dapi.list_weights('tacotron2')]",
        "import dapi; [(m.meta, m.build) for m in dapi.list_weights('wav2vec2_base')]",
        "import dapi.audio; [getattr(dapi.audio, name) for name in dapi.audio.__all__]",
        "import dapi; dapi.get_weights('wavernn:LJSpeech_RefV1').meta['task']",
        "import dapi; dapi.get_builder('tacotron2')",
        "import pickle, dapi; pickle.dumps(dapi.list_weights('tacotron2')[2].value)",
    ],
)
def test_reading_imports_no_framework(code):
    """Listing, metadata and even the builders load neither torch nor numpy."""
    assert run(code) == "[]"


@pytest.mark.parametrize("name", ["tacotron2", "wavernn"])
def test_name_is_the_function_whatever_was_imported(name):
    """No module takes the name of a builder, in either order of imports."""
    code = (
        f"import dapi.audio, dapi.audio.models.{name}, dapi.audio.transforms\n"
        f"from dapi.audio import {name}\n"
        f"assert callable({name}) and dapi.audio.{name} is {name}\n"
        f"assert dapi.audio.models.{name}.{name} is {name}"
    )

    assert isinstance(getattr(dapi.audio, name), FunctionType)
    assert "torch" in run(code)


def test_public_names():
    """Builders and their enums, sorted, and nothing else."""
    builders = dapi.list_models(distribution="dapi-audio")
    enums = {type(member).__name__ for name in builders for member in dapi.list_weights(name)}
    expected = sorted([*builders, *enums])

    assert {"tacotron2", "Wav2Vec2BaseWeights"} < set(expected)
    assert expected == sorted(dapi.audio.__all__)
    assert expected == sorted(dir(dapi.audio))


def test_entry_points_are_the_public_names():
    """What is advertised is what is exported, and nothing is forgotten."""
    points = [
        p
        for p in metadata.distribution("dapi-audio").entry_points
        if p.group in ("dapi.models", "dapi.weights")
    ]
    exported = {getattr(dapi.audio, name) for name in dapi.audio.__all__}

    assert {p.load() for p in points} == exported
    assert all(p.name == p.load().__name__ for p in points if p.group == "dapi.models")
