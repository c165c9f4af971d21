"""BERT: an encoder that reads in both directions (Devlin et al. 2018, arXiv:1810.04805)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from dapi import Build, File, WeightEntry, Weights, WeightsLike, register_model
from dapi.adapt import Rename
from dapi.text.models._config import BERTConfig
from dapi.text.models._encoder import encoder
from dapi.text.models._family import BERT
from dapi.text.models._hub import ON_TRUST, TOKENIZER_ON_TRUST, Repository, pinned_by

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from dapi.text.models._family import BERTEncoder
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
_UNCASED, _CASED, _MULTILINGUAL_CASED = 30522, 28996, 119547  # entries of each vocabulary

# The files are those of a BertForPreTraining, converted from TensorFlow: norms with its names,
# and both heads. The pooler was trained, for the prediction of the next sentence: it stays.
_ADAPT = (
    BERT,
    Rename(r"\.gamma$", ".weight"),
    Rename(r"\.beta$", ".bias"),
)

_META = {
    "license": "Apache-2.0",
    "datasets": ["BookCorpus", "English Wikipedia"],
    "recipe": "https://github.com/google-research/bert",
    "paper": "https://arxiv.org/abs/1810.04805",
}


def _published(
    repository: Repository, file: File, config: Mapping[str, Any], **meta: Any
) -> WeightEntry:
    legacy_name = repository.name.partition("/")[2]
    return encoder(
        file,
        repository.file("tokenizer.json"),
        meta={
            **_META,
            "known_as": (repository.name, legacy_name),
            **meta,
        },
        build=Build(config=config, adapt=_ADAPT),
    )


_BASE_UNCASED = Repository(
    "google-bert/bert-base-uncased", "86b5e0934494bd15c9632b12f734a8a67f723594"
)
_BASE_CASED = Repository("google-bert/bert-base-cased", "cd5ef92a9fb2f889e972770a36d4ed042daf221e")
_BASE_MULTILINGUAL = Repository(
    "google-bert/bert-base-multilingual-cased", "3f076fdb1ab68d5b2880cb87a0886f315b8146f8"
)
_LARGE_UNCASED = Repository(
    "google-bert/bert-large-uncased", "6da4b6a26a1877e173fca3225479512db81a5e5b"
)
_LARGE_CASED = Repository(
    "google-bert/bert-large-cased", "a25a4b00fd23b14ba7b902af2b756931b6677ba9"
)


class BERTBaseWeights(Weights):
    """Weights of ``bert_base``; each has a vocabulary of its own."""

    transforms: Callable[..., Tokenizer]
    postprocess: Callable[..., SentenceEmbeddings]

    BookCorpusWikipedia_Uncased_RefV1 = _published(
        _BASE_UNCASED,
        _BASE_UNCASED.file(
            "model.safetensors",
            sha256="68d45e234eb4a928074dfd868cead0219ab85354cc53d20e772753c6bb9169d3",
            size=440449768,
        ),
        {**_BASE, "vocab_size": _UNCASED},
        num_params=109_482_240,
        hash_source=f"{pinned_by(9)}; {TOKENIZER_ON_TRUST}",
    )
    BookCorpusWikipedia_Cased_RefV1 = _published(
        _BASE_CASED,
        _BASE_CASED.file(
            "model.safetensors",
            sha256="1d8bdcee6021e2c25f0325e84889b61c2eb26b843eef5659c247af138d64f050",
            size=435755784,
        ),
        {**_BASE, "vocab_size": _CASED},
        num_params=108_310_272,
        hash_source=f"{pinned_by(2)}; {TOKENIZER_ON_TRUST}",
    )
    Wikipedia104_Cased_RefV1 = _published(
        _BASE_MULTILINGUAL,
        _BASE_MULTILINGUAL.file("model.safetensors"),
        {**_BASE, "vocab_size": _MULTILINGUAL_CASED},
        datasets=["Wikipedia in 104 languages"],
        recipe="https://github.com/google-research/bert/blob/master/multilingual.md",
        num_params=177_853_440,
        hash_source=f"{ON_TRUST}, weights and tokenizer",
    )


@register_model(weights=BERTBaseWeights, head="classifier")
def bert_base(
    *,
    weights: WeightsLike[BERTBaseWeights] | None = None,
    progress: bool = True,
    **config: Unpack[BERTConfig],
) -> BERTEncoder:
    """Build BERT-base: 12 layers, 768 wide, 109 million parameters.

    The encoder of "BERT: Pre-training of Deep Bidirectional Transformers for Language
    Understanding" (https://arxiv.org/abs/1810.04805), as in transformers, without its heads, with
    its pooler. Called with ``input_ids`` and ``attention_mask``, both ``(N, L)`` and int64 with
    ``L <= 512`` (what ``weights.transforms()`` returns), it returns an output whose
    ``last_hidden_state`` is ``(N, L, 768)`` and whose ``pooler_output`` is ``(N, 768)``.

    The vocabulary is that of the weights: uncased English (30522 tokens; also without weights),
    cased English (28996), or 104 languages (119547).

    With ``num_labels=3, new_head=True`` the model classifies texts by a new head, with
    ``head="token-classification"`` tokens; ``categories=[...]`` names its outputs. With
    ``head="fill-mask"`` it predicts masked tokens, by the head in the published file.

    Args:
        weights: Published weights, or an entry; None initializes at random. Weights that are not
            cached are downloaded.
        progress: Show a progress bar while downloading, on a terminal.
        **config: Attributes of transformers' BertConfig, such as ``hidden_dropout_prob`` or
            ``attn_implementation``; instead of the published ones.

    Returns:
        The model, in training mode.

    Raises:
        UnexpectedArgumentError: BertConfig has no such attribute.
        ConfigConflictError: ``config`` contradicts the weights. For other errors of weights, see
            ``dapi.build_model``.

    Example:
        >>> model = bert_base(num_hidden_layers=1)
        >>> model.config.hidden_size
        768
    """
    return BERT.construct({**_FREE, **_BASE, "vocab_size": _UNCASED}, config, builder="bert_base")


class BERTLargeWeights(Weights):
    """Weights of ``bert_large``; each has a vocabulary of its own."""

    transforms: Callable[..., Tokenizer]
    postprocess: Callable[..., SentenceEmbeddings]

    BookCorpusWikipedia_Uncased_RefV1 = _published(
        _LARGE_UNCASED,
        _LARGE_UNCASED.file("model.safetensors"),
        {**_LARGE, "vocab_size": _UNCASED},
        num_params=335_141_888,
        hash_source=f"{ON_TRUST}, weights and tokenizer",
    )
    BookCorpusWikipedia_Cased_RefV1 = _published(
        _LARGE_CASED,
        _LARGE_CASED.file("model.safetensors"),
        {**_LARGE, "vocab_size": _CASED},
        num_params=333_579_264,
        hash_source=f"{ON_TRUST}, weights and tokenizer",
    )


@register_model(weights=BERTLargeWeights, head="classifier")
def bert_large(
    *,
    weights: WeightsLike[BERTLargeWeights] | None = None,
    progress: bool = True,
    **config: Unpack[BERTConfig],
) -> BERTEncoder:
    """Build BERT-large: 24 layers, 1024 wide, 335 million parameters.

    Called with ``input_ids`` and ``attention_mask``, both ``(N, L)`` and int64 with ``L <= 512``
    (what ``weights.transforms()`` returns), it returns an output whose ``last_hidden_state`` is
    ``(N, L, 1024)`` and whose ``pooler_output`` is ``(N, 1024)``. There are no multilingual
    weights.
    """
    return BERT.construct({**_FREE, **_LARGE, "vocab_size": _UNCASED}, config, builder="bert_large")
