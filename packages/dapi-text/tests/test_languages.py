"""roberta_tiny with its real weights tells languages apart, on pages it was not trained on."""

import dataclasses
from collections import defaultdict
from pathlib import Path

import pytest
import torch
from transformers import RobertaConfig, RobertaForSequenceClassification

import dapi
from dapi.exceptions import ConfigConflictError
from dapi.text import RoBERTaTinyWeights, roberta_tiny

MEMBER = RoBERTaTinyWeights.ManPages_RefV1
DATA = Path(__file__).parent / "data"
CODES = MEMBER.meta["language_codes"]


def table(name):
    """The rows of a file beside the tests, each a list."""
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    return [line.split("\t") for line in lines]


EVERYDAY = dict(table("everyday_sentences.tsv"))


@pytest.fixture(scope="module")
def model():
    """Ours, with the real weights."""
    return roberta_tiny(weights=MEMBER).eval()


@pytest.fixture(scope="module")
def identify(model):
    """From texts to codes of languages, as a user does it."""
    tokenize, name = MEMBER.transforms(), MEMBER.postprocess()
    code_of = dict(zip(MEMBER.meta["categories"], CODES, strict=True))

    def languages(texts):
        with torch.inference_mode():
            named = name(model(**tokenize(texts)))
        return [code_of[best[0]] for best, *_ in named]

    return languages


@pytest.fixture(scope="module")
def held_out():
    """Language, page and text of each sentence that is kept for measuring."""
    return table("held_out_sentences.tsv")


def test_accuracy_is_what_is_stated(identify, held_out):
    """On the sentences that are kept, the weights do at least what their metadata says."""
    right = defaultdict(list)
    found = identify([text for _, _, text in held_out])
    for (code, _, _), each in zip(held_out, found, strict=True):
        right[code].append(each == code)
    every = [each for own in right.values() for each in own]
    measured = {
        "accuracy": 100 * sum(every) / len(every),
        "balanced accuracy": 100 * sum(sum(own) / len(own) for own in right.values()) / len(right),
    }

    metrics = {metric["name"]: metric["value"] for metric in MEMBER.meta["metrics"]}
    assert measured.keys() == metrics.keys()
    assert all(round(measured[name], 2) >= metrics[name] >= 97 for name in metrics)


def test_measured_sentences_are_held_out(held_out, recipe):
    """Their programs are none that the recipe trains on; each is long enough, and stands once."""
    pages = recipe("manual_pages")
    for code, page, text in held_out:
        assert pages.Sentence(code, page, text).is_held_out
        assert pages.is_prose(text, code) and len(text) >= 40
    assert len({text for _, _, text in held_out}) == len(held_out)
    per_language = defaultdict(int)
    for code, _, _ in held_out:
        per_language[code] += 1
    assert list(CODES) == list(per_language)
    assert all(30 <= count <= 40 for count in per_language.values())


def test_what_is_trained_on_is_not_held_out(recipe):
    """Of many pages, the recipe trains on those alone whose program is not kept for measuring."""
    module, pages = recipe("roberta_tiny_languages"), recipe("manual_pages")
    sentences = [pages.Sentence("de", f"program{n}.1", str(n)) for n in range(200)]
    trained = module.training_texts(sentences)[CODES.index("de")]
    measured = [each.text for each in sentences if each.is_held_out]

    assert {each.text for each in sentences} == {*trained, *measured}
    assert measured and not set(trained) & set(measured)


def test_files_are_what_the_recipe_describes(held_out, recipe):
    """Hashes, sizes, parameters and accuracy are those of the recipe's own evaluation."""
    module, pages = recipe("roberta_tiny_languages"), recipe("manual_pages")
    sentences = [pages.Sentence(*row) for row in held_out]
    found = module.describe(MEMBER.fetch().parent, sentences)

    assert found["weights"] == f"RoBERTaTinyWeights.{MEMBER.name}"
    assert (found["sha256"], found["size"]) == (MEMBER.sha256, MEMBER.size)
    tokenizer = MEMBER.assets["tokenizer"]
    assert found["tokenizer"]["sha256"] == tokenizer.sha256
    assert found["tokenizer"]["size"] == tokenizer.size
    assert found["num_params"] == MEMBER.meta["num_params"]
    for metric in MEMBER.meta["metrics"]:
        assert round(found["metrics"][metric["name"]], 2) >= metric["value"]
        assert metric["source"] == MEMBER.meta["recipe"]


def test_languages_are_those_of_the_recipe(recipe):
    """In the order of the outputs, each with a name."""
    assert recipe("manual_pages").LANGUAGES == tuple(CODES)
    assert len(set(MEMBER.meta["categories"])) == len(CODES)


def test_sources_are_the_packages_of_the_recipe(recipe):
    """Each package is named with its version."""
    named = [source.split()[0] for source in MEMBER.meta["text_sources"]]
    assert sorted(recipe("manual_pages").PACKAGES) == named


def test_files_are_small():
    """Weights and tokenizer together have less than four megabytes."""
    assert MEMBER.size + MEMBER.assets["tokenizer"].size < 4_000_000


