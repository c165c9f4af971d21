"""Directories of transformers' save_pretrained, loaded by our builders."""

import json

import pytest
import torch
import transformers

import dapi
from dapi.exceptions import (
    ArgumentError,
    CheckpointError,
    ConfigConflictError,
    StateDictMismatchError,
)
from dapi.text import (
    MiniLML6Weights,
    RoBERTaTinyWeights,
    bert_base,
    deberta_v3_xsmall,
    distilbert_base,
    electra_small,
    minilm_l6,
    mpnet_base,
    roberta_base,
    roberta_tiny,
    xlm_roberta_base,
)
from dapi.text.pretrained import read_pretrained

SMALL = {
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "vocab_size": 100,
}
BUILDERS = {
    "Bert": bert_base,
    "DebertaV2": deberta_v3_xsmall,
    "DistilBert": distilbert_base,
    "Electra": electra_small,
    "MPNet": mpnet_base,
    "Roberta": roberta_base,
    "XLMRoberta": xlm_roberta_base,
}
WITH_POOLER = ("Bert", "MPNet", "Roberta", "XLMRoberta")
WITHOUT_MASKS = ("DebertaV2", "Electra")
CASES = [
    *((name, "Model", {}) for name in BUILDERS),
    *((name, "Model", {"add_pooling_layer": False}) for name in WITH_POOLER),
    *((name, "ForSequenceClassification", {}) for name in BUILDERS),
    *((name, "ForTokenClassification", {}) for name in BUILDERS),
    *((name, "ForMaskedLM", {}) for name in BUILDERS if name not in WITHOUT_MASKS),
]


def saved(folder, name, suffix, options=(), **config):
    """Save a small model with transformers, and return it."""
    model_class = getattr(transformers, name + suffix)
    config_class = model_class.config_class
    model = model_class(config_class(**{**SMALL, **config}), **dict(options))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.2)
    model.save_pretrained(folder)
    return model


@pytest.mark.parametrize(("name", "suffix", "options"), CASES)
def test_directory_is_loaded_into_our_builder(
    name, suffix, options, tmp_path, batch, assert_same_outputs
):
    """With or without a head, with or without a pooler: the same class, keys and values."""
    expected = saved(tmp_path, name, suffix, options, id2label={0: "a", 1: "b", 2: "c"})

    entry = read_pretrained(tmp_path)
    model = BUILDERS[name](weights=entry)

    assert type(model) is type(expected)
    assert list(expected.state_dict()) == list(model.state_dict())
    assert all(
        torch.equal(tensor, model.state_dict()[key])
        for key, tensor in expected.state_dict().items()
    )
    assert_same_outputs(expected, model, batch)
    if suffix.endswith("Classification"):
        assert ("a", "b", "c") == entry.meta["categories"]
        assert expected.config.id2label == model.config.id2label


def test_architecture_is_that_of_the_directory(tmp_path):
    """Its values are fixed, but those of training may be changed."""
    saved(tmp_path, "Bert", "Model", hidden_dropout_prob=0.3, hidden_act="relu", layer_norm_eps=0.1)
    entry = read_pretrained(tmp_path)
    found = bert_base(weights=entry).config

    assert (0.3, "relu", 0.1) == (found.hidden_dropout_prob, found.hidden_act, found.layer_norm_eps)
    assert 0.0 == bert_base(weights=entry, hidden_dropout_prob=0.0).config.hidden_dropout_prob
    with pytest.raises(ConfigConflictError, match="hidden_act"):
        bert_base(weights=entry, hidden_act="gelu")


def test_missing_pooler_is_said(tmp_path):
    """Asked for one, the file has none; a classifier that reads it cannot be built."""
    saved(tmp_path, "Bert", "Model", {"add_pooling_layer": False})
    entry = read_pretrained(tmp_path)

    assert bert_base(weights=entry).pooler is None
    with pytest.raises(ConfigConflictError, match="add_pooling_layer=True contradicts"):
        bert_base(weights=entry, add_pooling_layer=True)
    with pytest.raises(StateDictMismatchError, match="2 keys are missing: bert.pooler.dense"):
        bert_base(weights=entry, num_labels=3, new_head=True)
    model = bert_base(weights=entry, head="token-classification", num_labels=3, new_head=True)
    assert 3 == model.classifier.out_features


def test_head_can_be_replaced(tmp_path):
    """As that of our own weights."""
    saved(tmp_path, "Roberta", "ForSequenceClassification", num_labels=3)
    entry = read_pretrained(tmp_path)

    assert "categories" not in entry.meta  # LABEL_0 is no name
    with pytest.raises(ConfigConflictError, match="new_head=True"):
        roberta_base(weights=entry, num_labels=5)
    model = roberta_base(
        weights=entry, head="token-classification", categories=["x", "y"], new_head=True
    )
    assert {0: "x", 1: "y"} == model.config.id2label


