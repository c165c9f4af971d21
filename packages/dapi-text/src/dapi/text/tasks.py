"""Run the tasks of dapi.text on text; named by the entry points of ``dapi.tasks``.

An input is a text, or a file with one text per line.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from dapi import WeightEntry, Weights
from dapi.exceptions import InputError, NoWeightsError
from dapi.tasks import Input, Prediction, Predictor, place, read_texts, reads

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = [
    "feature_extraction",
    "sentence_similarity",
    "text2text_generation",
    "text_classification",
]

_LONGEST = 200  # maximum number of generated tokens; transformers would stop after 20


def _pooling(weights: Weights | WeightEntry) -> Any:
    """Return the postprocessing, which the halves of an encoder-decoder do not have."""
    try:
        return weights.postprocess()
    except NoWeightsError as cause:
        reason = "its weights do not define how its output becomes one vector"
        expected = "an encoder, or a model with such a task"
        raise InputError(str(weights), reason, expected=expected) from cause


@reads(read_texts)
def text_classification(model: nn.Module, weights: Weights | WeightEntry) -> Predictor:
    """Classify texts: labels with their probabilities."""
    preprocess, postprocess = weights.transforms(), weights.postprocess()

    def predict(text: str) -> Prediction:
        output = model(**place(preprocess(text), model))
        labels = postprocess(output)[0]
        rows = [{"label": label, "probability": round(value, 4)} for label, value in labels]
        return Prediction({"labels": rows}, output=output)

    return Predictor(read_texts, predict)


@reads(read_texts, check=_pooling)
def sentence_similarity(model: nn.Module, weights: Weights | WeightEntry) -> Predictor:
    """Compute the similarity of each text to the first."""
    from torch.nn.functional import normalize

    embed, ranked = _embedder(model, weights), list[tuple[float, str]]()
    first: list[tuple[str, Tensor]] = []
    sources: list[str] = []

    def read(source: str) -> list[Input]:
        sources.append(source)
        return read_texts(source)

    def predict(text: str) -> Prediction:
        if len(sources) > 1 and not first:
            reason = "it could not be read, but the others are compared with it"
            raise InputError(sources[0], reason, expected="a text file, or literal text")
        embedding = normalize(embed(text), dim=0)
        is_first = not first
        first[:] = first or [(text, embedding)]
        similarity = round(float(embedding @ first[0][1]), 4)
        if not is_first:
            ranked.append((similarity, text))
        return Prediction({"similarity": similarity}, output=embedding)

    def summarize() -> Prediction | None:
        rows = [{"similarity": value, "sentence": text} for value, text in sorted(ranked)[::-1]]
        return Prediction({"first": first[0][0], "ranked": rows}) if rows else None

    return Predictor(read, predict, summarize)


@reads(read_texts, check=_pooling)
def feature_extraction(model: nn.Module, weights: Weights | WeightEntry) -> Predictor:
    """Turn each text into one vector."""
    embed = _embedder(model, weights)

    def predict(text: str) -> Prediction:
        output = embed(text)
        facts = {"embedding": [round(value, 6) for value in output.tolist()]}
        return Prediction(facts, output=output)

    return Predictor(read_texts, predict)


@reads(read_texts)
def text2text_generation(model: Any, weights: Weights | WeightEntry) -> Predictor:
    """Answer each text with a text."""
    preprocess, postprocess = weights.transforms(), weights.postprocess()

    def predict(text: str) -> Prediction:
        batch = place(preprocess(text), model)
        ids = model.generate(**batch, max_new_tokens=_LONGEST, do_sample=False)
        return Prediction({"text": postprocess(ids)[0]}, output=ids)

    return Predictor(read_texts, predict)


@lru_cache(maxsize=1)  # in dapi.predictor, each call starts the task anew: 60 ms for its tokenizer
def _tokenizer(weights: Weights | WeightEntry) -> Any:
    return weights.transforms()


def _embedder(model: nn.Module, weights: Weights | WeightEntry) -> Any:
    """Return a function from a text to its vector (D,)."""
    postprocess, preprocess = _pooling(weights), _tokenizer(weights)

    def embed(text: str) -> Tensor:
        batch = place(preprocess(text), model)
        embedding: Tensor = postprocess(model(**batch), batch)[0]
        return embedding.cpu()

    return embed
