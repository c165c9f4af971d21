"""From outputs to vectors and text: the ``postprocess`` of the entries of dapi.text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from torch import Tensor
from torch.nn.functional import normalize

from dapi.text import transforms

__all__ = ["Classification", "Classified", "Encoded", "SentenceEmbeddings", "Text"]


class Encoded(Protocol):
    """The output of an encoder."""

    last_hidden_state: Tensor


class Classified(Protocol):
    """The output of a classifier."""

    logits: Tensor


@dataclass(frozen=True)
class Classification:
    """Name the most probable categories of each text.

    Called with a classifier's output, it returns for each text a list of (label, probability),
    best first.

    Args:
        categories: The name of each of the C outputs.
        k: The number of categories to return, at most all.

    Raises:
        ValueError: On a call, the output's ``logits`` are not ``(N, C)``.

    Example:
        >>> import torch
        >>> from types import SimpleNamespace
        >>> output = SimpleNamespace(logits=torch.tensor([[0.0, 100.0]]))
        >>> Classification(["Czech", "Danish"], k=1)(output)
        [[('Danish', 1.0)]]
    """

    categories: Sequence[str]
    k: int = 5

    def __call__(self, output: Classified) -> list[list[tuple[str, float]]]:
        """Return the best labels of each text."""
        shape = tuple(output.logits.shape)
        if len(shape) != 2 or shape[1] != len(self.categories):
            raise ValueError(
                f"Expected logits of shape (N, {len(self.categories)}); got the shape {shape}."
            )
        # In half precision, probabilities would be rounded to three digits.
        best = output.logits.detach().float().softmax(dim=1).topk(min(self.k, shape[1]))
        return [
            [(self.categories[index], value) for value, index in zip(values, indices, strict=True)]
            for values, indices in zip(best.values.tolist(), best.indices.tolist(), strict=True)
        ]


class SentenceEmbeddings:
    """Average the vectors of each text's tokens, and scale the average to length one.

    Sentence encoders such as all-MiniLM-L6-v2 were trained with it: the product of two embeddings
    is their cosine similarity. For a model that was only pretrained, such as RoBERTa, it is a
    common baseline, and represents meaning poorly.

    Args:
        normalized: Whether to scale to length one. A few models were published without that;
            their cosine similarities are the same either way.
    """

    def __init__(self, *, normalized: bool = True) -> None:
        self.normalized = normalized

    def __call__(self, output: Encoded, batch: Mapping[str, Tensor]) -> Tensor:
        """Return the embeddings of a batch.

        Args:
            output: The model's output: its ``last_hidden_state`` is ``(N, L, D)``.
            batch: The model's input; its ``attention_mask`` marks padding.

        Returns:
            ``(N, D)``, each row of length one if it is ``normalized``.
        """
        tokens = output.last_hidden_state
        mask = batch["attention_mask"].unsqueeze(-1).to(tokens.dtype)
        average = (tokens * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1e-9)
        return normalize(average, p=2, dim=1) if self.normalized else average

    def __repr__(self) -> str:
        return f"{type(self).__name__}(normalized={self.normalized})"


class Text:
    """Turn the ids that a model generated into text, without special tokens.

    Args:
        file: The ``tokenizer.json`` of the model's input.

    Raises:
        ValueError: The file is not a tokenizer.
    """

    def __init__(self, file: str | Path) -> None:
        self.tokenizer = transforms.read(file)

    def __call__(self, ids: Tensor) -> list[str]:
        """Return a text for each row.

        Args:
            ids: The result of ``model.generate(**batch)``: ``(N, L)``, integers.
        """
        return list(self.tokenizer.decode_batch(ids.tolist(), skip_special_tokens=True))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.tokenizer.get_vocab_size()} tokens)"
