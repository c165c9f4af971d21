"""Saving models of text: their configuration comes back, and a file cannot name code."""

import json
import socket
import sys

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import dapi
from dapi import Build, WeightEntry
from dapi.exceptions import RebuildError, SavingError, WeightsDeclarationError
from dapi.text import bert_base, roberta_tiny, t5_small

SMALL = {"num_hidden_layers": 1, "hidden_size": 12, "intermediate_size": 8, "vocab_size": 20}
EVIL = "evil-org/evil-kernel@main"


@pytest.fixture
def no_sockets(monkeypatch):
    """Nobody opens a connection, nor asks for an address."""

    def refuse(*args, **kwargs):
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def small(tmp_path):
    """A file of a small BERT, and what it says of it."""
    path = tmp_path / "bert.safetensors"
    dapi.save(bert_base(**SMALL), path)
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    return path, metadata


def test_model_comes_back_with_its_configuration(tmp_path, batch, no_sockets):
    """Names of labels, activations and sizes; after it was used, without the network."""
    path = tmp_path / "model.safetensors"
    labels = {0: "Czech", 1: "Danish", 2: "Dutch"}
    model = roberta_tiny(num_labels=3, id2label=labels, hidden_act="relu").eval()
    expected = model(**batch).logits
    dapi.save(model, path)
    found = dapi.load(path).eval()

    assert torch.equal(expected, found(**batch).logits)
    assert (labels, "relu") == (found.config.id2label, found.config.hidden_act)
    assert model.config.to_dict() == found.config.to_dict()


@pytest.mark.parametrize("part", ["generation", "encoder-decoder", "encoder"])
def test_tied_parts_come_back(part, tmp_path, no_sockets):
    """T5's embeddings are tied."""
    path = tmp_path / "model.safetensors"
    few = {"num_layers": 1, "num_decoder_layers": 1, "d_model": 8, "num_heads": 2, "d_kv": 4}
    model = t5_small(part=part, **few, d_ff=8, vocab_size=20)
    dapi.save(model, path)
    found = dapi.load(path)

    expected = model.state_dict()
    assert all(torch.equal(expected[key], each) for key, each in found.state_dict().items())


def test_how_attention_is_computed_is_not_saved(tmp_path):
    """It is of the machine."""
    path = tmp_path / "model.safetensors"
    dapi.save(bert_base(**SMALL, attn_implementation="eager"), path)

    assert "sdpa" == dapi.load(path).config._attn_implementation


@pytest.mark.parametrize("labels", [torch.tensor([1]), torch.tensor([[0.0, 1.0, 1.0]])])
def test_trained_classifier_is_saved(labels, tmp_path):
    """Computing a loss writes its kind into the configuration; the labels decide it anew."""
    path = tmp_path / "model.safetensors"
    model = bert_base(**SMALL, num_labels=3, num_attention_heads=2).eval()
    ids = torch.tensor([[1, 2, 3]])
    expected = model(ids, labels=labels).loss
    assert model.config.problem_type is not None
    dapi.save(model, path)

    assert torch.equal(expected, dapi.load(path).eval()(ids, labels=labels).loss)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda m: setattr(m.config, "hidden_act", "relu"), "config.hidden_act is 'relu'"),
        (lambda m: m.resize_token_embeddings(21), r"config.vocab_size is 21, not 20"),
        (lambda m: setattr(m.encoder.layer[0].attention, "output", torch.nn.Identity()), "output"),
    ],
)
def test_model_that_was_changed_by_hand_is_not_saved(change, what, tmp_path):
    """Its configuration is compared too."""
    model = bert_base(**SMALL)
    change(model)

    with pytest.raises(SavingError, match=what):
        dapi.save(model, tmp_path / "model.safetensors")


@pytest.mark.parametrize(
    "argument",
    [
        {"attn_implementation": EVIL},
        {"attn_implementation": "flash_attention_2"},
        {"experts_implementation": EVIL},
        {"trust_remote_code": True},
        {"quantization_config": {"quant_method": "gptq"}},
        {"auto_map": {"AutoModel": f"{EVIL}--modeling.Evil"}},
        {"_attn_implementation": EVIL},
        {"_name_or_path": EVIL},
        {"architectures": ["Evil"]},
        {"id2label": {"0": {"auto_map": EVIL}}},
        {"vocab_size": EVIL},
    ],
)
def test_file_cannot_name_code(argument, small, no_sockets):
    """What transformers would download and run is not the file's to say."""
    path, metadata = small
    config = {**json.loads(metadata["dapi.config"]), **argument}
    save_file(load_file(path), path, {**metadata, "dapi.config": json.dumps(config)})
    before = set(sys.modules)

    with pytest.raises(RebuildError, match=next(iter(argument))):
        dapi.load(path)
    assert not [name for name in set(sys.modules) - before if "kernel" in name]


@pytest.mark.parametrize("field", ["config", "defaults"])
@pytest.mark.parametrize(
    "argument", ["attn_implementation", "experts_implementation", "quantization_config"]
)
def test_entry_cannot_name_code(field, argument):
    """Only who builds says how the model runs."""
    build = Build(**{field: {**SMALL, argument: EVIL}})
    entry = WeightEntry("https://example.org/bert.safetensors", build=build)

    with pytest.raises(WeightsDeclarationError, match=f"names {argument}, which only a caller"):
        bert_base(weights=entry)
