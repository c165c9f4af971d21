"""Tokens are those of transformers' own tokenizers, loaded from the same files."""

import dataclasses
import json
import pickle
import random
import shutil

import pytest
import tokenizers
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers.models import Unigram
from tokenizers.pre_tokenizers import Metaspace
from tokenizers.trainers import UnigramTrainer
from transformers import (
    AutoTokenizer,
    BertTokenizer,
    DebertaV2Tokenizer,
    MPNetTokenizer,
    T5Tokenizer,
    XLMRobertaTokenizer,
)

from dapi import File, WeightEntry, cache
from dapi.text import (
    BERTBaseWeights,
    DeBERTaV3BaseWeights,
    FlanT5XXLWeights,
    MiniLML6Weights,
    MPNetBaseWeights,
    RoBERTaBaseWeights,
    RoBERTaLargeWeights,
    T5SmallWeights,
    T511BWeights,
    XLMRoBERTaBaseWeights,
)
from dapi.text.transforms import SentencePieceTokenizer, Tokenizer

MINILM = MiniLML6Weights.SentencePairs1B_RefV1
ROBERTA = RoBERTaBaseWeights.English160GB_RefV1
SPECIAL = "fill the <mask> in, or the [MASK] there, </s> and [SEP] <pad>"
TEXTS = [
    "Hello world",
    " Hello  world\n",
    "",
    "naïve café — “quotes”, 日本語 and \N{PILE OF POO}",
    SPECIAL,
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


def pieces(corpus, first, last=()):
    """A small Unigram vocabulary, with special tokens before and after it."""
    trainer = UnigramTrainer(vocab_size=300, unk_token="?", special_tokens=["?"])
    trained = tokenizers.Tokenizer(Unigram())
    trained.pre_tokenizer = Metaspace()
    trained.train_from_iterator(corpus * 3, trainer)
    learnt = json.loads(trained.to_str())["model"]["vocab"][1:]
    return [*((token, 0.0) for token in first), *map(tuple, learnt), *((t, 0.0) for t in last)]


def words(corpus, *special):
    """A small WordPiece vocabulary, special tokens first, with both cases and accents."""
    letters = sorted({letter for text in corpus for letter in text if letter.strip()})
    known = ["robustly", "optimized", "##ly", "Numbers", "numbers", "naïve"]
    tokens = [*special, *letters, *(f"##{letter}" for letter in letters), *known]
    return {token: number for number, token in enumerate(tokens)}


BERT_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
EXTRA_IDS = [f"<extra_id_{number}>" for number in reversed(range(100))]
MADE = {
    "bert": lambda corpus: BertTokenizer(vocab=words(corpus, *BERT_SPECIAL), do_lower_case=False),
    "mpnet": lambda corpus: MPNetTokenizer(
        vocab=words(corpus, "<s>", "<pad>", "</s>", "<unk>", "[UNK]", "<mask>")
    ),
    "t5": lambda corpus: T5Tokenizer(vocab=pieces(corpus, ["<pad>", "</s>", "<unk>"], EXTRA_IDS)),
    "xlm-roberta": lambda corpus: XLMRobertaTokenizer(
        vocab=pieces(corpus, ["<s>", "<pad>", "</s>", "<unk>"], ["<mask>"])
    ),
}
ENTRIES = {
    "bert": (BERTBaseWeights.BookCorpusWikipedia_Cased_RefV1, 512),
    "mpnet": (MPNetBaseWeights.SentencePairs1B_RefV1, 384),
    "t5": (T5SmallWeights.C4_RefV1, 512),
    "xlm-roberta": (XLMRoBERTaBaseWeights.CC100_RefV1, 512),
    "roberta": (ROBERTA, 512),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory, corpus, roberta_tokenizer_folder):
    """For each kind, a small tokenizer in the files that transformers publishes."""
    folders = {"roberta": roberta_tokenizer_folder}
    for kind, make in MADE.items():
        folders[kind] = tmp_path_factory.mktemp(kind)
        make(corpus).save_pretrained(folders[kind])
    return folders


@pytest.fixture(scope="module", params=["minilm", *ENTRIES])
def published(request, minilm_folder, folders):
    """A folder of transformers, the length of an entry, and the entry with the file in it."""
    if request.param == "minilm":
        return minilm_folder, 256, MINILM
    folder = folders[request.param]
    member, max_length = ENTRIES[request.param]
    return folder, max_length, with_tokenizer(member, folder / "tokenizer.json")


@pytest.fixture(scope="module")
def pair(published):
    """Transformers' tokenizer of a folder, and what an entry makes of the file in it."""
    folder, max_length, entry = published
    return AutoTokenizer.from_pretrained(folder), max_length, entry.transforms()


def with_tokenizer(member, path):
    """A published entry with another file as its tokenizer."""
    (file,) = WeightEntry.from_file(path).files
    return dataclasses.replace(member.value, assets=dict.fromkeys(member.assets, file))


@pytest.mark.parametrize("special_tokens", [False, True])
@pytest.mark.parametrize("texts", [TEXTS, list(random_texts()), TEXTS[:1]], ids=len)
def test_batch_is_that_of_transformers(published, pair, texts, special_tokens):
    """The same ids and mask, padded to the longest, cut at the length of the entry."""
    oracle, max_length, ours = pair
    if special_tokens:
        ours = published[2].transforms(special_tokens=True)
    else:  # transformers takes them for what they mean
        texts = [text for text in texts if text != SPECIAL]
    expected = oracle(
        texts, padding=True, truncation=True, max_length=max_length, return_tensors="pt"
    )
    actual = ours(texts)
    assert list(actual) == ["input_ids", "attention_mask"]
    for key, tensor in actual.items():
        assert tensor.dtype == torch.int64
        assert torch.equal(expected[key], tensor)


# Control characters, marks that reorder or combine, the ends of the planes, and special tokens.
HOSTILE = st.one_of(
    st.characters(exclude_categories=["Cs"]),
    st.sampled_from([*"\0\t\u0301\u200b\u202e\ufeff\ufffd\U0010ffff\u2028<|[ "]),
    st.sampled_from(["</s>", "<pad>", "[SEP]", "<mask>", "[MASK]", "<s>", "[UNK]", "<extra_id_0>"]),
)
TEXT = st.lists(HOSTILE, max_size=40).map("".join)


@pytest.fixture(scope="module", params=[False, True], ids=["letters", "special"])
def twins(request, published, tmp_path_factory):
    """What an entry makes of the file, and the same for transformers: made, and read again."""
    ours = published[2].transforms(special_tokens=request.param)
    made = ours.as_transformers()
    folder = tmp_path_factory.mktemp("saved")
    made.save_pretrained(folder)
    return ours, (made, AutoTokenizer.from_pretrained(folder))


@settings(max_examples=60)
@given(texts=st.lists(TEXT, min_size=1, max_size=4))
def test_transformers_takes_our_tokenizer(twins, texts):
    """The same ids and mask for any text, also after transformers saved and read it."""
    ours, others = twins
    expected = ours(texts)
    for other in others:
        found = other(texts, padding=True, truncation=True, return_tensors="pt")
        assert list(expected) == list(found)
        assert all(torch.equal(tensor, found[key]) for key, tensor in expected.items())


def test_transformers_is_told_of_the_special_tokens(published):
    """Padding, length and mask are those of the tokenizer that transformers reads itself."""
    folder, max_length, entry = published
    oracle, ours = AutoTokenizer.from_pretrained(folder), entry.transforms().as_transformers()
    wanted = ["pad_token", "unk_token", "mask_token", "sep_token", "cls_token", "eos_token"]
    known = special_ids(entry.transforms().tokenizer).values()

    assert (max_length, "right") == (ours.model_max_length, ours.padding_side)
    for name in wanted:
        if getattr(oracle, name) in known and getattr(ours, name) is not None:
            assert getattr(oracle, name) == getattr(ours, name)
            assert getattr(oracle, f"{name}_id") == getattr(ours, f"{name}_id")
    assert ours.pad_token == oracle.pad_token
    assert ours.mask_token == oracle.mask_token


def test_pairs_of_texts_have_types_on_request(minilm_folder):
    """BERT distinguishes the two texts of a pair by them."""
    oracle = AutoTokenizer.from_pretrained(minilm_folder)
    plain = MINILM.transforms().as_transformers()
    typed = MINILM.transforms().as_transformers(token_types=True)
    expected, found = oracle("A man", "A woman"), typed("A man", "A woman")

    assert dict(expected) == dict(found)
    assert 1 in found["token_type_ids"]
    assert "token_type_ids" not in plain("A man", "A woman")


UNKNOWN = ("<unk>", "[UNK]")  # which letters may be


def special_ids(tokenizer):
    added = tokenizer.get_added_tokens_decoder()
    return {number: token.content for number, token in added.items() if token.special}


def written_by_users(ours):
    """Texts with each special token: alone, in words, twice, and in wide letters."""
    for token in special_ids(ours.tokenizer).values():
        wide = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in token)
        yield from (token, f"robustly {token} and{token}and", f"{token}{token[0]}{token}", wide)


