"""MPNet equals transformers' own, loaded from the same files."""

import hashlib
import json

import pytest
import torch
from transformers import MPNetModel

from dapi.text import MPNetBaseWeights, mpnet_base
from dapi.text.models import mpnet

SMALL = {"num_hidden_layers": 2, "intermediate_size": 96, "vocab_size": 100}
MEMBER = MPNetBaseWeights.SentencePairs1B_RefV1


@pytest.fixture
def pair(tmp_path, publish, with_file):
    """The oracle, and ours, from the file of a bare model, with position_ids and a pooler."""
    config = {**mpnet._FREE, **MEMBER.build.config, **SMALL}
    extra = {"embeddings.position_ids": torch.arange(514).unsqueeze(0)}
    path = publish(tmp_path, MPNetModel, config, extra=extra)
    oracle = MPNetModel.from_pretrained(tmp_path)
    return oracle, mpnet_base(weights=with_file(MEMBER, path, **SMALL))


def test_model_is_that_of_transformers(pair, assert_same_model):
    """Keys, values, dtypes and buffers; it is built in training mode."""
    assert pair[1].training
    assert_same_model(*pair)


def test_outputs_are_equal_to_the_bit(pair, batch, assert_same_outputs):
    """Hidden states and pooled output, with padding in the batch."""
    assert_same_outputs(*pair, batch)


def test_tensors_fit_the_published_size():
    """With a pooler and position_ids, the rest of the published file is a header."""
    header = MEMBER.size - 4 * MEMBER.meta["num_params"] - 8 * 514
    assert 90 < header / (16 * 12 + 8) < 130


def test_config_is_the_published_one():
    """Written as the published config.json, ours has its bytes."""
    others = {
        "_name_or_path": "microsoft/mpnet-base",
        "architectures": ["MPNetForMaskedLM"],
        "model_type": "mpnet",
        "transformers_version": "4.8.2",
    }
    config = {**mpnet._FREE, **MEMBER.build.config, **others}
    content = (json.dumps(dict(sorted(config.items())), indent=2) + "\n").encode()
    digest = hashlib.sha256(content).hexdigest()
    assert digest == "d46a3e04ded82bba22528424480697d394eeda6a27484e08c5bb2bdf5906cfa0"
