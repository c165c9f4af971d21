"""XLM-RoBERTa equals transformers' own, loaded from the same files."""

import hashlib
import json

import pytest
import torch
from transformers import XLMRobertaForMaskedLM, XLMRobertaModel

from dapi.text import (
    XLMRoBERTaBaseWeights,
    XLMRoBERTaLargeWeights,
    xlm_roberta_base,
    xlm_roberta_large,
)
from dapi.text.models import xlm_roberta

SMALL = {
    "num_hidden_layers": 2,
    "hidden_size": 192,
    "intermediate_size": 96,
    "vocab_size": 100,
}
BUILDERS = [
    pytest.param(xlm_roberta_base, *XLMRoBERTaBaseWeights, id="base"),
    pytest.param(xlm_roberta_large, *XLMRoBERTaLargeWeights, id="large"),
]


@pytest.fixture(params=[p.values for p in BUILDERS], ids=[p.id for p in BUILDERS])
def pair(request, tmp_path, publish, with_file):
    """The oracle, and ours, from the file of a masked-language model that has a pooler too."""
    builder, member = request.param
    config = {**xlm_roberta._FREE, **member.build.config, **SMALL}
    width = config["hidden_size"]
    extra = {
        "roberta.pooler.dense.weight": torch.randn(width, width),
        "roberta.pooler.dense.bias": torch.randn(width),
    }
    path = publish(tmp_path, XLMRobertaForMaskedLM, config, extra=extra)
    oracle = XLMRobertaModel.from_pretrained(tmp_path, add_pooling_layer=False)
    return oracle, builder(weights=with_file(member, path, **SMALL))


def test_model_is_that_of_transformers(pair, assert_same_model):
    """Keys, values, dtypes and buffers; it is built in training mode."""
    assert pair[1].training
    assert_same_model(*pair)


def test_outputs_are_equal_to_the_bit(pair, batch, assert_same_outputs):
    """Hidden states, with padding in the batch."""
    assert_same_outputs(*pair, batch)


def test_tensors_fit_the_published_size():
    """Only with a pooler beside the head, the rest of base's file is a header of a likely size."""
    (member,) = XLMRoBERTaBaseWeights
    head, pooler = 768 * 768 + 3 * 768 + 250002, 768 * 768 + 768
    tensors = 4 * (member.meta["num_params"] + head + pooler)
    assert 110 < (member.size - tensors) / (16 * 12 + 12) < 130


def test_config_is_the_published_one():
    """Written as the published config.json, that of base has its bytes."""
    (member,) = XLMRoBERTaBaseWeights
    others = {
        "architectures": ["XLMRobertaForMaskedLM"],
        "model_type": "xlm-roberta",
        "output_past": True,
        "position_embedding_type": "absolute",
        "transformers_version": "4.17.0.dev0",
        "use_cache": True,
    }
    config = {**xlm_roberta._FREE, **member.build.config, **others}
    content = (json.dumps(dict(sorted(config.items())), indent=2) + "\n").encode()
    digest = hashlib.sha256(content).hexdigest()
    assert digest == "d66ed8cd4f2a93b358c245e50736fa389ed4f35c0bae7aad0b32abb20c62b579"
