"""Saving models of sound: they come back as they were, without the network."""

import socket

import pytest
import torch

import dapi

ARGUMENTS = {
    "conv_tasnet_base": {"num_sources": 3},
    "hdemucs_high": {"sources": ("voice", "noise")},
    "squim_objective_base": {},
    "transformer_ctc_tiny": {"aux_num_out": 5},
    "tacotron2": {"n_symbol": 20},
    "wavernn": {"upsample_scales": (5, 5, 11), "n_classes": 256, "hop_length": 275},
    "wav2vec2_base": {"aux_num_out": 5, "encoder_layer_drop": 0.0},
}


@pytest.fixture
def no_sockets(monkeypatch):
    """Nobody opens a connection, nor asks for an address."""

    def refuse(*args, **kwargs):
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.parametrize("name", ARGUMENTS)
def test_model_comes_back(name, tmp_path, no_sockets):
    """With the arguments that it was built with, recurrent layers and weights' norms too."""
    model = dapi.get_model(name, weights=None, **ARGUMENTS[name])
    path = tmp_path / "model.safetensors"
    dapi.save(model, path)
    found = dapi.load(path)

    expected, loaded = model.state_dict(), found.state_dict()
    assert list(expected) == list(loaded)
    assert all(torch.equal(expected[key], loaded[key]) for key in expected)
