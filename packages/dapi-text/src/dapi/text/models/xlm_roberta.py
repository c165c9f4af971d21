"""XLM-RoBERTa: one encoder for a hundred languages (Conneau et al. 2019, arXiv:1911.02116)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from dapi import Build, File, WeightEntry, Weights, WeightsLike, register_model
from dapi.text.models._config import BERTConfig
from dapi.text.models._encoder import encoder
from dapi.text.models._family import XLM_ROBERTA
from dapi.text.models._hub import ON_TRUST, Repository, pinned_by

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from dapi.text.models._family import XLMRoBERTaEncoder
    from dapi.text.postprocess import SentenceEmbeddings
    from dapi.text.transforms import Tokenizer

_BASE_REPOSITORY = Repository(
    "FacebookAI/xlm-roberta-base", "e73636d4f797dec63c3081bb6ed5c7b0bb3f2089"
)
_LARGE_REPOSITORY = Repository(
    "FacebookAI/xlm-roberta-large", "c23d21b0620b635a76227c604d44e43a9f0ee389"
)

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
    "vocab_size": 250002,
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

# The files are those of an XLMRobertaForMaskedLM. That of base is larger than this by exactly a
# pooler, which masked-language modeling does not train: it is left out.
_ADAPT = (XLM_ROBERTA,)

# Both models have one vocabulary: torchtext's two bundles name the same file, too.
_TOKENIZER = _BASE_REPOSITORY.file(
    "tokenizer.json",
    sha256="a898ea75433890f6610f4e470b8ebeb0c21dce5c8dd61f892eb09eb5919d2e2c",
    size=9096718,
)
_META = {
    "license": "MIT",
    "datasets": ["CC100"],
    "recipe": "https://github.com/facebookresearch/fairseq/blob/main/examples/xlmr/README.md",
    "paper": "https://arxiv.org/abs/1911.02116",
}


def _published(file: File, config: Mapping[str, Any], **meta: Any) -> WeightEntry:
    return encoder(
        file,
        _TOKENIZER,
        padding="<pad>",
        meta={**_META, **meta},
        build=Build(config=config, adapt=_ADAPT),
    )


class XLMRoBERTaBaseWeights(Weights, meta={"num_params": 277_453_056}):
    """Weights of ``xlm_roberta_base``."""

    transforms: Callable[..., Tokenizer]
    postprocess: Callable[..., SentenceEmbeddings]

    CC100_RefV1 = _published(
        _BASE_REPOSITORY.file(
            "model.safetensors",
            sha256="6fd4797bc397c3b8b55d6bb5740366b57e6a3ce91c04c77f22aafc0c128e6feb",
            size=1115567652,
        ),
        _BASE,
        hash_source=f"{pinned_by(7)}; the tokenizer: by 5, two of which give its size",
        known_as=("XLMR_BASE_ENCODER", "FacebookAI/xlm-roberta-base", "xlm-roberta-base"),
    )


@register_model(weights=XLMRoBERTaBaseWeights, head="classifier")
def xlm_roberta_base(
    *,
    weights: WeightsLike[XLMRoBERTaBaseWeights] | None = None,
    progress: bool = True,
    **config: Unpack[BERTConfig],
) -> XLMRoBERTaEncoder:
    """Build XLM-RoBERTa-base: 12 layers, 768 wide, 277 million parameters.

    The encoder of "Unsupervised Cross-lingual Representation Learning at Scale"
    (https://arxiv.org/abs/1911.02116), as in transformers, without a head and without a pooler.
    Called with ``input_ids`` and ``attention_mask``, both ``(N, L)`` and int64 with ``L <= 512``
    (what ``weights.transforms()`` returns), it returns an output whose ``last_hidden_state`` is
    ``(N, L, 768)``.

    With ``num_labels=3, new_head=True`` the model classifies texts by a new head, with
    ``head="token-classification"`` tokens; ``categories=[...]`` names its outputs. With
    ``head="fill-mask"`` it predicts masked tokens, by the head in the published file.

    Args:
        weights: Published weights, or an entry; None initializes at random. Weights that are not
            cached are downloaded.
        progress: Show a progress bar while downloading, on a terminal.
        **config: Attributes of transformers' XLMRobertaConfig, such as ``hidden_dropout_prob`` or
            ``attn_implementation``; instead of the published ones.

    Returns:
        The model, in training mode.

    Raises:
        UnexpectedArgumentError: XLMRobertaConfig has no such attribute.
        ConfigConflictError: ``config`` contradicts the weights. For other errors of weights, see
            ``dapi.build_model``.

    Example:
        >>> model = xlm_roberta_base(num_hidden_layers=1, vocab_size=1000)
        >>> model.config.hidden_size
        768
    """
    return XLM_ROBERTA.construct({**_FREE, **_BASE}, config, builder="xlm_roberta_base")


class XLMRoBERTaLargeWeights(Weights, meta={"num_params": 558_840_832}):
    """Weights of ``xlm_roberta_large``."""

    transforms: Callable[..., Tokenizer]
    postprocess: Callable[..., SentenceEmbeddings]

    CC100_RefV1 = _published(
        _LARGE_REPOSITORY.file("model.safetensors"),
        _LARGE,
        hash_source=f"{ON_TRUST} (one project states a hash); the tokenizer is that of "
        "xlm-roberta-base: pinned alike by 5",
        known_as=("XLMR_LARGE_ENCODER", "FacebookAI/xlm-roberta-large", "xlm-roberta-large"),
    )


@register_model(weights=XLMRoBERTaLargeWeights, head="classifier")
def xlm_roberta_large(
    *,
    weights: WeightsLike[XLMRoBERTaLargeWeights] | None = None,
    progress: bool = True,
    **config: Unpack[BERTConfig],
) -> XLMRoBERTaEncoder:
    """Build XLM-RoBERTa-large: 24 layers, 1024 wide, 559 million parameters.

    Called with ``input_ids`` and ``attention_mask``, both ``(N, L)`` and int64 with ``L <= 512``
    (what ``weights.transforms()`` returns), it returns an output whose ``last_hidden_state`` is
    ``(N, L, 1024)``.
    """
    return XLM_ROBERTA.construct({**_FREE, **_LARGE}, config, builder="xlm_roberta_large")
