"""RoBERTa: a BERT whose pretraining was done thoroughly (Liu et al. 2019, arXiv:1907.11692)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dapi import Asset, Build, File, WeightEntry, Weights, lazy, register_model
from dapi.adapt import Drop, StripPrefix
from dapi.text.models._config import configure

if TYPE_CHECKING:
    from transformers import RobertaModel

__all__ = ["RoBERTaBaseWeights", "RoBERTaLargeWeights", "roberta_base", "roberta_large"]

_BASE_URL = (
    "https://huggingface.co/FacebookAI/roberta-base/resolve/"
    "e2da8e2f811d1448a5b465c236feacd80ffbac7b"
)
_LARGE_URL = (
    "https://huggingface.co/FacebookAI/roberta-large/resolve/"
    "722cf37b1afa9454edce342e7895e588b6ff1d59"
)

# These four hold what the published config.json files say. Written out again as such files they
# have the published sha256 (a test does so), so no default of transformers takes part in them.
_FREE = {
    "attention_probs_dropout_prob": 0.1,
    "bos_token_id": 0,
    "eos_token_id": 2,
    "hidden_dropout_prob": 0.1,
    "initializer_range": 0.02,
}
_FIXED = {
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-05,
    "max_position_embeddings": 514,  # 512 tokens: positions are counted from pad_token_id + 1
    "pad_token_id": 1,
    "type_vocab_size": 1,
    "vocab_size": 50265,
}
_BASE = {
    **_FIXED,
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_attention_heads": 12,
    "num_hidden_layers": 12,
}
_LARGE = {
    **_FIXED,
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_attention_heads": 16,
    "num_hidden_layers": 24,
}

# The files are those of a RobertaForMaskedLM: they hold its head, and position_ids, which are no
# longer saved; they hold no pooler, and no second copy of the word embeddings for the head.
_ADAPT = (Drop(r"lm_head\."), StripPrefix("roberta."), Drop(r"embeddings\.position_ids$"))

# The same file in both repositories.
_BASE_TOKENIZER = File(
    f"{_BASE_URL}/tokenizer.json",
    sha256="847bbeab6174d66a88898f729d52fa8d355fafe1bea101cf960dd404581df70e",
    size=1355863,
)
_LARGE_TOKENIZER = replace(
    _BASE_TOKENIZER, url=f"{_LARGE_URL}/tokenizer.json", mirrors=(_BASE_TOKENIZER.url,)
)
_TRANSFORMS = lazy(
    "dapi.text.transforms:Tokenizer", file=Asset("tokenizer"), max_length=512, padding="<pad>"
)

_META = {
    "task": "feature-extraction",
    "license": "MIT",
    "datasets": ["BookCorpus", "English Wikipedia", "CC-News", "OpenWebText", "Stories"],
    "metrics": [],
    "recipe": "https://github.com/facebookresearch/fairseq/blob/main/examples/roberta/README.md",
    "paper": "https://arxiv.org/abs/1907.11692",
}


class RoBERTaBaseWeights(Weights):
    """Weights of ``roberta_base``."""

    English160GB_RefV1 = WeightEntry(
        f"{_BASE_URL}/model.safetensors",
        sha256="5bde1d28afb363d0103324efeb5afc8b2b397fe5e04beabb9b1ef355255ade81",
        size=498818054,
        transforms=_TRANSFORMS,
        postprocess=lazy("dapi.text.postprocess:SentenceEmbeddings"),
        assets={"tokenizer": _BASE_TOKENIZER},
        meta={
            **_META,
            "num_params": 124_055_040,
            "hash_source": "pinned alike by 7 independent public projects, at this revision; the "
            "tokenizer: by 3",
        },
        latest=True,
        build=Build(config=_BASE, adapt=_ADAPT),
    )


class RoBERTaLargeWeights(Weights):
    """Weights of ``roberta_large``."""

    English160GB_RefV1 = WeightEntry(
        f"{_LARGE_URL}/model.safetensors",
        sha256="047c85f0b96269cd62e6f732644f067004eebd95af5b5d35965ae2528f13bf38",
        size=1421700479,
        transforms=_TRANSFORMS,
        postprocess=lazy("dapi.text.postprocess:SentenceEmbeddings"),
        assets={"tokenizer": _LARGE_TOKENIZER},
        meta={
            **_META,
            "num_params": 354_310_144,
            "hash_source": "pinned alike by 2 independent public projects; one of them gives the "
            "size too, and says that its copy is that of this revision, unmodified; the "
            "tokenizer: by that one, and by 3 others for roberta-base",
        },
        latest=True,
        build=Build(config=_LARGE, adapt=_ADAPT),
    )


@register_model(weights=RoBERTaBaseWeights)
def roberta_base(
    *,
    weights: RoBERTaBaseWeights | WeightEntry | None = None,
    progress: bool = True,
    **config: Any,
) -> RobertaModel:
    """Build RoBERTa-base: 12 layers, 768 wide, 124 million parameters.

    The encoder of "RoBERTa: A Robustly Optimized BERT Pretraining Approach"
    (https://arxiv.org/abs/1907.11692), as transformers has it, without a head and without a
    pooler: the published file has weights for neither. Called with ``input_ids`` and
    ``attention_mask``, both ``(N, L)`` and int64 with ``L <= 512`` (what ``weights.transforms()``
    returns), it gives an output whose ``last_hidden_state`` is ``(N, L, 768)``.

    Args:
        weights: Published weights, or an entry; None initialises at random. Weights that are not
            cached are fetched: this may touch the network.
        progress: Show a progress bar while fetching, on a terminal.
        **config: Attributes of transformers' RobertaConfig, such as ``hidden_dropout_prob`` or
            ``attn_implementation``; in place of the published ones.

    Returns:
        The model, in training mode.

    Raises:
        UnexpectedArgumentError: RobertaConfig has no such attribute.
        ConfigConflictError: ``config`` contradicts the weights. For what else weights can raise,
            see ``dapi.build_model``.

    Example:
        >>> model = roberta_base(num_hidden_layers=1)
        >>> model.config.hidden_size
        768
    """
    from transformers import RobertaConfig, RobertaModel

    published = {**_FREE, **_BASE}
    settings = configure(RobertaConfig, published, config, builder="roberta_base")
    return RobertaModel(settings, add_pooling_layer=False)


@register_model(weights=RoBERTaLargeWeights)
def roberta_large(
    *,
    weights: RoBERTaLargeWeights | WeightEntry | None = None,
    progress: bool = True,
    **config: Any,
) -> RobertaModel:
    """Build RoBERTa-large: 24 layers, 1024 wide, 354 million parameters.

    As ``roberta_base``, but ``last_hidden_state`` is ``(N, L, 1024)``.

    Args:
        weights: As in ``roberta_base``.
        progress: As in ``roberta_base``.
        **config: As in ``roberta_base``.

    Returns:
        The model, in training mode.

    Raises:
        UnexpectedArgumentError: RobertaConfig has no such attribute.
        ConfigConflictError: ``config`` contradicts the weights. For what else weights can raise,
            see ``dapi.build_model``.

    Example:
        >>> model = roberta_large(num_hidden_layers=1)
        >>> model.config.hidden_size
        1024
    """
    from transformers import RobertaConfig, RobertaModel

    published = {**_FREE, **_LARGE}
    settings = configure(RobertaConfig, published, config, builder="roberta_large")
    return RobertaModel(settings, add_pooling_layer=False)
