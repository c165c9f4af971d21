"""Run the tasks of dapi.text on text; named by the entry points of ``dapi.tasks``.

An input is a text, or a file with one text per line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from dapi import WeightEntry, Weights
from dapi.exceptions import InputError, NoWeightsError
from dapi.tasks import Batch, Input, Prediction, Predictor, place, read_texts, reads, split

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

    def run(tokens: Mapping[str, Tensor]) -> list[Any]:
        return split(model(**place(tokens, model)), len(tokens["input_ids"]))

    def present(_: str, output: Any) -> Prediction:
        labels = postprocess(output)[0]
        rows = [{"label": label, "probability": round(value, 4)} for label, value in labels]
        return Prediction({"labels": rows}, output=output)

    batch = Batch(preprocess, run, present)
    return Predictor(read_texts, batch.predict, batch=batch)


@reads(read_texts, check=_pooling)
def sentence_similarity(model: nn.Module, weights: Weights | WeightEntry) -> Predictor:
    """Compute the similarity of each text to the first."""
    from torch.nn.functional import normalize

    run, ranked = _embedding(model, weights), list[tuple[float, str]]()
    first: list[tuple[str, Tensor]] = []
    sources: list[str] = []

    def read(source: str) -> list[Input]:
        sources.append(source)
        return read_texts(source)

    def present(text: str, vector: Tensor) -> Prediction:
        if len(sources) > 1 and not first:
            reason = "it could not be read, but the others are compared with it"
            raise InputError(sources[0], reason, expected="a text file, or literal text")
        embedding = normalize(vector, dim=0)
        is_first = not first
        first[:] = first or [(text, embedding)]
        similarity = round(float(embedding @ first[0][1]), 4)
        if not is_first:
            ranked.append((similarity, text))
        return Prediction({"similarity": similarity}, output=embedding)

    def summarize() -> Prediction | None:
        rows = [{"similarity": value, "sentence": text} for value, text in sorted(ranked)[::-1]]
        return Prediction({"first": first[0][0], "ranked": rows}) if rows else None

    batch = Batch(_tokenizer(weights), run, present)
    return Predictor(read, batch.predict, summarize, batch=batch)


@reads(read_texts, check=_pooling)
def feature_extraction(model: nn.Module, weights: Weights | WeightEntry) -> Predictor:
    """Turn each text into one vector."""
    run = _embedding(model, weights)

    def present(_: str, output: Tensor) -> Prediction:
        facts = {"embedding": [round(value, 6) for value in output.tolist()]}
        return Prediction(facts, output=output)

    batch = Batch(_tokenizer(weights), run, present)
    return Predictor(read_texts, batch.predict, batch=batch)


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


def _embedding(
    model: nn.Module, weights: Weights | WeightEntry
) -> Callable[[Mapping[str, Tensor]], list[Tensor]]:
    """Return a function from the tokens of texts to a vector (D,) for each."""
    postprocess = _pooling(weights)

    def embed(tokens: Mapping[str, Tensor]) -> list[Tensor]:
        placed = place(tokens, model)
        return list(postprocess(model(**placed), placed).cpu())

    return embed