def test_special_tokens_in_a_text_are_letters(pair):
    """Nobody's text ends a sequence, starts another or counts as padding, unless asked for."""
    _, _, ours = pair
    special = special_ids(ours.tokenizer)
    frame = ours("")["input_ids"][0].tolist()
    for tokenizer in (ours, pickle.loads(pickle.dumps(ours))):
        for text in written_by_users(ours):
            row = tokenizer(text)["input_ids"][0].tolist()
            found = [special[number] for number in row if number in special]
            assert [special[n] for n in frame] == [each for each in found if each not in UNKNOWN]


def test_special_tokens_are_split_as_transformers_splits_them(published):
    """Where its models have them not among their pieces, too."""
    folder, _, entry = published
    oracle = AutoTokenizer.from_pretrained(folder, split_special_tokens=True)
    if isinstance(oracle.backend_tokenizer.model, Unigram):
        pytest.skip("transformers finds them among the pieces")
    assert oracle(SPECIAL)["input_ids"] == entry.transforms()(SPECIAL)["input_ids"][0].tolist()


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


@pytest.mark.parametrize(
    "member",
    [MINILM, ROBERTA, RoBERTaLargeWeights.English160GB_RefV1, *T511BWeights, *FlanT5XXLWeights],
)
def test_published_tokenizer_is_pinned(member):
    """Whose ids these are, the full hash of the file says."""
    assert member.assets["tokenizer"].is_pinned


