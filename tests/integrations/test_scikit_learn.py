"""A sentence encoder is a step of a scikit-learn Pipeline, before any classifier."""

import pickle

import pytest
import torch

import dapi

sklearn = pytest.importorskip("sklearn", reason="scikit-learn is not installed")

INTEGRATION = "scikit-learn"
DISTRIBUTION = "scikit-learn"

TEXTS = [
    "The cat sleeps on the sofa.",
    "A puppy chases its tail in the garden.",
    "Our hamster eats sunflower seeds.",
    "The bank raised its interest rates.",
    "Shares of the company fell sharply.",
    "The budget deficit grew last year.",
]
TOPICS = ["animals"] * 3 + ["money"] * 3


def example():
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    from dapi.text.sklearn import SentenceEncoder

    texts = ["The cat sleeps.", "A puppy barks.", "Rates rose again.", "The bank lost money."]
    topics = ["animals", "animals", "money", "money"]
    classify = make_pipeline(SentenceEncoder("minilm_l6"), LogisticRegression())
    classify.fit(texts, topics)
    print(classify.predict(["A kitten meows.", "Shares fell."]))


def test_example_runs(run_example):
    """Texts go in, labels come out."""
    assert "['animals' 'money']" == run_example().strip()


@pytest.fixture(scope="module")
def pipeline():
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    from dapi.text.sklearn import SentenceEncoder

    encoder = SentenceEncoder("minilm_l6:SentencePairs1B_RefV1", batch_size=2)
    return make_pipeline(encoder, LogisticRegression()).fit(TEXTS, TOPICS)


def test_embeddings_are_those_of_the_weights(pipeline):
    """As transforms, model and postprocess give them, whatever the batch."""
    weights = dapi.get_weights("minilm_l6:SentencePairs1B_RefV1")
    model, batch = dapi.get_model(weights).eval(), weights.transforms()(TEXTS)
    with torch.inference_mode():
        expected = weights.postprocess()(model(**batch), batch)
    found = torch.from_numpy(pipeline[0].transform(TEXTS))

    assert (6, 384) == tuple(found.shape)
    assert torch.allclose(expected, found, atol=1e-6)


def test_pipeline_classifies_texts(pipeline):
    """Of topics that it was trained on, in other words."""
    assert ["animals", "money"] == list(pipeline.predict(["A kitten purrs.", "Taxes went up."]))


def test_pipeline_pickles_without_the_model(pipeline):
    """By the name of the weights: the file is small, and the copy builds the model again."""
    content = pickle.dumps(pipeline)
    copy = pickle.loads(content)

    assert len(content) < 50_000
    assert list(pipeline.predict(TEXTS)) == list(copy.predict(TEXTS))


def test_encoder_is_cloned_and_searched(pipeline):
    """scikit-learn sets its parameters: other weights, other batches."""
    from sklearn.base import clone
    from sklearn.model_selection import GridSearchCV

    assert 2 == clone(pipeline[0]).batch_size
    search = GridSearchCV(pipeline, {"sentenceencoder__batch_size": [1, 3]}, cv=3)
    assert 0.5 < search.fit(TEXTS, TOPICS).best_score_


def test_names_of_features_are_given(pipeline):
    """As scikit-learn asks for them, with pandas too."""
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    series = pandas.Series(TEXTS)
    names = pipeline[0].get_feature_names_out()

    assert ("minilm_l6_0", 384) == (names[0], len(names))
    assert (pipeline[0].transform(series) == pipeline[0].transform(TEXTS)).all()


def test_what_is_no_text_is_refused(pipeline):
    """A single text would be read as letters."""
    with pytest.raises(ValueError, match="sequence of texts"):
        pipeline[0].transform("The cat sleeps.")
    with pytest.raises(ValueError, match="sequence of texts"):
        pipeline[0].transform([["The cat"], ["sleeps."]])


def test_weights_without_embeddings_are_refused():
    """A classifier of texts makes no vectors."""
    from dapi.text.sklearn import SentenceEncoder

    with pytest.raises(ValueError, match="becomes one vector"):
        SentenceEncoder("roberta_tiny").fit(TEXTS)
