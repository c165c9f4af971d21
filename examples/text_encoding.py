"""Rank sentences by how near their meaning is to that of the first one.

Example:
    python examples/text_encoding.py "How do I bake bread?" "A recipe for a loaf" "The stock market"
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import torch
from demo import load, read_arguments, report


def main(arguments: Sequence[str] | None = None) -> None:
    """Encode the sentences, and print the others in the order of their likeness to the first."""
    options = read_arguments(__doc__, "sentence-similarity", "minilm_l6", arguments)
    if len(options.inputs) < 2:
        sys.exit("Give at least two sentences: the others are ranked by likeness to the first.")
    model, weights = load(options)
    preprocess, postprocess = weights.transforms(), weights.postprocess()
    batch = preprocess(options.inputs)
    with torch.inference_mode():
        embeddings = postprocess(model(**batch), batch)
    likeness = (embeddings[1:] @ embeddings[0]).tolist()
    ranked = sorted(zip(likeness, options.inputs[1:], strict=True), reverse=True)
    rows = [{"likeness": round(score, 4), "sentence": sentence} for score, sentence in ranked]
    report(options, options.inputs[0], {"weights": str(weights), "ranked": rows})


if __name__ == "__main__":
    main()
