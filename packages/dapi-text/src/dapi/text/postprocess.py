"""From an encoder's output to vectors: what the entries of dapi.text name as ``postprocess``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from torch import Tensor
from torch.nn.functional import normalize

__all__ = ["Encoded", "SentenceEmbeddings"]


class Encoded(Protocol):
    """The output of an encoder."""

    last_hidden_state: Tensor


class SentenceEmbeddings:
    """Averages the vectors of each text's tokens, and scales the average to length one.

    What sentence encoders such as all-MiniLM-L6-v2 were trained with: the product of two
    embeddings is their cosine similarity. For a model that was only pretrained, such as RoBERTa,
    it is the customary baseline, and tells little about meaning.
    """

    def __call__(self, output: Encoded, batch: Mapping[str, Tensor]) -> Tensor:
        """Return the embeddings of a batch.

        Args:
            output: What the model returned: its ``last_hidden_state`` is ``(N, L, D)``.
            batch: What it was called with; the ``attention_mask`` says what is padding.

        Returns:
            ``(N, D)``, each row of length one.
        """
        tokens = output.last_hidden_state
        mask = batch["attention_mask"].unsqueeze(-1).to(tokens.dtype)
        average = (tokens * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1e-9)
        return normalize(average, p=2, dim=1)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"
