"""Pipelines, collators and Trainer of transformers take a text model and its tokenizer."""

import pytest
import torch

import dapi
from dapi.text.pretrained import read_pretrained
from dapi.text.transforms import Tokenizer

transformers = pytest.importorskip("transformers", reason="transformers is not installed")

INTEGRATION = "transformers.pipeline"
DISTRIBUTION = "transformers"

TINY = "roberta_tiny:ManPages_RefV1"
SENTENCES = [
    "El perro duerme en la casa, y nadie sabe por qué.",
    "Der Bahnhof liegt gleich hinter der nächsten Straße.",
    "La gare se trouve juste derrière la prochaine rue.",
]
LANGUAGES = ["Spanish", "German", "French"]


def example():
    from transformers import pipeline

    import dapi
    from dapi.text.pretrained import read_pretrained

    weights = dapi.get_weights("roberta_tiny:ManPages_RefV1")
    model = dapi.get_model(weights).eval()
    tokenizer = weights.transforms().as_transformers()
    classify = pipeline("text-classification", model=model, tokenizer=tokenizer)
    print(classify("Wo ist der nächste Bahnhof?", truncation=True)[0]["label"])

    model.save_pretrained("languages")
    tokenizer.save_pretrained("languages")
    print(pipeline("text-classification", "languages")("Où est la gare ?")[0]["label"])
    again = dapi.get_model("roberta_tiny", weights=read_pretrained("languages"))
    print(again.config.id2label == model.config.id2label)


def test_example_runs(run_example):
    """A model goes into a pipeline, to a directory of transformers, and back."""
    assert ["German", "French", "True"] == run_example().splitlines()


@pytest.fixture
def weights():
    return dapi.get_weights(TINY)


@pytest.fixture
def tokenizer(weights):
    return weights.transforms().as_transformers()


def test_pipeline_classifies_as_dapi_does(weights, tokenizer):
    """The same labels, the same probabilities, for a batch with padding."""
    model = dapi.get_model(weights).eval()
    classify = transformers.pipeline("text-classification", model=model, tokenizer=tokenizer)
    found = classify(SENTENCES, batch_size=3, truncation=True)

    with torch.inference_mode():
        expected = weights.postprocess(k=1)(model(**weights.transforms()(SENTENCES)))
    assert LANGUAGES == [each["label"] for each in found]
    for each, [(label, probability)] in zip(found, expected, strict=True):
        assert label == each["label"]
        assert probability == pytest.approx(each["score"], abs=1e-6)


def test_pipeline_labels_tokens(weights, tokenizer):
    """With the names of the new head."""
    names = ["O", "PLACE"]
    given = {"head": "token-classification", "categories": names, "new_head": True}
    model = dapi.get_model(weights, **given).eval()
    label = transformers.pipeline("token-classification", model=model, tokenizer=tokenizer)
    found = label(SENTENCES[1], ignore_labels=[])

    assert {each["entity"] for each in found} <= set(names)
    assert len(found) == len(weights.transforms()(SENTENCES[1])["input_ids"][0]) - 2


def test_pipeline_fills_masks(tmp_path):
    """By a head that the weights have; the tokenizer reads the mask as what it means."""
    import tokenizers

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "sky", "is", "blue"]
    numbers = {word: number for number, word in enumerate(words)}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(numbers, "[UNK]"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.add_special_tokens(words[:5])
    made.save(str(tmp_path / "tokenizer.json"))
    few = {"num_hidden_layers": 1, "hidden_size": 12, "intermediate_size": 8, "vocab_size": 9}
    model = dapi.get_model("bert_base", weights=None, head="fill-mask", **few).eval()
    ours = Tokenizer(
        tmp_path / "tokenizer.json", max_length=16, padding="[PAD]", special_tokens=True
    )

    fill = transformers.pipeline("fill-mask", model=model, tokenizer=ours.as_transformers())
    assert {each["token_str"] for each in fill("the sky is [MASK]", top_k=9)} == set(words)


def test_pipeline_extracts_features():
    """The vectors of a sentence encoder, of the same tokens."""
    weights = dapi.get_weights("minilm_l6:SentencePairs1B_RefV1")
    model = dapi.get_model(weights).eval()
    tokenizer = weights.transforms().as_transformers()
    extract = transformers.pipeline("feature-extraction", model=model, tokenizer=tokenizer)
    found = torch.tensor(extract("The sky is blue."))

    with torch.inference_mode():
        expected = model(**weights.transforms()("The sky is blue.")).last_hidden_state
    assert torch.equal(expected, found)


def test_collators_pad_as_the_tokenizer_does(weights, tokenizer):
    """Labels of texts, and of tokens, which the loss ignores where there is padding."""
    rows = [{**tokenizer(text, truncation=True), "label": n} for n, text in enumerate(SENTENCES)]
    batch = transformers.DataCollatorWithPadding(tokenizer)(rows)
    expected = weights.transforms()(SENTENCES)

    assert all(torch.equal(tensor, batch[key]) for key, tensor in expected.items())
    assert [0, 1, 2] == batch["labels"].tolist()

    rows = [dict(tokenizer(text, truncation=True)) for text in SENTENCES]
    for row in rows:
        row["labels"] = [1] * len(row["input_ids"])
    batch = transformers.DataCollatorForTokenClassification(tokenizer)(rows)
    assert torch.equal(batch["labels"] == -100, batch["attention_mask"] == 0)


def test_trainer_trains_a_new_head(weights, tokenizer, tmp_path):
    """It saves checkpoints that our builder loads; and dapi.save saves the trained model."""
    pytest.importorskip("accelerate", reason="accelerate is not installed")
    torch.manual_seed(0)
    categories = ["Romance", "Germanic"]
    model = dapi.get_model(weights, categories=categories, new_head=True)
    rows = [
        {**tokenizer(text, truncation=True), "label": label}
        for text, label in zip(SENTENCES * 4, [0, 1, 0] * 4, strict=True)
    ]
    arguments = transformers.TrainingArguments(
        str(tmp_path / "run"),
        num_train_epochs=8,
        per_device_train_batch_size=6,
        learning_rate=5e-3,
        use_cpu=True,
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=False,
    )
    trainer = transformers.Trainer(model, arguments, train_dataset=rows, processing_class=tokenizer)
    trainer.train()
    trainer.save_model(str(tmp_path / "best"))

    entry = read_pretrained(tmp_path / "best")
    again = dapi.get_model("roberta_tiny", weights=entry).eval()
    assert tuple(categories) == entry.meta["categories"]
    assert all(map(torch.equal, model.state_dict().values(), again.state_dict().values()))
    found = entry.postprocess(k=1)(again(**entry.transforms()(SENTENCES)))
    assert [categories[0], categories[1], categories[0]] == [best for [(best, _)] in found]

    dapi.save(model, tmp_path / "model.safetensors")
    loaded = dapi.load(tmp_path / "model.safetensors")
    assert {0: "Romance", 1: "Germanic"} == loaded.config.id2label
