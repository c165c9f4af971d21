"""Sentence encoders as transformers of scikit-learn. Needs ``pip install "dapi-text[sklearn]"``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

import dapi
from dapi.exceptions import ArgumentError, NoWeightsError
from dapi.tasks import place
from dapi.text.postprocess import SentenceEmbeddings

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

__all__ = ["SentenceEncoder"]


class SentenceEncoder(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # it has no types
    """Turn texts into embeddings, as a step of a scikit-learn Pipeline.

    It learns nothing: ``fit`` builds the model. It pickles with the name of the weights and without
    the model, which a copy builds when it is first used. Building reads the cache and the network.

    Args:
        weights: The name of a model or of weights, as for ``dapi.get_model``, or a member.
        batch_size: The number of texts that the model gets at a time.
        device: The device of the model.

    Example:
        >>> encoder = SentenceEncoder("minilm_l6")
        >>> encoder.fit_transform(["The sky is blue.", "It rains."]).shape
        (2, 384)
    """

    def __init__(
        self,
        weights: str | dapi.Weights = "minilm_l6",
        *,
        batch_size: int = 32,
        device: str = "cpu",
    ) -> None:
        self.weights = weights
        self.batch_size = batch_size
        self.device = device

    def fit(self, X: Iterable[str], y: object = None) -> SentenceEncoder:  # noqa: N803 - their name
        """Build the model; the texts are not used.

        Raises:
            ArgumentError: These are not weights of an encoder of texts.
            DapiError: As in ``dapi.get_model``.
        """
        self._built()
        return self

    def transform(self, X: Iterable[str]) -> NDArray[np.float32]:  # noqa: N803 - their name
        """Return the embeddings of texts: ``(N, D)``.

        Raises:
            ArgumentError: ``X`` is one text, or not a sequence of texts.
        """
        import torch

        texts = [] if isinstance(X, str) else list(X)
        if not texts or not all(isinstance(each, str) for each in texts):
            expected = "a sequence of texts, at least one"
            raise ArgumentError("SentenceEncoder.transform", "X", X, expected=expected)
        with torch.inference_mode():
            return np.concatenate([batch.cpu().float().numpy() for batch in self._embed(texts)])

    def _embed(self, texts: list[str]) -> Iterator[Tensor]:
        model, tokenize, pool = self._built()
        for start in range(0, len(texts), self.batch_size):
            batch = place(tokenize(texts[start : start + self.batch_size]), model)
            yield pool(model(**batch), batch)

    def _built(self) -> tuple[Any, Any, SentenceEmbeddings]:
        """Return the model, its tokenizer and its pooling, which are built once."""
        wanted = (str(self.weights), self.device)
        found, made_for = getattr(self, "_made", (None, None))
        if found is None or made_for != wanted:
            model = dapi.get_model(self.weights, device=self.device).eval()
            weights = dapi.weights_of(model)
            try:
                pool = weights.postprocess()
            except NoWeightsError:
                pool = None
            if not isinstance(pool, SentenceEmbeddings):
                expected = "weights of an encoder, whose output becomes one vector"
                raise ArgumentError("SentenceEncoder", "weights", self.weights, expected=expected)
            found = model, weights.transforms(), pool
            self._made = found, wanted
        return found

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:
        """Return a name for each number of an embedding."""
        model, _, _ = self._built()
        width, name = model.config.hidden_size, str(self.weights).partition(":")[0]
        return np.array([f"{name}_{number}" for number in range(width)], dtype=np.object_)

    def __sklearn_is_fitted__(self) -> bool:
        """Whether it can transform: always."""
        return True

    def __getstate__(self) -> dict[str, Any]:
        """Pickle the parameters alone."""
        state: dict[str, Any] = {**super().__getstate__()}
        state.pop("_made", None)
        return state