@pytest.mark.parametrize(
    ("texts", "error", "message"),
    [
        (["a", "\ud800"], ValueError, "lone surrogate"),
        ([], ValueError, "at least one text"),
        (["a", 3], TypeError, "3"),
        (3, TypeError, "a str or a sequence of str; got 3"),
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


LYING_THERE = {
    "pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS.*lfs pull"),
    "page": (b"<!DOCTYPE html><title>Sign in</title>", "web page.*download it again"),
    "cut": (b'{"version": "1.0", "added_tokens": [', "not a tokenizer.json|SentencePiece"),
}


@pytest.mark.parametrize("lying", LYING_THERE)
@pytest.mark.parametrize(
    "member",
    [
        DeBERTaV3BaseWeights.English160GB_RefV1,
        MPNetBaseWeights.SentencePairs1B_RefV1,
        T5SmallWeights.C4_RefV1,
    ],
    ids=str,
)
def test_what_is_no_vocabulary_is_named_and_downloaded_again(member, lying):
    """Instead of words about JSON; without a full hash it does not stay in the cache."""
    content, said = LYING_THERE[lying]
    file = File("https://localhost:1/tokenizer.json")
    entry = dataclasses.replace(member.value, assets=dict.fromkeys(member.assets, file))
    for make in (entry.transforms, *([entry.postprocess] if member.name == "C4_RefV1" else [])):
        cache.receive([content], file, source="a test", wanted=file.name)
        with pytest.raises(ValueError, match=said):
            make()
        assert cache.find(file) is None


def test_length_without_room_for_text_is_refused(minilm_folder):
    """Two of the tokens are special; three leave room for one of the text."""
    file = minilm_folder / "tokenizer.json"

    assert Tokenizer(file, max_length=3, padding="[PAD]")("two words")["input_ids"].shape == (1, 3)
    for length in (2, 0, -1):
        with pytest.raises(ValueError, match=f"max_length={length} .* Expected at least 3"):
            Tokenizer(file, max_length=length, padding="[PAD]")


def test_generated_ids_become_text(folders):
    """Special tokens are left out, as transformers leaves them out."""
    folder = folders["t5"]
    oracle = AutoTokenizer.from_pretrained(folder)
    entry = with_tokenizer(T5SmallWeights.C4_RefV1, folder / "tokenizer.json")
    generated = torch.tensor([[0, 30, 31, 32, 1, 0], [0, 40, 2, 41, 42, 1]])
    texts = entry.postprocess()(generated)
    assert texts == oracle.batch_decode(generated, skip_special_tokens=True)
    assert all(texts) and "</s>" not in "".join(texts)


@pytest.fixture
def spm(tmp_path, corpus):
    """Make SentencePiece's own processor of a model laid out as DeBERTa's, and our entry's."""
    library = pytest.importorskip("sentencepiece")

    def train(normalization, **options):
        library.SentencePieceTrainer.train(
            sentence_iterator=iter([*corpus, "[ ] P A D S E U N K"] * 5),
            model_prefix=str(tmp_path / "spm"),
            vocab_size=200,
            hard_vocab_limit=False,
            pad_id=0, pad_piece="[PAD]", bos_id=1, bos_piece="[CLS]",
            eos_id=2, eos_piece="[SEP]", unk_id=3, unk_piece="[UNK]",
            normalization_rule_name=normalization,
            minloglevel=2,
        )  # fmt: skip
        path = tmp_path / "spm.model"
        oracle = library.SentencePieceProcessor(model_file=str(path))
        entry = with_tokenizer(DeBERTaV3BaseWeights.English160GB_RefV1, path)
        return oracle, entry.transforms(**options)

    return train


def test_sentencepiece_model_gives_its_own_ids(spm):
    """Its pieces, scores and normalization: the ids of SentencePiece itself, between two tokens."""
    oracle, ours = spm("nmt_nfkc")
    compatible = "\ufb01ne \uff46\uff55\uff4c\uff4c width\u2460"  # a ligature, wide letters, (1)
    written = [f"words {token}and {token} or{token}" for token in ("[PAD]", "[SEP]", "[UNK]")]
    for text in [*TEXTS[:4], SPECIAL, *written, compatible, *random_texts()]:
        line = " ".join(text.split())  # which it takes one at a time
        (row,) = ours(line)["input_ids"].tolist()
        assert row == [1, *oracle.encode(line)[:510], 2]


def test_transformers_takes_a_sentencepiece_model(spm):
    """DeBERTa's vocabulary, which has no tokenizer.json, becomes one."""
    _, ours = spm("nmt_nfkc")
    texts = [*TEXTS[:5], *written_by_users(ours), *random_texts()]
    other = ours.as_transformers()
    found = other(texts, padding=True, truncation=True, return_tensors="pt")

    assert all(torch.equal(tensor, found[key]) for key, tensor in ours(texts).items())
    assert ("[PAD]", "[CLS]", "[MASK]") == (other.pad_token, other.cls_token, other.mask_token)


def test_sentencepiece_model_splits_as_transformers_does(spm):
    """The ids of DebertaV2Tokenizer, which normalizes by NFC whatever the model says."""
    oracle, ours = spm("identity", special_tokens=True)
    vocabulary = [(oracle.id_to_piece(n), oracle.get_score(n)) for n in range(len(oracle))]
    theirs = DebertaV2Tokenizer(vocab=vocabulary, unk_id=3)
    texts = [*TEXTS, *random_texts()]
    expected = theirs(texts, padding=True, truncation=True, max_length=512, return_tensors="pt")
    actual = ours(texts)
    assert torch.equal(expected["input_ids"], actual["input_ids"])
    assert torch.equal(expected["attention_mask"], actual["attention_mask"])
    assert len(vocabulary) == ours.tokenizer.token_to_id("[MASK]")


def test_no_beginning_of_a_sentencepiece_file_is_a_model(spm, tmp_path):
    """Also where it ends between two pieces: it would know fewer words, and normalize otherwise."""
    spm("nmt_nfkc")
    content = (tmp_path / "spm.model").read_bytes()
    for length in (*range(1, 5000), len(content) - 1):  # the pieces, and what follows them
        (tmp_path / "cut.model").write_bytes(content[:length])
        with pytest.raises(ValueError, match="not a SentencePiece model"):
            SentencePieceTokenizer(
                tmp_path / "cut.model", max_length=8, padding="[PAD]", start="[CLS]", end="[SEP]"
            )


def test_wrong_sentencepiece_file_is_refused(minilm_folder, tmp_path):
    """Neither text, nor a file that is cut off, is taken for a model."""
    (tmp_path / "cut").write_bytes(b"\x0a\x20\x0a\x03abc")
    (tmp_path / "empty").write_bytes(b"")
    for path in (minilm_folder / "vocab.txt", tmp_path / "cut", tmp_path / "empty"):
        with pytest.raises(ValueError, match="not a SentencePiece model"):
            SentencePieceTokenizer(path, max_length=8, padding="[PAD]", start="a", end="b")
