"""Rank sentences by their similarity to the first: what ``dapi predict minilm_l6`` does, by hand.

Run: ``python examples/text_encoding.py "How do I bake bread?" "A recipe for a loaf" "My bicycle"``
"""

from __future__ import annotations

import sys

import torch

from dapi.text import MiniLML6Weights, minilm_l6


def main(*sentences: str) -> None:
    """Print all but the first, the likest first."""
    weights = MiniLML6Weights.SentencePairs1B_RefV1
    model: torch.nn.Module = minilm_l6(weights=weights)
    preprocess, postprocess = weights.transforms(), weights.postprocess()
    batch = preprocess(sentences)
    model.eval()
    with torch.inference_mode():
        embeddings = postprocess(model(**batch), batch)
    similarity = (embeddings[1:] @ embeddings[0]).tolist()
    for value, sentence in sorted(zip(similarity, sentences[1:], strict=True), reverse=True):
        print(f"{value:.4f}  {sentence}")


if __name__ == "__main__":
    main(*sys.argv[1:])