def test_our_model_goes_to_transformers_and_back(tmp_path):
    """Weights, names and tokenizer: the same labels for the same text."""
    weights = RoBERTaTinyWeights.ManPages_RefV1
    roberta_tiny(weights=weights).save_pretrained(tmp_path)
    weights.transforms().as_transformers().save_pretrained(tmp_path)
    text = "El perro duerme en la casa, y nadie sabe por qué."

    entry = read_pretrained(tmp_path)
    assert weights.meta["categories"] == entry.meta["categories"]
    assert weights.transforms().max_length == entry.transforms().max_length
    expected, found = (
        each.postprocess()(roberta_tiny(weights=each).eval()(**each.transforms()(text)))
        for each in (weights, entry)
    )
    assert expected == found
    assert "Spanish" == found[0][0][0]
    labels = dapi.predictor("roberta_tiny", entry)(text).facts["labels"]
    assert "Spanish" == labels[0]["label"]


def test_published_directory_is_read(minilm_folder):
    """That of all-MiniLM-L6-v2, as its package has it: the values of our entry."""
    entry, known = read_pretrained(minilm_folder), MiniLML6Weights.SentencePairs1B_RefV1
    ours, theirs = minilm_l6(weights=known).state_dict(), minilm_l6(weights=entry).state_dict()

    assert known.sha256 == entry.files[0].sha256
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    assert known.build.config.items() <= {**entry.build.config, **entry.build.defaults}.items()


def test_shards_are_read(tmp_path):
    """An index names the files of a large model."""
    expected = saved(tmp_path, "Bert", "Model")
    (tmp_path / "model.safetensors").unlink()
    expected.save_pretrained(tmp_path, max_shard_size="5kB")
    assert 1 < len(list(tmp_path.glob("model-*.safetensors")))

    model = bert_base(weights=read_pretrained(tmp_path))
    assert all(map(torch.equal, expected.state_dict().values(), model.state_dict().values()))


def rewrite(folder, name, **values):
    path = folder / name
    found = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**found, **values}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "gpt2"}, "of model_type bert, deberta-v2"),
        ({"model_type": ["bert"]}, "of model_type bert, deberta-v2"),
        ({"architectures": ["BertForQuestionAnswering"]}, "BertForMaskedLM, but .*'BertForQuest"),
        ({"architectures": None}, "say None"),
        ({"architectures": [["BertModel"]]}, "say .'BertModel'"),
        ({"hidden_size": "16"}, "that transformers accepts"),
        ({"layer_norm_eps": "small"}, "that transformers accepts"),
        ({"num_hidden_layers": 10**6}, "no size that its weights do not have"),
        ({"num_hidden_layers": "many"}, "no size that its weights do not have"),
        ({"vocab_size": 10**12}, "no size that its weights do not have"),
    ],
)
def test_other_configuration_is_refused(change, message, tmp_path):
    """By what was expected; a small directory does not make a large model."""
    saved(tmp_path, "Bert", "Model")
    rewrite(tmp_path, "config.json", **change)
    with pytest.raises(ArgumentError, match=message):
        read_pretrained(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", "{" * 100_000, '{"model_type": '])
def test_damaged_configuration_is_refused(content, tmp_path):
    """It is no JSON object."""
    saved(tmp_path, "Bert", "Model")
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(ArgumentError, match="JSON object in config.json"):
        read_pretrained(tmp_path)


def test_incomplete_directory_is_refused(tmp_path):
    """Each missing file is named; an index may name none outside."""
    with pytest.raises(ArgumentError, match="config.json"):
        read_pretrained(tmp_path)
    saved(tmp_path, "Bert", "Model")
    weights = tmp_path / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:100])
    with pytest.raises(CheckpointError):
        read_pretrained(tmp_path)
    weights.unlink()
    with pytest.raises(ArgumentError, match="model.safetensors"):
        read_pretrained(tmp_path)
    for outside in ("../model.safetensors", "/etc/passwd", ".."):
        rewrite(tmp_path, "model.safetensors.index.json", weight_map={"a": outside})
        with pytest.raises(CheckpointError, match="not a file beside it"):
            read_pretrained(tmp_path)


def test_configuration_names_no_code(tmp_path):
    """What decides how a model runs is the caller's."""
    saved(tmp_path, "Bert", "Model")
    evil = {"auto_map": {"AutoModel": "evil--x.Y"}, "attn_implementation": "evil/kernel"}
    rewrite(tmp_path, "config.json", **evil, trust_remote_code=True, tie_word_embeddings={"a": 1})
    entry = read_pretrained(tmp_path)

    refused = {*evil, "trust_remote_code", "tie_word_embeddings"}
    assert not refused & {*entry.build.config, *entry.build.defaults}
    assert "sdpa" == bert_base(weights=entry).config._attn_implementation
