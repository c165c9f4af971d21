"""RoBERTa equals transformers' own, loaded from the same files."""

import hashlib
import json

import pytest
import torch
from safetensors.torch import save_file
from transformers import RobertaConfig, RobertaForMaskedLM, RobertaModel

from dapi.exceptions import ConfigConflictError, StateDictMismatchError, UnexpectedArgumentError
from dapi.text import (
    DistilRoBERTaBaseWeights,
    RoBERTaBaseWeights,
    RoBERTaLargeWeights,
    distilroberta_base,
    roberta_base,
    roberta_large,
)
from dapi.text.models import roberta

# What is neither the depth, nor the width of what grows with the vocabulary, stays as published.
SMALL = {"num_hidden_layers": 2, "intermediate_size": 96, "vocab_size": 500}
BUILDERS = [
    (roberta_base, RoBERTaBaseWeights.English160GB_RefV1),
    (roberta_large, RoBERTaLargeWeights.English160GB_RefV1),
    (distilroberta_base, DistilRoBERTaBaseWeights.OpenWebText_RefV1),
]
NAMES = ["base", "large", "distilled"]


def published_config(member):
    """What config.json says, as a dict in its order."""
    values = {**roberta._FREE, **member.build.config}
    names = {"architectures": ["RobertaForMaskedLM"], "model_type": "roberta"}
    return dict(sorted({**values, **names}.items()))


def write_published(folder, member, **changes):
    """Write the files of a masked-LM RoBERTa, in the layout that the published ones have.

    Which keys those have, transformers' load reports tell (a head, position_ids, no pooler; the
    head's decoder is tied to the embeddings and not saved), and their exact sizes agree.
    """
    config = {**published_config(member), **changes}
    (folder / "config.json").write_text(json.dumps(config))
    torch.manual_seed(1)
    model = RobertaForMaskedLM(RobertaConfig(**config))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.2)
    tied = ("lm_head.decoder.weight", "lm_head.decoder.bias")
    tensors = {key: value for key, value in model.state_dict().items() if key not in tied}
    tensors["roberta.embeddings.position_ids"] = torch.arange(514).unsqueeze(0)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder / "model.safetensors"


@pytest.fixture(scope="module", params=BUILDERS, ids=NAMES)
def pair(request, tmp_path_factory, with_file):
    """The oracle, built by transformers from a folder, and ours, from the file in it."""
    builder, member = request.param
    folder = tmp_path_factory.mktemp("published")
    path = write_published(folder, member, **SMALL)
    oracle = RobertaModel.from_pretrained(folder, add_pooling_layer=False)
    return oracle, builder(weights=with_file(member, path, **SMALL))


@pytest.fixture
def batch():
    """Ids with padding in one row, and its mask."""
    ids = torch.randint(3, 500, (3, 17), generator=torch.Generator().manual_seed(2))
    ids[1, 9:] = 1
    return {"input_ids": ids, "attention_mask": (ids != 1).long()}


def test_layout_holds_what_must_be_dropped(tmp_path):
    """The file of these tests has the head, the prefix and the buffer that adapt is there for."""
    from safetensors import safe_open

    path = write_published(tmp_path, RoBERTaBaseWeights.English160GB_RefV1, **SMALL)
    with safe_open(path, "pt") as file:
        others = {key for key in file.keys() if not key.startswith("roberta.encoder")}  # noqa: SIM118
    assert others == {
        "lm_head.bias",
        "lm_head.dense.bias",
        "lm_head.dense.weight",
        "lm_head.layer_norm.bias",
        "lm_head.layer_norm.weight",
        "roberta.embeddings.LayerNorm.bias",
        "roberta.embeddings.LayerNorm.weight",
        "roberta.embeddings.position_embeddings.weight",
        "roberta.embeddings.position_ids",
        "roberta.embeddings.token_type_embeddings.weight",
        "roberta.embeddings.word_embeddings.weight",
    }


def test_model_is_that_of_transformers(pair, assert_same_model):
    """Keys, shapes, dtypes, requires_grad and buffers are those of from_pretrained."""
    assert_same_model(*pair)


