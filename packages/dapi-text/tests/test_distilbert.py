"""DistilBERT equals transformers' own, loaded from the same files."""

import hashlib
import json

import pytest
from transformers import DistilBertForMaskedLM, DistilBertModel

from dapi.exceptions import ConfigConflictError
from dapi.text import DistilBERTBaseWeights, distilbert_base
from dapi.text.models import distilbert

SMALL = {"n_layers": 2, "hidden_dim": 96, "vocab_size": 100}
MEMBER = DistilBERTBaseWeights.BookCorpusWikipedia_Uncased_RefV1


@pytest.fixture
def pair(tmp_path, publish, with_file):
    """The oracle, and ours, from the file of a masked-language model."""
    config = {**distilbert._FREE, **MEMBER.build.config, **SMALL}
    path = publish(tmp_path, DistilBertForMaskedLM, config)
    oracle = DistilBertModel.from_pretrained(tmp_path)
    return oracle, distilbert_base(weights=with_file(MEMBER, path, **SMALL))


def test_model_is_that_of_transformers(pair, assert_same_model):
    """Keys, values, dtypes and buffers; it is built in training mode."""
    assert pair[1].training
    assert_same_model(*pair)


def test_outputs_are_equal_to_the_bit(pair, batch, assert_same_outputs):
    """Hidden states, with padding in the batch."""
    assert_same_outputs(*pair, batch)


def test_names_that_transformers_shares_between_models_are_taken():
    """num_hidden_layers is DistilBertConfig's n_layers."""
    model = distilbert_base(num_hidden_layers=1, hidden_dim=96, vocab_size=100)
    assert len(model.transformer.layer) == 1


def test_number_of_heads_can_be_chosen():
    """By its own name, which is nearly new_head, or by the shared one."""
    for name in ("n_heads", "num_attention_heads"):
        assert distilbert_base(n_layers=1, vocab_size=100, **{name: 6}).config.n_heads == 6


def test_weights_fix_an_attribute_by_all_its_names():
    """No shape shows the number of heads: other ones would load, and compute something else."""
    with pytest.raises(
        ConfigConflictError, match=r"num_attention_heads=6 .*num_attention_heads=12"
    ):
        distilbert_base(weights=MEMBER, num_attention_heads=6, device="meta")


def test_config_is_the_published_one():
    """Written as the published config.json, ours has its bytes."""
    others = {
        "architectures": ["DistilBertForMaskedLM"],
        "model_type": "distilbert",
        "qa_dropout": 0.1,
        "seq_classif_dropout": 0.2,
        "tie_weights_": True,
        "transformers_version": "4.10.0.dev0",
    }
    config = {**distilbert._FREE, **MEMBER.build.config, **others}
    content = (json.dumps(dict(sorted(config.items())), indent=2) + "\n").encode()
    digest = hashlib.sha256(content).hexdigest()
    assert digest == "69c94b0222d5d1f4b0ad027ca7416cdafb98378cbbb8305d0bf47c9365c60c83"
