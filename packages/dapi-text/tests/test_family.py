"""Heads of encoders: built as transformers builds them, from files of any of its classes."""

import pickle

import pytest
import torch
import transformers

import dapi
from dapi import Build, WeightEntry
from dapi.exceptions import ArgumentError, NoWeightsError, StateDictMismatchError
from dapi.text import (
    BERTBaseWeights,
    DeBERTaV3XSmallWeights,
    DistilBERTBaseWeights,
    ELECTRASmallWeights,
    MiniLML6Weights,
    MPNetBaseWeights,
    RoBERTaBaseWeights,
    RoBERTaTinyWeights,
    XLMRoBERTaBaseWeights,
    bert_base,
    distilbert_base,
    minilm_l6,
    roberta_base,
    roberta_tiny,
)

FEW = {"num_hidden_layers": 1, "intermediate_size": 16, "vocab_size": 100}
# A member of each family, and the class from which its file was saved.
FAMILIES = {
    BERTBaseWeights.BookCorpusWikipedia_Uncased_RefV1: "BertForPreTraining",
    DeBERTaV3XSmallWeights.English160GB_RefV1: "DebertaV2ForMaskedLM",
    DistilBERTBaseWeights.BookCorpusWikipedia_Uncased_RefV1: "DistilBertForMaskedLM",
    ELECTRASmallWeights.XLNetCorpora_RefV1: "ElectraForPreTraining",
    MPNetBaseWeights.SentencePairs1B_RefV1: "MPNetModel",
    MiniLML6Weights.SentencePairs1B_RefV1: "BertModel",
    RoBERTaBaseWeights.English160GB_RefV1: "RobertaForMaskedLM",
    XLMRoBERTaBaseWeights.CC100_RefV1: "XLMRobertaForMaskedLM",
}
FILL_MASK = {
    BERTBaseWeights.BookCorpusWikipedia_Uncased_RefV1: "BertForMaskedLM",
    DistilBERTBaseWeights.BookCorpusWikipedia_Uncased_RefV1: "DistilBertForMaskedLM",
    RoBERTaBaseWeights.English160GB_RefV1: "RobertaForMaskedLM",
    XLMRoBERTaBaseWeights.CC100_RefV1: "XLMRobertaForMaskedLM",
}
NAMES = [str(member).partition(":")[0] for member in FAMILIES]
FILL_NAMES = [str(member).partition(":")[0] for member in FILL_MASK]


def few(member):
    """Arguments that make the model of these weights small, by its own names."""
    if "n_layers" in member.build.config:
        return {"n_layers": 1, "hidden_dim": 16, "vocab_size": 100}
    return FEW


@pytest.fixture
def published(tmp_path, publish, with_file):
    """Write the file of a member, small, and return its folder and an entry for it."""

    def write(member, kind):
        config = {**member.build.config, **few(member)}
        heads = [(r"^cls\.predictions\.", "lm_predictions.")] if "Deberta" in kind else []
        path = publish(tmp_path / "published", getattr(transformers, kind), config, rename=heads)
        return path.parent, with_file(member, path, **few(member))

    return write


def builder_of(member):
    return dapi.get_builder(str(member).partition(":")[0])


def from_pretrained(kind, folder, **options):
    transformers.logging.set_verbosity_error()  # it tells of the new head
    try:
        return getattr(transformers, kind).from_pretrained(folder, **options)
    finally:
        transformers.logging.set_verbosity_warning()


@pytest.mark.parametrize(("member", "kind"), FAMILIES.items(), ids=NAMES)
@pytest.mark.parametrize(
    ("head", "suffix"),
    [
        (None, "ForSequenceClassification"),
        ("text-classification", "ForSequenceClassification"),
        ("token-classification", "ForTokenClassification"),
    ],
)
def test_new_head_is_that_of_transformers(member, kind, head, suffix, published):
    """All but the head is loaded; the head is initialized, and random."""
    folder, entry = published(member, kind)
    stem = kind.partition("For")[0].removesuffix("Model")
    oracle = from_pretrained(stem + suffix, folder, num_labels=3)

    builder = builder_of(member)
    given = {} if head is None else {"head": head}
    model = builder(weights=entry, num_labels=3, new_head=True, **given)

    fresh = tuple(f"{name}." for name in builder.__dapi_builder__.head)
    expected, actual = oracle.state_dict(), model.state_dict()
    assert type(model) is type(oracle)
    assert list(expected) == list(actual)
    for key, tensor in actual.items():
        assert tensor.shape == expected[key].shape
        assert key.startswith(fresh) or torch.equal(tensor, expected[key]), key
    assert model.classifier is not None
    assert all(p.std() > 0 for n, p in model.named_parameters() if n.endswith("classifier.weight"))


