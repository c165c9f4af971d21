"""MPNet: masked and permuted pretraining (Song et al. 2020, arXiv:2004.09297), for sentences."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dapi import Build, Weights, WeightsLike, register_model
from dapi.text.models._config import EncoderConfig
from dapi.text.models._encoder import encoder
from dapi.text.models._family import MPNET
from dapi.text.models._hub import Repository, pinned_by
from dapi.text.models._sentences import SENTENCE_PAIRS_1B, published_averages

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from dapi.text.models._family import MPNetEncoder
    from dapi.text.postprocess import SentenceEmbeddings
    from dapi.text.transforms import Tokenizer

_REPOSITORY = Repository(
    "sentence-transformers/all-mpnet-base-v2", "e8c3b32edf5434bc2275fc9bab85f82640a19130"
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
    "hidden_size": 768,
    "intermediate_size": 3072,
    "layer_norm_eps": 1e-05,
    "max_position_embeddings": 514,  # 512 tokens: positions are counted from pad_token_id + 1
    "num_attention_heads": 12,
    "num_hidden_layers": 12,
    "pad_token_id": 1,
    "relative_attention_num_buckets": 32,
    "vocab_size": 30527,
}


class MPNetBaseConfig(EncoderConfig, total=False):
    """Attributes of transformers' MPNetConfig."""

    relative_attention_num_buckets: int


class MPNetBaseWeights(Weights, meta={"num_params": 109_486_464}):
    """Weights of ``mpnet_base``."""

    transforms: Callable[..., Tokenizer]
    postprocess: Callable[..., SentenceEmbeddings]

    SentencePairs1B_RefV1 = encoder(
        _REPOSITORY.file(
            "model.safetensors",
            sha256="78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658",
            size=437971872,
        ),
        _REPOSITORY.file(
            "tokenizer.json",
            sha256="b8be2c30ba5dd723a6d5ee26d013da103d5408d92ddcb23747622f9e48f1d842",
            size=466021,
        ),
        padding="<pad>",
        max_length=384,
        meta={
            "task": "sentence-similarity",
            "license": "Apache-2.0",
            "datasets": SENTENCE_PAIRS_1B,
            "metrics": published_averages(sentences=69.57, search=57.02),
            "recipe": "https://huggingface.co/sentence-transformers/all-mpnet-base-v2/blob/"
            "e8c3b32edf5434bc2275fc9bab85f82640a19130/train_script.py",
            "paper": "https://arxiv.org/abs/2004.09297",
            "hash_source": f"{pinned_by(7)}; the tokenizer: by 5, two of which give its size",
            "known_as": (
                "sentence-transformers/all-mpnet-base-v2",
                "all-mpnet-base-v2",
            ),
        },
        build=Build(config=_FIXED, adapt=(MPNET,)),
    )


@register_model(weights=MPNetBaseWeights, head="classifier")
def mpnet_base(
    *,
    weights: WeightsLike[MPNetBaseWeights] | None = None,
    progress: bool = True,
    **config: Unpack[MPNetBaseConfig],
) -> MPNetEncoder:
    """Build MPNet-base: 12 layers, 768 wide, 109 million parameters.

    The encoder of "MPNet: Masked and Permuted Pre-training for Language Understanding"
    (https://arxiv.org/abs/2004.09297), as all-mpnet-base-v2 is, as in transformers. Called with
    ``input_ids`` and ``attention_mask``, both ``(N, L)`` and int64 with ``L <= 512`` (what
    ``weights.transforms()`` returns, cut at 384), it returns an output whose ``last_hidden_state``
    is ``(N, L, 768)``; ``weights.postprocess()`` turns it into embeddings ``(N, 768)``. The pooler
    exists because the published file has weights for it; embeddings do not use it.

    With ``num_labels=3, new_head=True`` the model classifies texts by a new head, with
    ``head="token-classification"`` tokens; ``categories=[...]`` names its outputs.

    Args:
        weights: Published weights, or an entry; None initializes at random. Weights that are not
            cached are downloaded.
        progress: Show a progress bar while downloading, on a terminal.
        **config: Attributes of transformers' MPNetConfig, such as ``hidden_dropout_prob``; instead
            of the published ones.

    Returns:
        The model, in training mode.

    Raises:
        UnexpectedArgumentError: MPNetConfig has no such attribute.
        ConfigConflictError: ``config`` contradicts the weights. For other errors of weights, see
            ``dapi.build_model``.

    Example:
        >>> model = mpnet_base(num_hidden_layers=1)
        >>> model.config.hidden_size
        768
    """
    return MPNET.construct({**_FREE, **_FIXED}, config, builder="mpnet_base")
