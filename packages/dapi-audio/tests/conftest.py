"""Weights made by the tests, in the layout of the published files."""

from dataclasses import replace

import pytest
import torch

from dapi import WeightEntry

torch.set_num_threads(1)  # WaveRNN's steps are too small to share


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


def save(state, path, *, layout):
    """Write a .pth as torch does now ("zip"), or as it did before 1.6 ("legacy")."""
    torch.save(state, path, _use_new_zipfile_serialization=layout == "zip")
    return path


@pytest.fixture(scope="session")
def made():
    """The helpers above: ``made.state_dict``, ``made.save``, ``made.entry``."""

    class Made:
        state_dict = staticmethod(made_state_dict)
        save = staticmethod(save)
        entry = staticmethod(entry_of_file)

    return Made


@pytest.fixture(scope="session")
def answer_with():
    """Let torchaudio's bundles get a state dict for one URL, and nothing for any other."""

    def answer(monkeypatch, url, state):
        def load(asked, **options):
            assert asked == url
            return state

        monkeypatch.setattr("torchaudio.pipelines._tts.impl.load_state_dict_from_url", load)

    return answer
