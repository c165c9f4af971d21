"""Sentence embeddings: an average over tokens, not over padding."""

from types import SimpleNamespace

import torch

from dapi.text.postprocess import SentenceEmbeddings


def embed(tokens, mask, **options):
    return SentenceEmbeddings(**options)(
        SimpleNamespace(last_hidden_state=tokens), {"attention_mask": torch.tensor(mask)}
    )


def test_padding_takes_no_part():
    """Whatever stands where the mask is zero, the embedding is that of the tokens."""
    tokens = torch.tensor([[[3.0, 0.0], [3.0, 8.0], [99.0, -99.0]]])
    torch.testing.assert_close(embed(tokens, [[1, 1, 0]]), torch.tensor([[0.6, 0.8]]))


def test_length_can_be_kept():
    """As of models that were published without scaling: the plain average."""
    tokens = torch.tensor([[[3.0, 0.0], [3.0, 8.0]]])
    assert torch.equal(embed(tokens, [[1, 1]], normalized=False), torch.tensor([[3.0, 4.0]]))


def test_text_without_tokens_has_no_direction():
    """A row of padding alone gives zeros, not NaN."""
    assert torch.equal(embed(torch.ones(1, 2, 4), [[0, 0]]), torch.zeros(1, 4))


def test_half_precision_stays_half():
    """The embedding has the dtype of the model."""
    assert embed(torch.ones(1, 2, 4, dtype=torch.bfloat16), [[1, 1]]).dtype == torch.bfloat16
