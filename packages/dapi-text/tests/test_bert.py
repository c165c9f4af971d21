"""BERT equals transformers' own, loaded from the same files."""

import pytest
from transformers import BertForPreTraining, BertModel

from dapi.exceptions import ConfigConflictError
from dapi.text import BERTBaseWeights, BERTLargeWeights, bert_base, bert_large
from dapi.text.models import bert

SMALL = {
    "num_hidden_layers": 2,
    "hidden_size": 192,
    "intermediate_size": 96,
    "vocab_size": 100,
}
# Norms are called as TensorFlow called them in these files.
LEGACY = ((r"LayerNorm\.weight$", "LayerNorm.gamma"), (r"LayerNorm\.bias$", "LayerNorm.beta"))
CASES = {
    "base": (bert_base, BERTBaseWeights.BookCorpusWikipedia_Uncased_RefV1),
    "large": (bert_large, BERTLargeWeights.BookCorpusWikipedia_Cased_RefV1),
}


@pytest.fixture(params=CASES)
def case(request):
    """A builder, and one of its members."""
    return CASES[request.param]


@pytest.fixture(params=[(), LEGACY], ids=["weight", "gamma"])
def pair(request, case, tmp_path, publish, with_file):
    """The oracle, and ours, from the file of a model with both heads."""
    builder, member = case
    config = {**bert._FREE, **member.build.config, **SMALL}
    path = publish(tmp_path, BertForPreTraining, config, rename=request.param)
    return BertModel.from_pretrained(tmp_path), builder(weights=with_file(member, path, **SMALL))


def test_model_is_that_of_transformers(pair, assert_same_model):
    """Keys, values, dtypes and buffers, with either name of the norms; the pooler is loaded."""
    assert_same_model(*pair)


def test_outputs_are_equal_to_the_bit(pair, batch, assert_same_outputs):
    """Hidden states and pooled output, with padding in the batch."""
    assert_same_outputs(*pair, batch)


def test_model_is_built_in_training_mode(pair):
    """As torch constructors do; from_pretrained does otherwise."""
    assert pair[1].training


def test_tensors_fit_the_published_size():
    """With both heads, the rest of the published file is a header of a likely size."""
    for member in [member for member in BERTBaseWeights if member.size]:
        vocabulary = member.build.config["vocab_size"]
        heads = (768 * 768 + 3 * 768 + vocabulary) + (2 * 768 + 2)
        tensors = 4 * (member.meta["num_params"] + heads)
        assert 110 < (member.size - tensors) / (16 * 12 + 14) < 130


def test_vocabulary_of_other_weights_is_refused():
    """Cased weights do not fit an uncased vocabulary."""
    with pytest.raises(ConfigConflictError, match="vocab_size"):
        bert_base(weights=BERTBaseWeights.BookCorpusWikipedia_Cased_RefV1, vocab_size=30522)
