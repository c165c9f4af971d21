"""T5 and Flan-T5 equal transformers' own, part by part, loaded from the same files."""

import dataclasses
import hashlib
import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import T5EncoderModel, T5ForConditionalGeneration, T5Model

from dapi import WeightEntry
from dapi.exceptions import ConfigConflictError, UnexpectedArgumentError
from dapi.text import (
    FlanT5BaseWeights,
    FlanT5LargeWeights,
    FlanT5SmallWeights,
    FlanT5XLWeights,
    FlanT5XXLWeights,
    T5BaseWeights,
    T5LargeWeights,
    T5SmallWeights,
    T53BWeights,
    T511BWeights,
    flan_t5_base,
    flan_t5_large,
    flan_t5_small,
    flan_t5_xl,
    flan_t5_xxl,
    t5_3b,
    t5_11b,
    t5_base,
    t5_large,
    t5_small,
)
from dapi.text.models import t5

SMALL = {
    "num_layers": 2,
    "num_decoder_layers": 2,
    "d_model": 64,
    "d_ff": 96,
    "vocab_size": 100,
}
ORACLES = {
    "generation": T5ForConditionalGeneration,
    "encoder-decoder": T5Model,
    "encoder": T5EncoderModel,
}
SMALLEST = {"t5": (t5_small, T5SmallWeights), "flan": (flan_t5_small, FlanT5SmallWeights)}
ALL = [
    (t5_small, T5SmallWeights),
    (t5_base, T5BaseWeights),
    (t5_large, T5LargeWeights),
    (t5_3b, T53BWeights),
    (t5_11b, T511BWeights),
    (flan_t5_small, FlanT5SmallWeights),
    (flan_t5_base, FlanT5BaseWeights),
    (flan_t5_large, FlanT5LargeWeights),
    (flan_t5_xl, FlanT5XLWeights),
    (flan_t5_xxl, FlanT5XXLWeights),
]


def published_config(member):
    """What a published config.json says of the architecture."""
    config = {**t5._FREE, **member.build.config, "is_encoder_decoder": True}
    del config["part"]
    return config


def of_part(part):
    return [
        (builder, member)
        for builder, enum in SMALLEST.values()
        for member in enum
        if member.build.config["part"] == part
    ]


@pytest.fixture(scope="module", params=SMALLEST)
def family(request):
    return SMALLEST[request.param]


@pytest.fixture(scope="module", params=["safetensors", "bin"])
def path(request, family, tmp_path_factory, publish):
    """The file of a whole model, its embeddings under one name, and a bias that nothing reads."""
    config = {**published_config(next(iter(family[1]))), **SMALL}
    bias = "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"
    folder = tmp_path_factory.mktemp("published")
    extra = {bias: torch.randn(32, config["num_heads"])}
    path = publish(folder, T5ForConditionalGeneration, config, extra=extra)
    if "tie_word_embeddings" in config:
        add_head(path, config)
    if request.param == "bin":
        state_dict = load_file(path)
        path.unlink()
        path = folder / "pytorch_model.bin"
        for name in ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight"):
            state_dict[name] = state_dict["shared.weight"]
        torch.save(state_dict, path)
    return path


def add_head(path, config):
    """Flan-T5's head is not its embeddings."""
    head = torch.randn(config["vocab_size"], config["d_model"])
    save_file({**load_file(path), "lm_head.weight": head}, path, metadata={"format": "pt"})


@pytest.fixture(scope="module", params=ORACLES)
def pair(request, family, path, with_file):
    """The oracle of one part, and ours, from the same file."""
    builder, enum = family
    (member,) = (m for m in enum if m.build.config["part"] == request.param)
    oracle = ORACLES[request.param].from_pretrained(path.parent)
    return oracle, builder(weights=with_file(member, path, **SMALL))


@pytest.fixture
def whole(batch):
    """A batch for both sides of the model."""
    return {**batch, "decoder_input_ids": batch["input_ids"][:, :5]}


