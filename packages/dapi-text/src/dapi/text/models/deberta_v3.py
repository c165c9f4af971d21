"""DeBERTa v3: relative positions, trained as ELECTRA is (He et al. 2021, arXiv:2111.09543)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from dapi import Asset, Build, File, WeightEntry, Weights, WeightsLike, lazy, register_model
from dapi.adapt import Drop
from dapi.text.models._config import EncoderConfig
from dapi.text.models._family import DEBERTA_V2
from dapi.text.models._hub import ON_TRUST, Repository, license_source, pinned_by

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from dapi.text.models._family import DeBERTaEncoder
    from dapi.text.postprocess import SentenceEmbeddings
    from dapi.text.transforms import SentencePieceTokenizer

_FREE = {
    "attention_probs_dropout_prob": 0.1,
    "hidden_dropout_prob": 0.1,
    "initializer_range": 0.02,
}
_FIXED = {
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-7,
    "max_position_embeddings": 512,
    "max_relative_positions": -1,
    "norm_rel_ebd": "layer_norm",
    "pos_att_type": "p2c|c2p",
    "position_biased_input": False,
    "position_buckets": 256,
    "relative_attention": True,
    "share_att_key": True,
    "type_vocab_size": 0,
    "vocab_size": 128100,
}
_XSMALL = {
    **_FIXED,
    "hidden_size": 384,
    "intermediate_size": 1536,
    "num_attention_heads": 6,
    "num_hidden_layers": 12,
}
_SMALL = {
    **_FIXED,
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_attention_heads": 12,
    "num_hidden_layers": 6,
}
_BASE = {**_SMALL, "num_hidden_layers": 12}
_LARGE = {
    **_FIXED,
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_attention_heads": 16,
    "num_hidden_layers": 24,
}

# The file of base has 210 tensors of float16, 185,537,893 numbers in all: the encoder, both heads
# of its pretraining, and absolute positions, which only the decoder of its pretraining used.
_ADAPT = (
    DEBERTA_V2,
    Drop(r"(deberta\.)?embeddings\.position_embeddings\."),
)

# The repositories have the vocabulary only as a SentencePiece model, the same for base and large.
_SPM_SHA256, _SPM_SIZE = (
    "c679fbf93643d19aab7ee10c0b99e460bdbc02fedf34b92b05af343b4af586fd",
    2464616,
)


def _published(
    file: File, vocabulary: File, config: Mapping[str, Any], *, known_as: str, **meta: Any
) -> WeightEntry:
    return WeightEntry(
        file.url,
        sha256=file.sha256,
        size=file.size,
        transforms=lazy(
            "dapi.text.transforms:SentencePieceTokenizer",
            file=Asset("vocabulary"),
            max_length=512,
            padding="[PAD]",
            start="[CLS]",
            end="[SEP]",
            added=("[MASK]",),
        ),
        postprocess=lazy("dapi.text.postprocess:SentenceEmbeddings"),
        assets={"vocabulary": vocabulary},
        meta={
            "task": "feature-extraction",
            "license": "MIT",
            **license_source(file),
            "datasets": ["BookCorpus", "English Wikipedia", "CC-News", "OpenWebText", "Stories"],
            "metrics": [],
            "recipe": "https://github.com/microsoft/DeBERTa",
            "paper": "https://arxiv.org/abs/2111.09543",
            "known_as": (known_as,),
            **meta,
        },
        latest=True,
        build=Build(config=config, adapt=_ADAPT),
    )


_XSMALL_REPOSITORY = Repository(
    "microsoft/deberta-v3-xsmall", "14809e4f1fe1895fcba8b258271a940c6ca45ec4"
)
_SMALL_REPOSITORY = Repository(
    "microsoft/deberta-v3-small", "a36c739020e01763fe789b4b85e2df55d6180012"
)
_BASE_REPOSITORY = Repository(
    "microsoft/deberta-v3-base", "8ccc9b6f36199bec6961081d44eb72fb3f7353f3"
)
_LARGE_REPOSITORY = Repository(
    "microsoft/deberta-v3-large", "64a8c8eab3e352a784c658aef62be1662607476f"
)


class DeBERTaV3Config(EncoderConfig, total=False):
    """Attributes of transformers' DebertaV2Config."""

    legacy: bool
    max_relative_positions: int
    norm_rel_ebd: str
    pooler_dropout: float
    pooler_hidden_act: str
    pooler_hidden_size: int
    pos_att_type: str | list[str] | None
    position_biased_input: bool
    position_buckets: int
    relative_attention: bool
    share_att_key: bool
    type_vocab_size: int


