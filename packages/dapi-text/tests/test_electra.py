"""ELECTRA equals transformers' own, loaded from the same files."""

import pytest
import torch
from transformers import ElectraForPreTraining, ElectraModel

from dapi.text import (
    ELECTRABaseWeights,
    ELECTRALargeWeights,
    ELECTRASmallWeights,
    electra_base,
    electra_large,
    electra_small,
)
from dapi.text.models import electra

SMALL = {"num_hidden_layers": 2, "intermediate_size": 96, "vocab_size": 100}
BUILDERS = [
    pytest.param(electra_small, *ELECTRASmallWeights, id="small"),
    pytest.param(electra_base, *ELECTRABaseWeights, id="base"),
    pytest.param(electra_large, *ELECTRALargeWeights, id="large"),
]


@pytest.fixture(params=[p.values for p in BUILDERS], ids=[p.id for p in BUILDERS])
def pair(request, tmp_path, publish, with_file):
    """The oracle, and ours, from the .bin of a discriminator; small has a projection, base none."""
    builder, member = request.param
    config = {**electra._FREE, **member.build.config, **SMALL}
    extra = {"electra.embeddings.position_ids": torch.arange(512).unsqueeze(0)}
    path = publish(tmp_path, ElectraForPreTraining, config, extra=extra, suffix="bin")
    oracle = ElectraModel.from_pretrained(tmp_path)
    return oracle, builder(weights=with_file(member, path, **SMALL))


def test_model_is_that_of_transformers(pair, assert_same_model):
    """Keys, values, dtypes and buffers; it is built in training mode."""
    assert pair[1].training
    assert_same_model(*pair)


def test_outputs_are_equal_to_the_bit(pair, batch, assert_same_outputs):
    """Hidden states, with padding in the batch."""
    assert_same_outputs(*pair, batch)