def test_model_is_that_of_transformers(pair, assert_same_model):
    """Keys, values, dtypes and buffers, whatever else the file holds."""
    oracle, ours = pair
    assert_same_model(oracle, ours)
    assert oracle.all_tied_weights_keys == ours.all_tied_weights_keys


def test_embeddings_stay_tied(pair):
    """One matrix under all of its names: Flan-T5's head is no name of it, T5's is."""
    oracle, ours = pair
    names = {
        key
        for key, parameter in ours.named_parameters(remove_duplicate=False)
        if parameter is ours.shared.weight
    }
    expected = {
        key
        for key, parameter in oracle.named_parameters(remove_duplicate=False)
        if parameter is oracle.shared.weight
    }
    assert names == expected
    assert "encoder.embed_tokens.weight" in names


def test_outputs_are_equal_to_the_bit(pair, batch, whole, assert_same_outputs):
    """Hidden states or logits, with padding in the batch."""
    inputs = batch if isinstance(pair[0], T5EncoderModel) else whole
    assert_same_outputs(*pair, inputs)


def test_model_is_built_in_training_mode(family, path, with_file):
    """As torch constructors do; from_pretrained does otherwise."""
    builder, enum = family
    assert builder(weights=with_file(next(iter(enum)), path, **SMALL)).training


def test_generated_ids_are_equal(family, path, batch, with_file):
    """Greedy and beam search start, go on and end alike."""
    builder, enum = family
    oracle = T5ForConditionalGeneration.from_pretrained(path.parent).eval()
    ours = builder(weights=with_file(next(iter(enum)), path, **SMALL)).eval()
    for options in ({}, {"num_beams": 2}):
        expected = oracle.generate(**batch, max_new_tokens=5, do_sample=False, **options)
        actual = ours.generate(**batch, max_new_tokens=5, do_sample=False, **options)
        assert torch.equal(expected, actual)
        assert expected.unique().numel() > 2


def test_bfloat16_is_that_of_transformers(family, path, whole, with_file):
    """Parameters and outputs in half precision."""
    builder, enum = family
    oracle = T5ForConditionalGeneration.from_pretrained(path.parent, dtype=torch.bfloat16)
    ours = builder(weights=with_file(next(iter(enum)), path, **SMALL), dtype=torch.bfloat16)
    assert {p.dtype for p in ours.parameters()} == {torch.bfloat16}
    with torch.inference_mode():
        expected, actual = (model.eval()(**whole).logits for model in (oracle, ours))
    assert torch.equal(expected, actual)


@pytest.mark.parametrize(("builder", "member"), of_part("encoder"))
def test_embeddings_are_found_under_the_decoders_name(
    builder, member, tmp_path, publish, with_file
):
    """transformers' T5EncoderModel leaves them random, for it ignores all of the decoder."""
    config = {**published_config(member), **SMALL}
    path = publish(tmp_path, T5ForConditionalGeneration, config)
    state_dict = load_file(path)
    expected = state_dict["shared.weight"]
    state_dict["decoder.embed_tokens.weight"] = state_dict.pop("shared.weight")
    save_file(state_dict, path)
    model = builder(weights=with_file(member, path, **SMALL))
    assert torch.equal(model.shared.weight, expected)
    assert model.encoder.embed_tokens.weight is model.shared.weight


def test_shards_are_one_model(family, path, whole, tmp_path):
    """XL and XXL come in several files."""
    builder, enum = family
    member = next(iter(enum))
    is_zip = path.suffix == ".bin"
    state_dict = torch.load(path) if is_zip else load_file(path)
    keys, files = sorted(state_dict), []
    for number, part in enumerate((keys[::2], keys[1::2])):
        shard = tmp_path / f"shard-{number}{path.suffix}"
        write = torch.save if is_zip else save_file
        write({key: state_dict[key].clone() for key in part}, shard)
        files += WeightEntry.from_file(shard).files
    build = dataclasses.replace(member.build, config={**member.build.config, **SMALL})
    model = builder(weights=dataclasses.replace(member.value, url=tuple(files), build=build))
    oracle = T5ForConditionalGeneration.from_pretrained(path.parent).eval()
    with torch.inference_mode():
        assert torch.equal(oracle(**whole).logits, model.eval()(**whole).logits)