def test_outputs_are_equal_to_the_bit_in_evaluation(pair, batch):
    """The same hidden states, with padding in the batch."""
    oracle, ours = (model.eval() for model in pair)
    with torch.inference_mode():
        expected, actual = oracle(**batch), ours(**batch)
    assert torch.equal(expected.last_hidden_state, actual.last_hidden_state)
    assert expected.pooler_output is actual.pooler_output is None


def test_outputs_are_equal_to_the_bit_in_training(pair, batch):
    """The same dropout, given the same seed."""
    outputs = []
    for model in pair:
        torch.manual_seed(3)
        outputs.append(model.train()(**batch).last_hidden_state)
    assert torch.equal(*outputs)


def test_model_is_built_in_training_mode(tmp_path, with_file):
    """As torch constructors do; from_pretrained does otherwise."""
    member = RoBERTaBaseWeights.English160GB_RefV1
    path = write_published(tmp_path, member, **SMALL)
    assert roberta_base(weights=with_file(member, path, **SMALL)).training


@pytest.mark.parametrize(
    ("member", "size", "digest"),
    [
        pytest.param(
            RoBERTaBaseWeights.English160GB_RefV1,
            481,
            "ef0185e2aae6e06c5f105a285006952c340e20c7dbf43c86ec82601b13fc45e9",
            id="base",
        ),
        pytest.param(
            RoBERTaLargeWeights.English160GB_RefV1,
            482,
            "82ba49810e6441735e696033ac2512ee09da555507b2917ac3865b202d592cc3",
            id="large",
        ),
    ],
)
def test_config_is_the_published_one(member, size, digest):
    """Written as the published config.json, ours has its bytes."""
    content = (json.dumps(published_config(member), indent=2) + "\n").encode()
    assert (len(content), hashlib.sha256(content).hexdigest()) == (size, digest)


@pytest.mark.parametrize(("builder", "member"), BUILDERS, ids=NAMES)
def test_full_size_has_the_published_parameters(builder, member):
    """The model and the entry agree on how many parameters there are."""
    with torch.device("meta"):
        model = builder()
    assert sum(p.numel() for p in model.parameters()) == member.meta["num_params"]
    published = published_config(member)
    del published["architectures"]
    assert published.items() <= model.config.to_dict().items()


def test_tensors_fit_the_published_size():
    """With the keys of the layout, the rest of the published file is a header of a likely size."""
    for builder, member in BUILDERS[:2]:
        with torch.device("meta"):
            hidden = builder().config.hidden_size
        head = hidden * hidden + 3 * hidden + 50265
        tensors = 4 * (member.meta["num_params"] + head) + 8 * 514
        keys = 16 * member.build.config["num_hidden_layers"] + 11
        assert 110 < (member.size - tensors) / keys < 130


def test_weights_fix_the_architecture():
    """A depth that contradicts the weights is refused before anything is fetched."""
    with pytest.raises(ConfigConflictError, match="num_hidden_layers"):
        roberta_base(weights=RoBERTaBaseWeights.English160GB_RefV1, num_hidden_layers=6)


def test_dropout_and_attention_can_be_chosen(tmp_path, with_file):
    """What the weights do not depend on stays with the caller."""
    member = RoBERTaBaseWeights.English160GB_RefV1
    path = write_published(tmp_path, member, **SMALL)
    model = roberta_base(
        weights=with_file(member, path, **SMALL),
        hidden_dropout_prob=0.0,
        attn_implementation="eager",
    )
    assert model.config.hidden_dropout_prob == 0.0
    assert model.config._attn_implementation == "eager"


def test_misspelt_configuration_is_refused():
    """transformers would keep the wrong name and ignore it."""
    with pytest.raises(UnexpectedArgumentError, match="num_hidden_layers"):
        roberta_base(num_hiden_layers=2)


def test_a_key_that_nobody_expects_is_an_error(tmp_path, with_file):
    """Only what the published files hold is dropped."""
    member = RoBERTaBaseWeights.English160GB_RefV1
    path = write_published(tmp_path, member, **{**SMALL, "num_hidden_layers": 3})
    with pytest.raises(StateDictMismatchError, match=r"encoder\.layer\.2"):
        roberta_base(weights=with_file(member, path, **SMALL))
