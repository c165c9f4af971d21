"""Run the tasks of dapi.text on text; named by the entry points of ``dapi.tasks``.

An input is a text, or a file with one text per line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from dapi import WeightEntry, Weights
from dapi.exceptions import InputError, NoWeightsError
from dapi.tasks import Batch, Input, Prediction, Predictor, place, read_texts, reads, split

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = [
    "feature_extraction",
    "fill_mask",
    "sentence_similarity",
    "text2text_generation",
    "text_classification",
    "token_classification",
]

_LONGEST = 200  # maximum number of generated tokens; transformers would stop after 20
_MOST_FILLS = 5  # of each mask, as in transformers
_OUTSIDE = "O"  # the label of tokens that belong to nothing


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


@reads(read_texts)
def token_classification(model: Any, weights: Weights | WeightEntry) -> Predictor:
    """Find the labeled parts of texts: each with its place, as the number of characters before it.

    Neighboring tokens of one label are one part, unless the second begins another (``B-``).
    """
    preprocess: Any = weights.transforms()

    def predict(text: str) -> Prediction:
        output = model(**place(preprocess(text), model))
        best = output.logits[0].float().softmax(dim=1).max(dim=1)
        names = [str(model.config.id2label[index]) for index in best.indices.tolist()]
        encoding = preprocess.tokenizer.encode(text)
        tokens = zip(names, best.values.tolist(), encoding.offsets, strict=True)
        inside = [
            token
            for token, special in zip(tokens, encoding.special_tokens_mask, strict=True)
            if not special
        ]
        return Prediction({"parts": [*_parts(inside, text)]}, output=output)

    return Predictor(read_texts, predict)


def _parts(
    tokens: Iterable[tuple[str, float, tuple[int, int]]], text: str
) -> Iterator[dict[str, Any]]:
    """Join tokens, each with its label, probability and place, to parts of a text."""
    groups: list[tuple[str, list[tuple[float, tuple[int, int]]]]] = []
    for name, probability, at in tokens:
        label = name.removeprefix("B-").removeprefix("I-")
        if not groups or groups[-1][0] != label or name.startswith("B-"):
            groups.append((label, []))
        groups[-1][1].append((probability, at))
    for label, members in groups:
        if label != _OUTSIDE:
            start, end = members[0][1][0], members[-1][1][1]
            mean = sum(probability for probability, _ in members) / len(members)
            part = {"text": text[start:end], "start": start, "end": end}
            yield {"label": label, "probability": round(mean, 4), **part}


@reads(read_texts)
def fill_mask(model: Any, weights: Weights | WeightEntry) -> Predictor:
    """Fill each mask in texts with the likeliest tokens.

    A mask is ``[MASK]`` or ``<mask>``, as the model's tokenizer has it.
    """
    import torch

    from dapi.text.transforms import MASKS

    preprocess: Any = weights.transforms(special_tokens=True)
    tokenizer = preprocess.tokenizer
    known = [each for each in MASKS if tokenizer.token_to_id(each) is not None]
    ids = torch.tensor([tokenizer.token_to_id(each) for each in known])

    def predict(text: str) -> Prediction:
        tokens = preprocess(text)
        places = torch.isin(tokens["input_ids"][0], ids).nonzero().flatten()
        if not len(places):
            word = f"{' or '.join(known)} in the place of a word"
            expected = word if known else "a model whose tokenizer has a mask"
            raise InputError(text, "it has no mask", expected=expected)
        output = model(**place(tokens, model))
        best = output.logits[0, places].float().softmax(dim=1).topk(_MOST_FILLS)
        rows = [
            {"mask": number, "token": tokenizer.decode([index]), "probability": round(value, 4)}
            for number, found in enumerate(zip(*map(_listed, best), strict=True), start=1)
            for value, index in zip(*found, strict=True)
        ]
        return Prediction({"fills": rows}, output=output)

    return Predictor(read_texts, predict)


def _listed(tensor: Tensor) -> list[list[Any]]:
    return list(tensor.tolist())


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