SIZED = [enum for _, enum in ALL if all(file.size for file in next(iter(enum)).files)]


@pytest.mark.parametrize("enum", SIZED, ids=lambda enum: enum.__name__)
def test_tensors_fit_the_published_size(enum):
    """The files hold the whole model once, in float32; the rest is a header of a likely size."""
    whole = next(iter(enum))
    layers = 2 * whole.build.config["num_layers"]
    header = sum(file.size for file in whole.files) - 4 * whole.meta["num_params"]
    assert 0 < header < 150 * 13 * layers


@pytest.mark.parametrize(
    ("member", "others", "digest"),
    [
        pytest.param(
            T5SmallWeights.C4_RefV1,
            {},
            "530e25060e3a8d5f7b0fcf53bfea9f3601165161f3b1914676e98d97cf07bcf1",
            id="small",
        ),
        pytest.param(
            FlanT5BaseWeights.Flan_RefV1,
            {"transformers_version": "4.23.1", "use_cache": True},
            "7c1853dbfa0e4aac093eb109a358b6ab25fe86b7c15185a91322f0ed26f0f940",
            id="flan-base",
        ),
        pytest.param(
            FlanT5LargeWeights.Flan_RefV1,
            {"transformers_version": "4.23.1", "use_cache": True},
            "bfa5beeb5a4630a97f043f071b9b5d858c842604cff5db874680f33b56090c8c",
            id="flan-large",
        ),
    ],
)
def test_config_is_the_published_one(member, others, digest):
    """Written as the published config.json, ours has its bytes."""
    config = {
        **published_config(member),
        "architectures": ["T5ForConditionalGeneration"],
        "model_type": "t5",
        "n_positions": 512,
        "output_past": True,
        **others,
    }
    if member is not FlanT5LargeWeights.Flan_RefV1:
        config["task_specific_params"] = TASKS
    if member is T5SmallWeights.C4_RefV1:  # older than these, whose defaults it was trained with
        for name in (
            "feed_forward_proj",
            "num_decoder_layers",
            "relative_attention_max_distance",
        ):
            del config[name]
    content = (json.dumps(dict(sorted(config.items())), indent=2) + "\n").encode()
    assert hashlib.sha256(content).hexdigest() == digest


TASKS = {
    "summarization": {
        "early_stopping": True,
        "length_penalty": 2.0,
        "max_length": 200,
        "min_length": 30,
        "no_repeat_ngram_size": 3,
        "num_beams": 4,
        "prefix": "summarize: ",
    },
    **{
        f"translation_en_to_{code}": {
            "early_stopping": True,
            "max_length": 300,
            "num_beams": 4,
            "prefix": f"translate English to {language}: ",
        }
        for code, language in (("de", "German"), ("fr", "French"), ("ro", "Romanian"))
    },
}


def test_weights_fix_the_part():
    """Another part is refused before anything is fetched; there is a member for it."""
    with pytest.raises(ConfigConflictError, match="part"):
        t5_small(weights=T5SmallWeights.C4_RefV1, part="encoder")


@pytest.mark.parametrize("part", ORACLES)
def test_part_is_what_is_built(part):
    """Without weights, too."""
    with torch.device("meta"):
        assert type(t5_small(part=part)) is ORACLES[part]


def test_unknown_part_is_refused():
    """Not taken for another one; the error says which there are."""
    with pytest.raises(ValueError, match="'decoder' is unknown.*'generation', 'encoder-decoder'"):
        t5_small(part="decoder")


def test_head_without_weights_is_initialised():
    """Flan-T5's own head starts as transformers starts one that is not tied."""
    torch.manual_seed(0)
    head = flan_t5_small(num_layers=1, num_decoder_layers=1, vocab_size=200).lm_head.weight
    assert 0.95 < head.std() < 1.05


def test_misspelt_configuration_is_refused():
    """transformers would keep the wrong name and ignore it."""
    with pytest.raises(UnexpectedArgumentError, match="num_layers"):
        t5_small(num_layer=2)
