"""Tokens are those of transformers' own tokenizers, loaded from the same files."""

import dataclasses
import pickle
import random
import shutil

import pytest
import torch
from transformers import AutoTokenizer

from dapi import WeightEntry
from dapi.text import MiniLML6Weights, RoBERTaBaseWeights, RoBERTaLargeWeights
from dapi.text.transforms import Tokenizer

MINILM = MiniLML6Weights.SentencePairs1B_RefV1
ROBERTA = RoBERTaBaseWeights.English160GB_RefV1
TEXTS = [
    "Hello world",
    " Hello  world\n",
    "",
    "naïve café — “quotes”, 日本語 and \N{PILE OF POO}",
    "fill the <mask> in, or the [MASK] there, </s> and [SEP] <pad>",
    "A robustly optimized BERT pretraining approach " * 90,
    "antidisestablishmentarianism" * 40,
]


def random_texts(count=200):
    """Strings of any characters that can be encoded, and of words."""
    rng = random.Random(0)
    for _ in range(count):
        length = rng.randrange(60)
        codes = (
            rng.choice([rng.randrange(32, 127), rng.randrange(1, 0xD800)]) for _ in "x" * length
        )
        yield "".join(map(chr, codes))


@pytest.fixture(params=["minilm", "roberta"])
def pair(request, minilm_folder, roberta_tokenizer_folder):
    """Transformers' tokenizer of a folder, and what an entry makes of the file in it."""
    if request.param == "minilm":
        oracle = AutoTokenizer.from_pretrained(minilm_folder)
        return oracle, 256, MINILM.transforms()
    path = roberta_tokenizer_folder / "tokenizer.json"
    entry = with_tokenizer(ROBERTA, path)
    return AutoTokenizer.from_pretrained(roberta_tokenizer_folder), 512, entry.transforms()


def with_tokenizer(member, path):
    """A published entry with another file as its tokenizer."""
    file = WeightEntry.from_file(path).files[0]
    unbound = dataclasses.replace(member.value, assets={"tokenizer": file})
    transforms = type(member.transforms)(
        member.transforms.target, {**member.transforms.kwargs, "file": file}
    )
    return dataclasses.replace(unbound, transforms=transforms)


@pytest.mark.parametrize("texts", [TEXTS, list(random_texts()), TEXTS[:1]], ids=len)
def test_batch_is_that_of_transformers(pair, texts):
    """The same ids and mask, padded to the longest, cut at the length of the entry."""
    oracle, max_length, ours = pair
    expected = oracle(
        texts, padding=True, truncation=True, max_length=max_length, return_tensors="pt"
    )
    actual = ours(texts)
    assert list(actual) == ["input_ids", "attention_mask"]
    for key, tensor in actual.items():
        assert tensor.dtype == torch.int64
        assert torch.equal(expected[key], tensor)


def test_tokenizer_knows_words(pair):
    """An untrained tokenizer would make <unk> of them all."""
    _, _, ours = pair
    row = ours("robustly optimized")["input_ids"][0].tolist()
    assert ours.tokenizer.decode(row).strip() == "robustly optimized"


def test_file_without_a_suffix_is_read(roberta_tokenizer_folder, tmp_path):
    """In the cache a file is named by its hash."""
    blob = tmp_path / ("0" * 64)
    shutil.copy(roberta_tokenizer_folder / "tokenizer.json", blob)
    path = roberta_tokenizer_folder / "tokenizer.json"
    a, b = (Tokenizer(each, max_length=512, padding="<pad>") for each in (blob, path))
    assert torch.equal(a(TEXTS)["input_ids"], b(TEXTS)["input_ids"])


def test_one_text_is_a_batch_of_one(pair):
    """A str is not taken for a sequence of characters."""
    _, _, ours = pair
    assert torch.equal(ours("Hello world")["input_ids"], ours(["Hello world"])["input_ids"])


def test_pickled_tokenizer_makes_the_same_batch(pair):
    """It can be sent to another process."""
    _, _, ours = pair
    again = pickle.loads(pickle.dumps(ours))
    assert torch.equal(ours(TEXTS)["input_ids"], again(TEXTS)["input_ids"])
    assert repr(again) == repr(ours)


@pytest.mark.parametrize("member", [MINILM, ROBERTA, RoBERTaLargeWeights.English160GB_RefV1])
def test_published_tokenizer_is_pinned(member):
    """Whose ids these are, the full hash of the file says."""
    assert member.assets["tokenizer"].is_pinned


@pytest.mark.parametrize(
    ("texts", "error", "message"),
    [
        ([], ValueError, "at least one text"),
        (["a", 3], TypeError, "3"),
        ([None], TypeError, "None"),
    ],
)
def test_what_is_no_text_is_refused(pair, texts, error, message):
    """The message says what is wrong."""
    _, _, ours = pair
    with pytest.raises(error, match=message):
        ours(texts)


def test_wrong_file_is_refused(minilm_folder):
    """A vocabulary alone is no tokenizer, and another model's tokenizer pads otherwise."""
    with pytest.raises(ValueError, match=r"not a tokenizer\.json"):
        Tokenizer(minilm_folder / "vocab.txt", max_length=8, padding="[PAD]")
    with pytest.raises(ValueError, match="no token '<pad>'"):
        Tokenizer(minilm_folder / "tokenizer.json", max_length=8, padding="<pad>")