@pytest.mark.parametrize(("member", "kind"), FILL_MASK.items(), ids=FILL_NAMES)
def test_head_of_the_file_fills_masks(member, kind, published, batch, assert_same_outputs):
    """It is that of the published file, tied to the embeddings, and equal to the bit."""
    folder, entry = published(member, FAMILIES[member])
    oracle = from_pretrained(kind, folder)

    model = builder_of(member)(weights=entry, head="fill-mask")

    assert type(model) is type(oracle)
    assert list(oracle.state_dict()) == list(model.state_dict())
    assert_same_outputs(oracle, model, batch)
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight


def test_new_head_starts_as_in_transformers():
    """With the same seed, the new classifier has the same values as in a new model."""
    torch.manual_seed(0)
    model = roberta_tiny(weights=RoBERTaTinyWeights.ManPages_RefV1, num_labels=3, new_head=True)
    weight = model.classifier.out_proj.weight

    assert (3, 64) == tuple(weight.shape)
    assert 0.01 < weight.std() < 0.03  # initializer_range


def test_head_of_tokens_replaces_that_of_texts():
    """The kind of a new head may differ from the weights', too."""
    model = roberta_tiny(
        weights=RoBERTaTinyWeights.ManPages_RefV1,
        head="token-classification",
        num_labels=5,
        new_head=True,
    ).eval()
    ids = RoBERTaTinyWeights.ManPages_RefV1.transforms()("Guten Morgen")

    assert (*ids["input_ids"].shape, 5) == tuple(model(**ids).logits.shape)


def test_missing_head_is_said(published):
    """A file without the head names it, and how to get a new one."""
    _, entry = published(RoBERTaBaseWeights.English160GB_RefV1, "RobertaForMaskedLM")
    with pytest.raises(StateDictMismatchError, match="new_head=True to initialize a new classifi"):
        roberta_base(weights=entry, num_labels=3)


def test_new_head_needs_a_head(published):
    """Without a number of labels there is none."""
    _, entry = published(RoBERTaBaseWeights.English160GB_RefV1, "RobertaForMaskedLM")
    with pytest.raises(NoWeightsError, match="Pass the argument that adds it, such as num_labels"):
        roberta_base(weights=entry, new_head=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"head": "question-answering"}, "head='question-answering'.*one of text-classification"),
        ({"head": "fill-mask", "num_labels": 3}, "num_labels=3.*vocabulary"),
        ({"categories": ["a", "b"], "num_labels": 3}, "num_labels=3.*Expected 2"),
        ({"categories": "ab"}, "categories='ab'.*Expected a sequence of names"),
        ({"num_labels": 0}, "num_labels=0. Expected a positive integer; without a head,"),
        ({"num_labels": True}, "num_labels=True. Expected a positive integer"),
        ({"num_labels": "3", "head": "token-classification"}, "num_labels='3'. Expected a pos"),
    ],
)
def test_contradiction_is_refused(arguments, message):
    """Each says what was expected."""
    with pytest.raises(ArgumentError, match=message):
        roberta_base(**FEW, **arguments)


def test_pooler_that_no_class_has_is_refused():
    """DistilBERT has none."""
    with pytest.raises(ArgumentError, match="DistilBertModel has no pooler"):
        distilbert_base(n_layers=1, vocab_size=100, add_pooling_layer=True)


def test_pooler_can_be_chosen():
    """An encoder without a head has one or not."""
    assert bert_base(**FEW, add_pooling_layer=False).pooler is None
    assert roberta_base(**FEW, add_pooling_layer=True).pooler is not None
    assert bert_base(**FEW).pooler is not None
    assert roberta_base(**FEW).pooler is None


def test_categories_name_the_outputs():
    """Those of the weights, unless the head is new, or the caller names them."""
    weights = RoBERTaTinyWeights.ManPages_RefV1
    found = roberta_tiny(weights=weights).config
    assert dict(enumerate(weights.meta["categories"])) == found.id2label
    assert 4 == found.label2id["Spanish"]

    same_number = roberta_tiny(weights=weights, new_head=True).config
    assert "LABEL_0" == same_number.id2label[0]

    named = roberta_tiny(weights=weights, categories=["yes", "no"], new_head=True).config
    assert ({0: "yes", 1: "no"}, {"yes": 0, "no": 1}) == (named.id2label, named.label2id)

    own = roberta_tiny(weights=weights, id2label=dict(enumerate("abcdefghijklmnopqrstuv"))).config
    assert ("c", 2) == (own.id2label[2], own.label2id["c"])


