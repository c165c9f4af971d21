"""From outputs to vectors and text: what the entries of dapi.text name as ``postprocess``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from torch import Tensor
from torch.nn.functional import normalize

from dapi.text import transforms

__all__ = ["Encoded", "SentenceEmbeddings", "Text"]


class Encoded(Protocol):
    """The output of an encoder."""

    last_hidden_state: Tensor


class SentenceEmbeddings:
    """Averages the vectors of each text's tokens, and scales the average to length one.

    What sentence encoders such as all-MiniLM-L6-v2 were trained with: the product of two
    embeddings is their cosine similarity. For a model that was only pretrained, such as RoBERTa,
    it is the customary baseline, and tells little about meaning.

    Args:
        normalized: Whether to scale to length one. A few models were published without that;
            their cosine similarities are the same either way.
    """

    def __init__(self, *, normalized: bool = True) -> None:
        self.normalized = normalized

    def __call__(self, output: Encoded, batch: Mapping[str, Tensor]) -> Tensor:
        """Return the embeddings of a batch.

        Args:
            output: What the model returned: its ``last_hidden_state`` is ``(N, L, D)``.
            batch: What it was called with; the ``attention_mask`` says what is padding.

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
    """Makes text of the ids that a model generated; special tokens are left out.

    Args:
        file: The ``tokenizer.json`` that the model's input was made with.

    Raises:
        ValueError: The file is no tokenizer.
    """

    def __init__(self, file: str | Path) -> None:
        self.tokenizer = transforms.read(file)

    def __call__(self, ids: Tensor) -> list[str]:
        """Return a text for each row.

        Args:
            ids: What ``model.generate(**batch)`` returned: ``(N, L)``, whole numbers.
        """
        return list(self.tokenizer.decode_batch(ids.tolist(), skip_special_tokens=True))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.tokenizer.get_vocab_size()} tokens)"