def test_everyday_sentences_are_recognised(identify):
    """Also what no manual page would say, in every language."""
    assert list(CODES) == list(EVERYDAY) == identify([*EVERYDAY.values()])


def test_padding_changes_nothing(model):
    """A text alone gets the logits that it gets beside a longer one."""
    tokenize = MEMBER.transforms()
    with torch.inference_mode():
        alone = model(**tokenize(EVERYDAY["fi"])).logits
        beside = model(**tokenize([EVERYDAY["fi"], EVERYDAY["ja"] * 9])).logits[:1]
    torch.testing.assert_close(alone, beside, rtol=0, atol=1e-4)


def test_long_text_is_cut(identify):
    """Its beginning tells the language; more than the model's positions is no error."""
    assert ["fr"] == identify(EVERYDAY["fr"] * 50)


@pytest.mark.parametrize("text", ["", " \n\t", ["Ein Satz.", "\u3000"]])
def test_blank_text_is_refused(text):
    """There is no language in it."""
    with pytest.raises(
        ValueError, match=r"Text [12] of [12] is blank\. Expected text with words\."
    ):
        MEMBER.transforms()(text)


def test_model_is_that_of_transformers(model, tmp_path, assert_same_model):
    """The same classes from config.json and the same file: equal keys, values and outputs."""
    config = RobertaConfig(**MEMBER.build.config)
    RobertaForSequenceClassification(config).save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(MEMBER.fetch().read_bytes())
    oracle = RobertaForSequenceClassification.from_pretrained(tmp_path)
    assert_same_model(oracle, model)
    batch = MEMBER.transforms()(list(EVERYDAY.values()))
    with torch.inference_mode():
        assert torch.equal(oracle.eval()(**batch).logits, model(**batch).logits)


def test_other_number_of_labels_takes_a_new_head():
    """Without being asked for, the head stays that of the weights."""
    with pytest.raises(ConfigConflictError, match=r"num_labels=3 .*num_labels=22"):
        roberta_tiny(weights=MEMBER, num_labels=3)
    model = roberta_tiny(weights=MEMBER, num_labels=3, new_head=True)
    file = MEMBER.state_dict()
    for key, tensor in model.state_dict().items():
        if not key.startswith("classifier."):
            assert torch.equal(file[key], tensor), key
    assert model(**MEMBER.transforms()("One, two.")).logits.shape == (1, 3)


def test_latest_by_name():
    """get_model takes these weights, and says so."""
    assert MEMBER is dapi.weights_of(dapi.get_model("roberta_tiny"))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_gpu_gives_the_same_logits(model, held_out):
    """To 1e-3, and the same languages."""
    batch = MEMBER.transforms()([text for _, _, text in held_out])
    with torch.inference_mode():
        expected = model(**batch).logits
        on_gpu = roberta_tiny(weights=MEMBER).eval().cuda()
        actual = on_gpu(**{name: each.cuda() for name, each in batch.items()}).logits.cpu()
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-3)
    assert torch.equal(expected.argmax(1), actual.argmax(1))


@pytest.fixture
def tiny_run(recipe, tmp_path, restored):
    """Train for a few steps on a few sentences; what is changed of the options is given."""
    module, pages = recipe("roberta_tiny_languages"), recipe("manual_pages")
    sentences = [
        pages.Sentence(code, "page.1", f"{text} {number}")
        for code, text in EVERYDAY.items()
        for number in range(3)
    ]

    def train(folder, **changes):
        settings = {"steps": 4, "batch_size": 4, "sentences_for_vocabulary": 3, **changes}
        small = dataclasses.replace(module.Recipe(), **settings)
        options = module.Options(output=tmp_path / folder, recipe=small)
        model = module.train(module.training_texts(sentences), sentences[:3], options)
        return model, (tmp_path / folder / f"{module.NAME}.json").read_bytes()

    return train


def test_interrupted_training_ends_with_the_same_weights(tiny_run, recipe, monkeypatch):
    """The same command goes on, and a run repeats to the bit."""
    expected, tokenizer = tiny_run("whole")
    module = recipe("roberta_tiny_languages")
    draw, calls = module.Excerpts.__call__, iter(range(99))

    def interrupted(self, step):
        if next(calls) == 2:
            raise KeyboardInterrupt
        return draw(self, step)

    monkeypatch.setattr(recipe("training"), "SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    monkeypatch.setattr(module.Excerpts, "__call__", interrupted)
    with pytest.raises(KeyboardInterrupt):
        tiny_run("parts")
    actual, again = tiny_run("parts")

    assert tokenizer == again
    for key, tensor in expected.state_dict().items():
        assert torch.equal(tensor, actual.state_dict()[key]), key


def test_tokenizer_is_byte_level():
    """No text is unknown to it, and decoding gives the text back."""
    tokenizer = MEMBER.transforms().tokenizer
    text = "naïve — 日本語 \N{PILE OF POO} ελληνικά"
    ids = tokenizer.encode(text).ids
    assert tokenizer.token_to_id("<unk>") not in ids
    assert text == tokenizer.decode(ids).strip()
