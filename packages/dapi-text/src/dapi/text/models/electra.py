"""ELECTRA: trained to tell replaced tokens from real ones (Clark et al. 2020, arXiv:2003.10555)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from dapi import Build, WeightEntry, Weights, WeightsLike, register_model
from dapi.text.models._config import BERTConfig
from dapi.text.models._encoder import encoder
from dapi.text.models._family import ELECTRA
from dapi.text.models._hub import ON_TRUST, UNPINNED, Repository

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from dapi.text.models._family import ELECTRAEncoder
    from dapi.text.postprocess import SentenceEmbeddings
    from dapi.text.transforms import Tokenizer

_FREE = {
    "attention_probs_dropout_prob": 0.1,
    "hidden_dropout_prob": 0.1,
    "initializer_range": 0.02,
}
_FIXED = {
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-12,
    "max_position_embeddings": 512,
    "pad_token_id": 0,
    "type_vocab_size": 2,
    "vocab_size": 30522,
}
_SMALL = {
    **_FIXED,
    "embedding_size": 128,
    "hidden_size": 256,
    "intermediate_size": 1024,
    "num_attention_heads": 4,
    "num_hidden_layers": 12,
}
_BASE = {
    **_FIXED,
    "embedding_size": 768,
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_attention_heads": 12,
    "num_hidden_layers": 12,
}
_LARGE = {
    **_FIXED,
    "embedding_size": 1024,
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_attention_heads": 16,
    "num_hidden_layers": 24,
}

# Published were ELECTRA-Small++, -Base++ and -1.75M of the paper: trained on XLNet's corpora.
_CORPORA = ("BookCorpus", "English Wikipedia", "ClueWeb 2012-B", "Common Crawl", "Gigaword 5")

# The files are those of an ElectraForPreTraining, the discriminator.
_ADAPT = (ELECTRA,)


def _published(repository: Repository, config: Mapping[str, Any], **meta: Any) -> WeightEntry:
    return encoder(
        repository.file("pytorch_model.bin"),
        repository.file("tokenizer.json"),
        meta={
            "license": "Apache-2.0",
            "datasets": _CORPORA,
            "recipe": "https://github.com/google-research/electra",
            "paper": "https://arxiv.org/abs/2003.10555",
            "known_as": (repository.name,),
            **meta,
        },
        build=Build(config=config, adapt=_ADAPT),
    )


class ELECTRAConfig(BERTConfig, total=False):
    """Attributes of transformers' ElectraConfig."""

    embedding_size: int
    summary_activation: str
    summary_last_dropout: float
    summary_type: str
    summary_use_proj: bool


class ELECTRASmallWeights(Weights, meta={"num_params": 13_483_008}):
    """Weights of ``electra_small``."""

    transforms: Callable[..., Tokenizer]
    postprocess: Callable[..., SentenceEmbeddings]

    XLNetCorpora_RefV1 = _published(
        Repository(
            "google/electra-small-discriminator", "fa8239aadc095e9164941d05878b98afe9b953c3"
        ),
        _SMALL,
        hash_source=f"{ON_TRUST}, weights (one project states a hash) and tokenizer",
    )


@register_model(weights=ELECTRASmallWeights, head="classifier")
def electra_small(
    *,
    weights: WeightsLike[ELECTRASmallWeights] | None = None,
    progress: bool = True,
    **config: Unpack[ELECTRAConfig],
) -> ELECTRAEncoder:
    """Build ELECTRA-small: 12 layers, 256 wide, 13 million parameters.

    The discriminator of "ELECTRA: Pre-training Text Encoders as Discriminators Rather Than
    Generators" (https://arxiv.org/abs/2003.10555), as in transformers, without its head; there is
    no pooler. Called with ``input_ids`` and ``attention_mask``, both ``(N, L)`` and int64 with
    ``L <= 512`` (what ``weights.transforms()`` returns), it returns an output whose
    ``last_hidden_state`` is ``(N, L, 256)``.

    With ``num_labels=3, new_head=True`` the model classifies texts by a new head, with
    ``head="token-classification"`` tokens; ``categories=[...]`` names its outputs.

    Args:
        weights: Published weights, or an entry; None initializes at random. Weights that are not
            cached are downloaded.
        progress: Show a progress bar while downloading, on a terminal.
        **config: Attributes of transformers' ElectraConfig, such as ``hidden_dropout_prob`` or
            ``attn_implementation``; instead of the published ones.

    Returns:
        The model, in training mode.

    Raises:
        UnexpectedArgumentError: ElectraConfig has no such attribute.
        ConfigConflictError: ``config`` contradicts the weights. For other errors of weights, see
            ``dapi.build_model``.

    Example:
        >>> model = electra_small(num_hidden_layers=1)
        >>> model.config.hidden_size
        256
    """
    return ELECTRA.construct({**_FREE, **_SMALL}, config, builder="electra_small")


class ELECTRABaseWeights(Weights, meta={"num_params": 108_891_648}):
    """Weights of ``electra_base``."""

    transforms: Callable[..., Tokenizer]
    postprocess: Callable[..., SentenceEmbeddings]

    XLNetCorpora_RefV1 = _published(
        Repository("google/electra-base-discriminator"),
        _BASE,
        hash_source=f"{ON_TRUST}, weights and tokenizer; {UNPINNED}",
    )


@register_model(weights=ELECTRABaseWeights, head="classifier")
def electra_base(
    *,
    weights: WeightsLike[ELECTRABaseWeights] | None = None,
    progress: bool = True,
    **config: Unpack[ELECTRAConfig],
) -> ELECTRAEncoder:
    """Build ELECTRA-base: 12 layers, 768 wide, 109 million parameters.

    Called with ``input_ids`` and ``attention_mask``, both ``(N, L)`` and int64 with ``L <= 512``
    (what ``weights.transforms()`` returns), it returns an output whose ``last_hidden_state`` is
    ``(N, L, 768)``.
    """
    return ELECTRA.construct({**_FREE, **_BASE}, config, builder="electra_base")


class ELECTRALargeWeights(Weights, meta={"num_params": 334_092_288}):
    """Weights of ``electra_large``."""

    transforms: Callable[..., Tokenizer]
    postprocess: Callable[..., SentenceEmbeddings]

    XLNetCorpora_RefV1 = _published(
        Repository("google/electra-large-discriminator"),
        _LARGE,
        hash_source=f"{ON_TRUST}, weights and tokenizer; {UNPINNED}",
    )


@register_model(weights=ELECTRALargeWeights, head="classifier")
def electra_large(
    *,
    weights: WeightsLike[ELECTRALargeWeights] | None = None,
    progress: bool = True,
    **config: Unpack[ELECTRAConfig],
) -> ELECTRAEncoder:
    """Build ELECTRA-large: 24 layers, 1024 wide, 334 million parameters.

    Called with ``input_ids`` and ``attention_mask``, both ``(N, L)`` and int64 with ``L <= 512``
    (what ``weights.transforms()`` returns), it returns an output whose ``last_hidden_state`` is
    ``(N, L, 1024)``.
    """
    return ELECTRA.construct({**_FREE, **_LARGE}, config, builder="electra_large")
