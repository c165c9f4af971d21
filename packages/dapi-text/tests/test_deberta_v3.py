"""DeBERTa v3 equals transformers' own, loaded from the same files."""

import pytest
import torch
from transformers import DebertaV2Config, DebertaV2Model

from dapi.text import (
    DeBERTaV3BaseWeights,
    DeBERTaV3LargeWeights,
    DeBERTaV3SmallWeights,
    DeBERTaV3XSmallWeights,
    deberta_v3_base,
    deberta_v3_large,
    deberta_v3_small,
    deberta_v3_xsmall,
)
from dapi.text.models import deberta_v3

SMALL = {
    "num_hidden_layers": 2,
    "hidden_size": 192,
    "intermediate_size": 96,
    "vocab_size": 100,
}
BUILDERS = [
    pytest.param(deberta_v3_xsmall, *DeBERTaV3XSmallWeights, id="xsmall"),
    pytest.param(deberta_v3_small, *DeBERTaV3SmallWeights, id="small"),
    pytest.param(deberta_v3_base, *DeBERTaV3BaseWeights, id="base"),
    pytest.param(deberta_v3_large, *DeBERTaV3LargeWeights, id="large"),
]


def heads(width, vocabulary):
    """The shapes of what the published files hold beside the encoder (a public audit counts it)."""
    transform = {"dense.weight": (width, width), "dense.bias": (width,)}
    norm = {"LayerNorm.weight": (width,), "LayerNorm.bias": (width,)}
    prefix = "lm_predictions.lm_head."
    return {
        "deberta.embeddings.position_embeddings.weight": (512, width),
        **{prefix + key: shape for key, shape in {**transform, **norm}.items()},
        "lm_predictions.lm_head.bias": (vocabulary,),
        **{f"mask_predictions.{key}": shape for key, shape in {**transform, **norm}.items()},
        "mask_predictions.classifier.weight": (1, width),
        "mask_predictions.classifier.bias": (1,),
    }


@pytest.fixture(params=[p.values for p in BUILDERS], ids=[p.id for p in BUILDERS])
def pair(request, tmp_path, publish, with_file):
    """The oracle, and ours, from a .bin of float16 in the published layout."""
    builder, member = request.param
    config = {**deberta_v3._FREE, **member.build.config, **SMALL}
    path = publish(tmp_path, DebertaV2Model, config, suffix="bin")
    tensors = {f"deberta.{key}": value for key, value in torch.load(path).items()}
    for key, shape in heads(config["hidden_size"], 100).items():
        tensors[key] = torch.randn(shape)
    torch.save({key: value.half() for key, value in tensors.items()}, path)
    oracle = DebertaV2Model.from_pretrained(tmp_path, dtype=torch.float32)
    return oracle, builder(weights=with_file(member, path, **SMALL))


def test_model_is_that_of_transformers(pair, assert_same_model):
    """Keys, values, float32 and buffers; it is built in training mode."""
    assert pair[1].training
    assert_same_model(*pair)


def test_outputs_are_equal_to_the_bit(pair, batch, assert_same_outputs):
    """Hidden states, with padding in the batch."""
    assert_same_outputs(*pair, batch)


def test_tensors_are_as_many_as_published():
    """Base and these heads are the 210 tensors, 185,537,893 numbers, that the audit counted."""
    with torch.device("meta"):
        encoder = deberta_v3_base().state_dict()
    shapes = heads(768, 128100).values()
    numbers = sum(t.numel() for t in encoder.values()) + sum(
        torch.Size(shape).numel() for shape in shapes
    )
    assert (len(encoder) + len(shapes), numbers) == (210, 185_537_893)


@pytest.mark.parametrize("member", [*DeBERTaV3BaseWeights, *DeBERTaV3LargeWeights])
def test_numbers_fit_the_published_size(member):
    """In float16, with these heads, the rest of the .bin is what a zip and its index take."""
    width = member.build.config["hidden_size"]
    numbers = sum(torch.Size(shape).numel() for shape in heads(width, 128100).values())
    rest = member.size - 2 * (member.meta["num_params"] + numbers)
    assert 0 < rest < 200_000


def test_positions_count_in_buckets():
    """What DebertaV2Config does not declare is given to it all the same, and can be overridden."""
    model = deberta_v3_xsmall(num_hidden_layers=1, vocab_size=100, position_buckets=16)
    assert "position_buckets" not in vars(DebertaV2Config())
    assert model.encoder.rel_embeddings.weight.shape[0] == 2 * 16
