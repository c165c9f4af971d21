"""Common facts of the encoders of sentence-transformers: training data and published averages."""

from __future__ import annotations

SENTENCE_PAIRS_1B = (
    "Reddit comments",
    "S2ORC",
    "WikiAnswers",
    "PAQ",
    "Stack Exchange",
    "MS MARCO",
    "GOOAQ",
    "Yahoo Answers",
    "CodeSearchNet",
    "COCO captions",
    "SPECTER",
    "SearchQA",
    "ELI5",
    "Flickr30k",
    "SNLI",
    "MultiNLI",
    "Sentence Compression",
    "WikiHow",
    "Altlex",
    "Quora Question Triplets",
    "Simple Wikipedia",
    "Natural Questions",
    "SQuAD2.0",
    "TriviaQA",
)

_TABLE = (
    "https://sbert.net/docs/pretrained_models.html (its table, as copied at "
    "https://huggingface.co/danielpark/sentence-transformers-all-mini-lm-l6-v2)"
)


def published_averages(*, sentences: float, search: float) -> list[dict[str, str | float]]:
    """Return the two metrics of a model in the authors' table."""
    return [
        {
            "dataset": "14 data sets of sentence pairs",
            "name": "average performance",
            "value": sentences,
            "source": _TABLE,
        },
        {
            "dataset": "6 data sets of semantic search",
            "name": "average performance",
            "value": search,
            "source": _TABLE,
        },
    ]
