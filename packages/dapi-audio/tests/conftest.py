"""Weights made by the tests, in the layout of the published files."""

import importlib
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from dapi import WeightEntry

ROOT = Path(__file__).parents[3]

torch.set_num_threads(1)  # WaveRNN's steps are too small to share


@pytest.fixture(scope="session")
def recipe():
    """A script that trained weights, or what such scripts share, by its name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "recipes")
        yield importlib.import_module


def made_state_dict(model, seed, scale=0.05):
    """A state dict of a model's keys: random, with statistics that a training would leave."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for key, value in model.state_dict().items():
        if key.endswith("num_batches_tracked"):
            state[key] = torch.tensor(1000 + seed)
        elif key.endswith("running_var"):
            state[key] = torch.rand(value.shape, generator=generator) + 0.5
        else:
            state[key] = torch.randn(value.shape, generator=generator) * scale
    return state


def entry_of_file(member, path):
    """The published entry, with only its file replaced."""
    local = WeightEntry.from_file(path)
    return replace(member.value, url=local.url, sha256=local.sha256, size=local.size, mirrors=())


def published(state):
    """The same by the names that the files have: they are older than torch's parametrizations."""
    names = {"parametrizations.weight.original0": "weight_g"}
    names |= {"parametrizations.weight.original1": "weight_v"}
    found = {}
    for key, value in state.items():
        for new, old in names.items():
            key = key.replace(new, old)
        found[key] = value
    return found


def save(state, path, *, layout):
    """Write a .pth as torch does now ("zip"), or as it did before 1.6 ("legacy")."""
    torch.save(state, path, _use_new_zipfile_serialization=layout == "zip")
    return path


def assert_alike(ours, theirs):
    """The same keys in order, values, dtypes, buffers and gradients wanted."""
    found, expected = ours.state_dict(), theirs.state_dict()
    assert list(found) == list(expected)
    assert all(torch.equal(found[key], expected[key]) for key in expected)
    assert [(name, p.dtype, p.requires_grad) for name, p in ours.named_parameters()] == [
        (name, p.dtype, p.requires_grad) for name, p in theirs.named_parameters()
    ]
    found, expected = dict(ours.named_buffers()), dict(theirs.named_buffers())
    assert list(found) == list(expected)
    assert all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.fixture(scope="session")
def made():
    """The helpers above, as ``made.state_dict`` and so on."""

    class Made:
        state_dict = staticmethod(made_state_dict)
        published = staticmethod(published)
        save = staticmethod(save)
        entry = staticmethod(entry_of_file)
        assert_alike = staticmethod(assert_alike)

    return Made


@pytest.fixture(scope="session")
def answer_with():
    """Let torchaudio's bundles get a state dict for one URL, and nothing for any other."""

    def answer(monkeypatch, url, state):
        def load(asked, **options):
            assert asked == url
            return dict(state)

        for module in ("_tts.impl", "_wav2vec2.utils"):
            monkeypatch.setattr(f"torchaudio.pipelines.{module}.load_state_dict_from_url", load)

    return answer


@pytest.fixture(scope="session")
def answer_with_files():
    """Let torchaudio's bundles get local files for some URLs, and nothing for any other."""

    def answer(monkeypatch, paths):
        known = {
            url.removeprefix("https://download.pytorch.org/torchaudio/"): path
            for url, path in paths.items()
        }
        monkeypatch.setattr("torchaudio.utils._download_asset", lambda key: str(known[key]))

    return answer