def test_categories_of_an_own_entry_name_the_outputs(tmp_path):
    """And a model that started from it is saved with them, and comes back."""
    names = {"categories": ["bad", "good"]}
    dapi.save(roberta_tiny(), tmp_path / "first.safetensors")
    entry = WeightEntry.from_file(tmp_path / "first.safetensors", meta=names)
    model = roberta_tiny(weights=entry)
    dapi.save(model, tmp_path / "own.safetensors")

    again = dapi.load(tmp_path / "own.safetensors")
    assert {0: "bad", 1: "good"} == model.config.id2label == again.config.id2label


@pytest.mark.parametrize(
    "arguments",
    [
        {"categories": ("a", "b", "c"), "head": "token-classification"},
        {"num_labels": 3, "problem_type": "multi_label_classification"},
        {"head": "fill-mask"},
        {"add_pooling_layer": False},
        {"id2label": {0: "x", 1: "y"}, "num_labels": 2},
    ],
)
def test_saved_model_comes_back_with_its_head(arguments, tmp_path, batch):
    """Its class, the names of its outputs, and its values."""
    model = bert_base(**FEW, **arguments)
    dapi.save(model, tmp_path / "model.safetensors")
    again = dapi.load(tmp_path / "model.safetensors")

    assert type(again) is type(model)
    assert model.config.to_dict() == again.config.to_dict()
    assert all(map(torch.equal, model.state_dict().values(), again.state_dict().values()))


T5_PARTS = [("t5_small", {"part": part}) for part in ("generation", "encoder-decoder", "encoder")]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        *((name, few(member)) for name, member in zip(NAMES, FAMILIES, strict=True)),
        *((name, {**few(m), "num_labels": 2}) for name, m in zip(NAMES, FAMILIES, strict=True)),
        *T5_PARTS,
    ],
)
def test_model_that_is_called_with_texts_says_what_it_expects(name, arguments):
    """Token ids, from the transforms; also where a text comes by name, or their whole result."""
    model = dapi.get_builder(name)(device="meta", **arguments)

    for args, kwargs in (
        ((["a"],), {}),
        (("a",), {}),
        (({"input_ids": torch.ones(1, 3, dtype=torch.long)},), {}),
        ((torch.ones(1, 3, dtype=torch.long).numpy(),), {}),
        ((), {"input_ids": [[1, 2]]}),
    ):
        with pytest.raises(
            ArgumentError, match=r"weights\.transforms\(\).*dapi\.predictor"
        ) as found:
            model(*args, **kwargs)
        assert (type(model).__name__, "input_ids") == (found.value.function, found.value.argument)


@pytest.mark.slow
def test_model_is_compiled_exported_and_pickled_as_without_the_check(batch):
    """It breaks no graph, is not in it, and follows a copy."""
    model = minilm_l6(**FEW).eval()
    ids = batch["input_ids"] % 100
    with torch.no_grad():
        expected = model(ids).last_hidden_state
        exported = torch.export.export(model, (ids,)).module()(ids).last_hidden_state
        assert 0 == torch._dynamo.explain(model)(ids).graph_break_count
        copied = pickle.loads(pickle.dumps(model))
        assert torch.equal(expected, copied(ids).last_hidden_state)
        torch.testing.assert_close(exported, expected)
    with pytest.raises(ArgumentError):
        copied(["a"])


def test_real_encoder_gets_a_classifier(batch):
    """all-MiniLM-L6-v2: the pooler of its file is what the classifier reads."""
    weights = MiniLML6Weights.SentencePairs1B_RefV1
    model = minilm_l6(weights=weights, categories=["a", "b", "c"], new_head=True).eval()
    encoder = minilm_l6(weights=weights).eval()

    with torch.inference_mode():
        pooled = encoder(**batch).pooler_output
        assert torch.equal(model.bert(**batch).pooler_output, pooled)
        assert (3, 3) == tuple(model(**batch).logits.shape)


def test_arguments_of_a_head_can_be_of_the_weights():
    """An entry of a fine-tuned file says what it has."""
    build = Build(config={**FEW, "head": "token-classification", "num_labels": 4})
    entry = WeightEntry("https://example.org/model.safetensors", build=build)
    model = roberta_base(weights=entry, device="meta")

    assert (transformers.RobertaForTokenClassification, 4) == (type(model), model.num_labels)


@pytest.mark.parametrize("member", FAMILIES, ids=NAMES)
def test_entry_is_still_a_value(member):
    """With its step of adapt: it hashes, compares, pickles, and is shown."""
    (step, *_) = member.build.adapt
    assert pickle.loads(pickle.dumps(step)) == step
    assert {hash(member.build), hash(pickle.loads(pickle.dumps(member.build)))} == {
        hash(member.build)
    }
    assert repr(step).startswith("Family(name=")