class DeBERTaV3XSmallWeights(Weights, meta={"num_params": 70_682_112}):
    """Weights of ``deberta_v3_xsmall``."""

    transforms: Callable[..., SentencePieceTokenizer]
    postprocess: Callable[..., SentenceEmbeddings]

    English160GB_RefV1 = _published(
        _XSMALL_REPOSITORY.file("pytorch_model.bin"),
        _XSMALL_REPOSITORY.file("spm.model"),
        _XSMALL,
        known_as="microsoft/deberta-v3-xsmall",
        hash_source=f"{ON_TRUST}, weights and tokenizer",
    )


@register_model(weights=DeBERTaV3XSmallWeights, head=("pooler", "classifier"))
def deberta_v3_xsmall(
    *,
    weights: WeightsLike[DeBERTaV3XSmallWeights] | None = None,
    progress: bool = True,
    **config: Unpack[DeBERTaV3Config],
) -> DeBERTaEncoder:
    """Build DeBERTa v3 xsmall: 12 layers, 384 wide, 71 million parameters.

    The discriminator of "DeBERTaV3: Improving DeBERTa using ELECTRA-Style Pre-Training with
    Gradient-Disentangled Embedding Sharing" (https://arxiv.org/abs/2111.09543), as in transformers
    (DebertaV2Model), without its head; there is no pooler. Called with ``input_ids`` and
    ``attention_mask``, both ``(N, L)`` and int64 with ``L <= 512`` (what ``weights.transforms()``
    returns), it returns an output whose ``last_hidden_state`` is ``(N, L, 384)``.

    The published files contain float16; the model is float32 unless ``dtype`` differs.

    With ``num_labels=3, new_head=True`` the model classifies texts by a new head, with
    ``head="token-classification"`` tokens; ``categories=[...]`` names its outputs.

    Args:
        weights: Published weights, or an entry; None initializes at random. Weights that are not
            cached are downloaded.
        progress: Show a progress bar while downloading, on a terminal.
        **config: Attributes of transformers' DebertaV2Config, such as ``hidden_dropout_prob``;
            instead of the published ones.

    Returns:
        The model, in training mode.

    Raises:
        UnexpectedArgumentError: DebertaV2Config has no such attribute.
        ConfigConflictError: ``config`` contradicts the weights. For other errors of weights, see
            ``dapi.build_model``.

    Example:
        >>> model = deberta_v3_xsmall(num_hidden_layers=1, vocab_size=1000)
        >>> model.config.hidden_size
        384
    """
    return DEBERTA_V2.construct({**_FREE, **_XSMALL}, config, builder="deberta_v3_xsmall")


class DeBERTaV3SmallWeights(Weights, meta={"num_params": 141_304_320}):
    """Weights of ``deberta_v3_small``."""

    transforms: Callable[..., SentencePieceTokenizer]
    postprocess: Callable[..., SentenceEmbeddings]

    English160GB_RefV1 = _published(
        _SMALL_REPOSITORY.file("pytorch_model.bin"),
        _SMALL_REPOSITORY.file("spm.model"),
        _SMALL,
        known_as="microsoft/deberta-v3-small",
        hash_source=f"{ON_TRUST}, weights and tokenizer",
    )


