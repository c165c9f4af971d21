"""RoBERTa: a BERT with improved pretraining (Liu et al. 2019, arXiv:1907.11692)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from dapi import Asset, Build, File, Lines, WeightEntry, Weights, WeightsLike, lazy, register_model
from dapi.text.models._config import BERTConfig
from dapi.text.models._encoder import encoder
from dapi.text.models._family import ROBERTA
from dapi.text.models._hub import Repository, pinned_by

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from dapi.text.models._family import RoBERTaEncoder
    from dapi.text.postprocess import Classification, SentenceEmbeddings
    from dapi.text.transforms import Tokenizer

_BASE_REPOSITORY = Repository("FacebookAI/roberta-base", "e2da8e2f811d1448a5b465c236feacd80ffbac7b")
_LARGE_REPOSITORY = Repository(
    "FacebookAI/roberta-large", "722cf37b1afa9454edce342e7895e588b6ff1d59"
)
_DISTILLED_REPOSITORY = Repository(
    "distilbert/distilroberta-base", "fb53ab8802853c8e4fbdbcd0529f21fc6f459b2b"
)

# The values of the published config.json files. Written as such files, those of base and large have
# the published sha256 (a test does so): they use no default of transformers.
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

_DISTILLED = {**_BASE, "num_hidden_layers": 6}
_TINY = {
    **_FIXED,
    "hidden_size": 64,
    "intermediate_size": 256,
    "max_position_embeddings": 66,
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "vocab_size": 8192,
}

# The files were saved from a RobertaForMaskedLM: they have its head, and position_ids, which are no
# longer saved; they have no pooler, and no second copy of the word embeddings for the head.
_ADAPT = (ROBERTA,)

# The same file in both repositories.
_BASE_TOKENIZER = _BASE_REPOSITORY.file(
    "tokenizer.json",
    sha256="847bbeab6174d66a88898f729d52fa8d355fafe1bea101cf960dd404581df70e",
    size=1355863,
)
_LARGE_TOKENIZER = _LARGE_REPOSITORY.file(
    "tokenizer.json", _BASE_TOKENIZER.sha256, _BASE_TOKENIZER.size, mirrors=(_BASE_TOKENIZER.url,)
)

_META = {
    "license": "MIT",
    "datasets": ["BookCorpus", "English Wikipedia", "CC-News", "OpenWebText", "Stories"],
    "recipe": "https://github.com/facebookresearch/fairseq/blob/main/examples/roberta/README.md",
    "paper": "https://arxiv.org/abs/1907.11692",
}


def _published(file: File, tokenizer: File, config: Mapping[str, Any], **meta: Any) -> WeightEntry:
    return encoder(
        file,
        tokenizer,
        padding="<pad>",
        meta={**_META, **meta},
        build=Build(config=config, adapt=_ADAPT),
    )


class RoBERTaBaseWeights(Weights, meta={"num_params": 124_055_040}):
    """Weights of ``roberta_base``."""

    transforms: Callable[..., Tokenizer]
    postprocess: Callable[..., SentenceEmbeddings]

    English160GB_RefV1 = _published(
        _BASE_REPOSITORY.file(
            "model.safetensors",
            sha256="5bde1d28afb363d0103324efeb5afc8b2b397fe5e04beabb9b1ef355255ade81",
            size=498818054,
        ),
        _BASE_TOKENIZER,
        _BASE,
        hash_source=f"{pinned_by(7)}; the tokenizer: by 3",
        known_as=("ROBERTA_BASE_ENCODER", "FacebookAI/roberta-base", "roberta-base"),
    )


@register_model(weights=RoBERTaBaseWeights, head="classifier")
def roberta_base(
    *,
    weights: WeightsLike[RoBERTaBaseWeights] | None = None,
    progress: bool = True,
    **config: Unpack[BERTConfig],
) -> RoBERTaEncoder:
    """Build RoBERTa-base: 12 layers, 768 wide, 124 million parameters.

    The encoder of "RoBERTa: A Robustly Optimized BERT Pretraining Approach"
    (https://arxiv.org/abs/1907.11692), as in transformers, without a head and without a pooler.
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
        **config: Attributes of transformers' RobertaConfig, such as ``hidden_dropout_prob`` or
            ``attn_implementation``; instead of the published ones.

    Returns:
        The model, in training mode.

    Raises:
        UnexpectedArgumentError: RobertaConfig has no such attribute.
        ConfigConflictError: ``config`` contradicts the weights. For other errors of weights, see
            ``dapi.build_model``.

    Example:
        >>> model = roberta_base(num_hidden_layers=1)
        >>> model.config.hidden_size
        768
    """
    return ROBERTA.construct({**_FREE, **_BASE}, config, builder="roberta_base")


class RoBERTaLargeWeights(Weights, meta={"num_params": 354_310_144}):
    """Weights of ``roberta_large``."""

    transforms: Callable[..., Tokenizer]
    postprocess: Callable[..., SentenceEmbeddings]

    English160GB_RefV1 = _published(
        _LARGE_REPOSITORY.file(
            "model.safetensors",
            sha256="047c85f0b96269cd62e6f732644f067004eebd95af5b5d35965ae2528f13bf38",
            size=1421700479,
        ),
        _LARGE_TOKENIZER,
        _LARGE,
        hash_source="pinned alike by 2 independent public projects; one of them gives the "
        "size too, and says that its copy is that of this revision, unmodified; the "
        "tokenizer: by that one, and by 3 others for roberta-base",
        known_as=("ROBERTA_LARGE_ENCODER", "FacebookAI/roberta-large", "roberta-large"),
    )


@register_model(weights=RoBERTaLargeWeights, head="classifier")
def roberta_large(
    *,
    weights: WeightsLike[RoBERTaLargeWeights] | None = None,
    progress: bool = True,
    **config: Unpack[BERTConfig],
) -> RoBERTaEncoder:
    """Build RoBERTa-large: 24 layers, 1024 wide, 354 million parameters.

    Called with ``input_ids`` and ``attention_mask``, both ``(N, L)`` and int64 with ``L <= 512``
    (what ``weights.transforms()`` returns), it returns an output whose ``last_hidden_state`` is
    ``(N, L, 1024)``.
    """
    return ROBERTA.construct({**_FREE, **_LARGE}, config, builder="roberta_large")


class DistilRoBERTaBaseWeights(Weights, meta={"num_params": 81_527_808}):
    """Weights of ``distilroberta_base``."""

    transforms: Callable[..., Tokenizer]
    postprocess: Callable[..., SentenceEmbeddings]

    OpenWebText_RefV1 = _published(
        _DISTILLED_REPOSITORY.file(
            "model.safetensors",
            sha256="2b11ca9cf3d2cbb44cc1a93ad96aedc2894231ae6e33e2d2268c3d7b1ff97663",
        ),
        _BASE_TOKENIZER,
        _DISTILLED,
        license="Apache-2.0",
        datasets=["OpenWebText"],
        recipe="https://github.com/huggingface/transformers-research-projects/tree/main/"
        "distillation",
        paper="https://arxiv.org/abs/1910.01108",
        hash_source=f"{pinned_by(2)}, without its size; the tokenizer is that of roberta-base: "
        "pinned alike by 3",
        known_as=(
            "ROBERTA_DISTILLED_ENCODER",
            "distilbert/distilroberta-base",
            "distilroberta-base",
        ),
    )


@register_model(weights=DistilRoBERTaBaseWeights, head="classifier")
def distilroberta_base(
    *,
    weights: WeightsLike[DistilRoBERTaBaseWeights] | None = None,
    progress: bool = True,
    **config: Unpack[BERTConfig],
) -> RoBERTaEncoder:
    """Build DistilRoBERTa: 6 layers, 768 wide, 82 million parameters.

    RoBERTa-base distilled as in "DistilBERT, a distilled version of BERT"
    (https://arxiv.org/abs/1910.01108). Called with ``input_ids`` and ``attention_mask``, both
    ``(N, L)`` and int64 with ``L <= 512`` (what ``weights.transforms()`` returns), it returns an
    output whose ``last_hidden_state`` is ``(N, L, 768)``.
    """
    return ROBERTA.construct({**_FREE, **_DISTILLED}, config, builder="distilroberta_base")


_LANGUAGES = {
    "cs": "Czech",
    "da": "Danish",
    "de": "German",
    "en": "English",
    "es": "Spanish",
    "fi": "Finnish",
    "fr": "French",
    "hu": "Hungarian",
    "it": "Italian",
    "ja": "Japanese",
    "nb": "Norwegian Bokmål",
    "nl": "Dutch",
    "pl": "Polish",
    "pt": "Portuguese",
    "ro": "Romanian",
    "ru": "Russian",
    "sr": "Serbian",
    "sv": "Swedish",
    "tr": "Turkish",
    "uk": "Ukrainian",
    "vi": "Vietnamese",
    "zh": "Chinese",
}
_LANGUAGE_FILE = File(
    "package:dapi.text/models/data/roberta_tiny_languages.safetensors",
    sha256="c03bedf8f6735478a3edefcbb6b82291972aa8064ad65b10ef00aa9688efe180",
    size=2541632,
)
_LANGUAGE_TOKENIZER = File(
    "package:dapi.text/models/data/roberta_tiny_languages.json",
    sha256="f6b42f500d0a1bdc99a5ff16134190d132e2f22c63571adad85695a896bbfa88",
    size=248996,
)
_LANGUAGE_RECIPE = "recipes/roberta_tiny_languages.py"


def _measured(name: str, percent: float) -> dict[str, Any]:
    return {
        "dataset": "ManPages, held out",
        "name": name,
        "value": percent,
        "source": _LANGUAGE_RECIPE,
    }


class RoBERTaTinyWeights(Weights, meta={"num_params": 634_262}):
    """Weights of ``roberta_tiny``. Their files come with this distribution.

    They name one of 22 languages for any text. A few words may be too few to decide; Danish and
    Norwegian are confused most often.
    """

    transforms: Callable[..., Tokenizer]
    postprocess: Callable[..., Classification]

    ManPages_RefV1 = WeightEntry(
        _LANGUAGE_FILE.url,
        sha256=_LANGUAGE_FILE.sha256,
        size=_LANGUAGE_FILE.size,
        transforms=lazy(
            "dapi.text.transforms:Tokenizer",
            file=Asset("tokenizer"),
            max_length=64,
            padding="<pad>",
            blank=False,
        ),
        postprocess=lazy(
            "dapi.text.postprocess:Classification", categories=list(_LANGUAGES.values())
        ),
        assets={"tokenizer": _LANGUAGE_TOKENIZER},
        meta={
            "task": "text-classification",
            "license": "BSD-3-Clause",
            "license_source": "the LICENSE of this distribution: we trained them",
            "datasets": ["manual pages of Debian 12, and their translations"],
            # The sources of the sentences: Debian's packages, with the license of each.
            "text_sources": Lines("dapi.text:models/data/roberta_tiny_languages_sources.txt"),
            "not_trained_on": "programs for whose name is_held_out() of recipes/manual_pages.py "
            "is true: one in ten, in every language",
            "metrics": [_measured("accuracy", 98.51), _measured("balanced accuracy", 98.52)],
            "recipe": _LANGUAGE_RECIPE,
            "paper": "https://arxiv.org/abs/1907.11692",
            "hash_source": "measured from the file in this distribution",
            "categories": list(_LANGUAGES.values()),
            "language_codes": list(_LANGUAGES),
            "known_as": (),
        },
        latest=True,
        build=Build(config={**_TINY, "num_labels": len(_LANGUAGES)}),
    )


@register_model(weights=RoBERTaTinyWeights, head="classifier")
def roberta_tiny(
    *,
    weights: WeightsLike[RoBERTaTinyWeights] | None = None,
    progress: bool = True,
    **config: Unpack[BERTConfig],
) -> RoBERTaEncoder:
    """Build a RoBERTa of 2 layers, 64 wide, that classifies texts: 0.6 million parameters.

    With the weights ``ManPages_RefV1`` it recognizes which of 22 languages a sentence is written
    in. They come with this distribution: loading them does not touch the network.

    Called with ``input_ids`` and ``attention_mask``, both ``(N, L)`` and int64 with ``L <= 64``
    (what ``weights.transforms()`` returns), it returns an output whose ``logits`` are
    ``(N, num_labels)``; ``weights.postprocess()`` names the most probable. A ``num_labels`` other
    than the weights' requires ``new_head=True``, which initializes a new ``classifier``; with
    ``head="token-classification"``, one for tokens. ``categories=[...]`` names its outputs.

    Example:
        >>> weights = RoBERTaTinyWeights.ManPages_RefV1
        >>> model = roberta_tiny(weights=weights).eval()
        >>> batch = weights.transforms()("Le chat est assis sur la table de la cuisine.")
        >>> [[(language, probability), *_]] = weights.postprocess()(model(**batch))
        >>> language
        'French'
    """
    given = {"head": "text-classification", **config}
    return ROBERTA.construct({**_FREE, **_TINY}, given, builder="roberta_tiny")
