"""Sentence embeddings average over tokens, not over padding; a classifier's labels are named."""

from types import SimpleNamespace

import pytest
import torch

from dapi.text.postprocess import Classification, SentenceEmbeddings


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


def test_labels_come_with_their_probabilities_best_first():
    """Of each text the k likeliest; their probabilities are those of all categories."""
    logits = torch.tensor([[0.0, 2.0, 1.0], [3.0, 0.0, 0.0]], requires_grad=True)
    named = Classification(["a", "b", "c"], k=2)(SimpleNamespace(logits=logits))
    expected = logits.detach().softmax(dim=1)
    assert [["b", "c"], ["a", "b"]] == [[label for label, _ in row] for row in named]
    assert named[0][0][1] == expected[0, 1].item()


def test_probabilities_are_exact_in_half_precision():
    """They are computed in single precision, whatever the model's."""
    logits = torch.tensor([[10.0, 1.0]], dtype=torch.bfloat16)
    ((best, _),) = Classification(["a", "b"])(SimpleNamespace(logits=logits))
    assert best[1] == pytest.approx(0.999877, abs=1e-6)


@pytest.mark.parametrize("shape", [(3,), (1, 2), (1, 1, 3)])
def test_logits_of_another_shape_are_refused(shape):
    """Names given to the wrong outputs would be a silent error."""
    with pytest.raises(ValueError, match=r"shape \(N, 3\); got the shape"):
        Classification(["a", "b", "c"])(SimpleNamespace(logits=torch.zeros(shape)))