@register_model(weights=DeBERTaV3SmallWeights, head=("pooler", "classifier"))
def deberta_v3_small(
    *,
    weights: WeightsLike[DeBERTaV3SmallWeights] | None = None,
    progress: bool = True,
    **config: Unpack[DeBERTaV3Config],
) -> DeBERTaEncoder:
    """Build DeBERTa v3 small: 6 layers, 768 wide, 141 million parameters.

    Called with ``input_ids`` and ``attention_mask``, both ``(N, L)`` and int64 with ``L <= 512``
    (what ``weights.transforms()`` returns), it returns an output whose ``last_hidden_state`` is
    ``(N, L, 768)``.
    """
    return DEBERTA_V2.construct({**_FREE, **_SMALL}, config, builder="deberta_v3_small")


class DeBERTaV3BaseWeights(Weights, meta={"num_params": 183_831_552}):
    """Weights of ``deberta_v3_base``."""

    transforms: Callable[..., SentencePieceTokenizer]
    postprocess: Callable[..., SentenceEmbeddings]

    English160GB_RefV1 = _published(
        _BASE_REPOSITORY.file(
            "pytorch_model.bin",
            sha256="691d48a2800b926a19e3051def466fc2cca4f59a15e42ce4a0cf7f1b380b5e33",
            size=371146213,
        ),
        _BASE_REPOSITORY.file("spm.model", _SPM_SHA256, _SPM_SIZE),
        _BASE,
        known_as="microsoft/deberta-v3-base",
        hash_source=f"{pinned_by(4)}; the tokenizer: by 2",
    )


@register_model(weights=DeBERTaV3BaseWeights, head=("pooler", "classifier"))
def deberta_v3_base(
    *,
    weights: WeightsLike[DeBERTaV3BaseWeights] | None = None,
    progress: bool = True,
    **config: Unpack[DeBERTaV3Config],
) -> DeBERTaEncoder:
    """Build DeBERTa v3 base: 12 layers, 768 wide, 184 million parameters.

    Called with ``input_ids`` and ``attention_mask``, both ``(N, L)`` and int64 with ``L <= 512``
    (what ``weights.transforms()`` returns), it returns an output whose ``last_hidden_state`` is
    ``(N, L, 768)``.
    """
    return DEBERTA_V2.construct({**_FREE, **_BASE}, config, builder="deberta_v3_base")


class DeBERTaV3LargeWeights(Weights, meta={"num_params": 434_012_160}):
    """Weights of ``deberta_v3_large``."""

    transforms: Callable[..., SentencePieceTokenizer]
    postprocess: Callable[..., SentenceEmbeddings]

    English160GB_RefV1 = _published(
        _LARGE_REPOSITORY.file(
            "pytorch_model.bin",
            sha256="dd5b5d93e2db101aaf281df0ea1216c07ad73620ff59c5b42dccac4bf2eef5b5",
            size=873673253,
        ),
        _LARGE_REPOSITORY.file("spm.model", _SPM_SHA256, _SPM_SIZE),
        _LARGE,
        known_as="microsoft/deberta-v3-large",
        hash_source=f"{pinned_by(5)}, one of which gives the size; the tokenizer: by 2",
    )


@register_model(weights=DeBERTaV3LargeWeights, head=("pooler", "classifier"))
def deberta_v3_large(
    *,
    weights: WeightsLike[DeBERTaV3LargeWeights] | None = None,
    progress: bool = True,
    **config: Unpack[DeBERTaV3Config],
) -> DeBERTaEncoder:
    """Build DeBERTa v3 large: 24 layers, 1024 wide, 434 million parameters.

    Called with ``input_ids`` and ``attention_mask``, both ``(N, L)`` and int64 with ``L <= 512``
    (what ``weights.transforms()`` returns), it returns an output whose ``last_hidden_state`` is
    ``(N, L, 1024)``.
    """
    return DEBERTA_V2.construct({**_FREE, **_LARGE}, config, builder="deberta_v3_large")
