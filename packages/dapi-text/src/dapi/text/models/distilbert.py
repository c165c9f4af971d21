"""DistilBERT: BERT-base at half its depth (Sanh et al. 2019, arXiv:1910.01108)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dapi import Build, File, WeightEntry, Weights, WeightsLike, register_model
from dapi.text.models._config import HeadConfig, TransformersConfig
from dapi.text.models._encoder import encoder
from dapi.text.models._family import DISTILBERT
from dapi.text.models._hub import ON_TRUST, Repository, pinned_by

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from dapi.text.models._family import DistilBERTEncoder
    from dapi.text.postprocess import SentenceEmbeddings
    from dapi.text.transforms import Tokenizer

_FREE = {"attention_dropout": 0.1, "dropout": 0.1, "initializer_range": 0.02}
_FIXED = {
    "activation": "gelu",
    "dim": 768,
    "hidden_dim": 3072,
    "max_position_embeddings": 512,
    "n_heads": 12,
    "n_layers": 6,
    "pad_token_id": 0,
    "sinusoidal_pos_embds": False,
}
_UNCASED, _CASED, _MULTILINGUAL_CASED = 30522, 28996, 119547  # entries of each vocabulary

# The files are those of a DistilBertForMaskedLM: its head is vocab_transform, vocab_layer_norm
# and vocab_projector.
_ADAPT = (DISTILBERT,)


def _published(
    repository: Repository, file: File, tokenizer: File, *, vocab_size: int, **meta: Any
) -> WeightEntry:
    return encoder(
        file,
        tokenizer,
        meta={
            "license": "Apache-2.0",
            "recipe": "https://github.com/huggingface/transformers-research-projects/tree/main/"
            "distillation",
            "paper": "https://arxiv.org/abs/1910.01108",
            "known_as": (repository.name, repository.name.partition("/")[2]),
            **meta,
        },
        build=Build(config={**_FIXED, "vocab_size": vocab_size}, adapt=_ADAPT),
    )


_UNCASED_REPOSITORY = Repository(
    "distilbert/distilbert-base-uncased", "12040accade4e8a0f71eabdb258fecc2e7e948be"
)
_CASED_REPOSITORY = Repository(
    "distilbert/distilbert-base-cased", "6ea81172465e8b0ad3fddeed32b986cdcdcffcf0"
)
_MULTILINGUAL_REPOSITORY = Repository(
    "distilbert/distilbert-base-multilingual-cased", "45c032ab32cc946ad88a166f7cb282f58c753c2e"
)


class DistilBERTConfig(TransformersConfig, HeadConfig, total=False):
    """Attributes of transformers' DistilBertConfig."""

    activation: str
    attention_dropout: float
    bos_token_id: int | None
    dim: int
    dropout: float
    hidden_dim: int
    initializer_range: float
    max_position_embeddings: int
    n_heads: int
    n_layers: int
    qa_dropout: float
    seq_classif_dropout: float
    sinusoidal_pos_embds: bool


class DistilBERTBaseWeights(Weights):
    """Weights of ``distilbert_base``; each has a vocabulary of its own."""

    transforms: Callable[..., Tokenizer]
    postprocess: Callable[..., SentenceEmbeddings]

    BookCorpusWikipedia_Uncased_RefV1 = _published(
        _UNCASED_REPOSITORY,
        _UNCASED_REPOSITORY.file(
            "model.safetensors",
            sha256="5e3f1108e3cb34ee048634875d8482665b65ac713291a7e32396fb18f6ff0063",
            size=267954768,
        ),
        _UNCASED_REPOSITORY.file(
            "tokenizer.json",
            sha256="ce64fce797c24f68df90b40a3f74f579b336a493db14bd583fd520ea0d8c9a98",
        ),
        vocab_size=_UNCASED,
        datasets=["BookCorpus", "English Wikipedia"],
        num_params=66_362_880,
        hash_source=f"{pinned_by(6)}; the tokenizer: by 3, without its size",
    )
    BookCorpusWikipedia_Cased_RefV1 = _published(
        _CASED_REPOSITORY,
        _CASED_REPOSITORY.file("model.safetensors"),
        _CASED_REPOSITORY.file("tokenizer.json"),
        vocab_size=_CASED,
        datasets=["BookCorpus", "English Wikipedia"],
        num_params=65_190_912,
        hash_source=f"{ON_TRUST}, weights and tokenizer",
    )
    Wikipedia104_Cased_RefV1 = _published(
        _MULTILINGUAL_REPOSITORY,
        _MULTILINGUAL_REPOSITORY.file("model.safetensors"),
        _MULTILINGUAL_REPOSITORY.file("tokenizer.json"),
        vocab_size=_MULTILINGUAL_CASED,
        datasets=["Wikipedia in 104 languages"],
        num_params=134_734_080,
        hash_source=f"{ON_TRUST}, weights and tokenizer",
    )


@register_model(weights=DistilBERTBaseWeights, head=("pre_classifier", "classifier"))
def distilbert_base(
    *,
    weights: WeightsLike[DistilBERTBaseWeights] | None = None,
    progress: bool = True,
    **config: Unpack[DistilBERTConfig],
) -> DistilBERTEncoder:
    """Build DistilBERT: 6 layers, 768 wide, 66 million parameters.

    The encoder of "DistilBERT, a distilled version of BERT: smaller, faster, cheaper and lighter"
    (https://arxiv.org/abs/1910.01108), as in transformers, without its head; there is no pooler.
    Called with ``input_ids`` and ``attention_mask``, both ``(N, L)`` and int64 with ``L <= 512``
    (what ``weights.transforms()`` returns), it returns an output whose ``last_hidden_state`` is
    ``(N, L, 768)``.

    The vocabulary is that of the weights: uncased English (30522 tokens; also without weights),
    cased English (28996), or 104 languages (119547).

    With ``num_labels=3, new_head=True`` the model classifies texts by a new head, with
    ``head="token-classification"`` tokens; ``categories=[...]`` names its outputs. With
    ``head="fill-mask"`` it predicts masked tokens, by the head in the published file.

    Args:
        weights: Published weights, or an entry; None initializes at random. Weights that are not
            cached are downloaded.
        progress: Show a progress bar while downloading, on a terminal.
        **config: Attributes of transformers' DistilBertConfig, such as ``dropout`` or
            ``attn_implementation``; instead of the published ones.

    Returns:
        The model, in training mode.

    Raises:
        UnexpectedArgumentError: DistilBertConfig has no such attribute.
        ConfigConflictError: ``config`` contradicts the weights. For other errors of weights, see
            ``dapi.build_model``.

    Example:
        >>> model = distilbert_base(n_layers=1)
        >>> model.config.dim
        768
    """
    published = {**_FREE, **_FIXED, "vocab_size": _UNCASED}
    return DISTILBERT.construct(published, config, builder="distilbert_base")
