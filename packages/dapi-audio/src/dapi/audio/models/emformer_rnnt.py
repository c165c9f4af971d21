"""Emformer RNN-T: from a waveform to text, offline or streaming."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dapi import (
    Asset,
    Build,
    BuilderConfig,
    File,
    Weights,
    WeightsLike,
    lazy,
    register_model,
)
from dapi.audio.models._torchaudio import MODELS, published

if TYPE_CHECKING:
    from torchaudio.models import RNNT
    from typing_extensions import Unpack

    from dapi.audio.postprocess import TransducerText
    from dapi.audio.transforms import LogMel

_ASSETS = "https://download.pytorch.org/torchaudio/pipeline-assets"


class EmformerRNNTBaseWeights(Weights, meta={"num_params": 76_738_049}):
    """Weights of ``emformer_rnnt_base``, as torchaudio publishes them.

    ``LibriSpeech_RefV1`` transcribes English, in 4096 word pieces. Its assets are the mean and the
    standard deviation of the training features, and the SentencePiece model of the pieces.
    """

    transforms: Callable[..., LogMel]
    postprocess: Callable[..., TransducerText]

    LibriSpeech_RefV1 = published(
        f"{MODELS}emformer_rnnt_base_librispeech.pt",
        transforms=lazy(
            "dapi.audio.transforms:LogMel",
            statistics=Asset("statistics"),
            sample_rate=16000,
            n_fft=400,
            n_mels=80,
            hop_length=160,
            right_padding=4,
        ),
        postprocess=lazy("dapi.audio.postprocess:TransducerText", pieces=Asset("pieces")),
        meta={
            "task": "automatic-speech-recognition",
            "datasets": ["LibriSpeech"],
            "recipe": "https://github.com/pytorch/audio/tree/main/examples/asr/emformer_rnnt",
            "language": "en",
            "sample_rate": 16000,
            "n_fft": 400,
            "n_mels": 80,
            "hop_length": 160,
            "segment_length": 16,
            "right_context_length": 4,
            "blank": 4096,
            "known_as": ("EMFORMER_RNNT_BASE_LIBRISPEECH",),
        },
        assets={
            "statistics": File(f"{_ASSETS}/global_stats_rnnt_librispeech.json"),
            "pieces": File(f"{_ASSETS}/spm_bpe_4096_librispeech.model"),
        },
        build=Build(config={"num_symbols": 4097}),
    )


@register_model(weights=EmformerRNNTBaseWeights)
def emformer_rnnt_base(
    *,
    weights: WeightsLike[EmformerRNNTBaseWeights] | None = None,
    progress: bool = True,
    num_symbols: int = 4097,
    **config: Unpack[BuilderConfig],
) -> RNNT:
    """Build an Emformer RNN-T (Shi et al. 2020, arXiv:2010.10759), as in torchaudio.

    ``weights.transforms()`` turns a waveform into features (frames, 80), 100 per second, and their
    length. ``torchaudio.models.RNNTBeamSearch(model, blank=weights.meta["blank"])`` finds the
    likeliest pieces of words, and ``weights.postprocess()`` writes them as text::

        search = RNNTBeamSearch(model.eval(), blank=4096)
        texts = weights.postprocess()(search(*weights.transforms()(waveform, 16000), 10))

    It also works while the waveform arrives: ``search.infer`` takes segments of
    ``meta["segment_length"]`` frames and ``meta["right_context_length"]`` more, whose features
    ``weights.transforms(right_padding=0)`` makes. ``model(sources, source_lengths, targets,
    target_lengths)`` is for training.

    Args:
        weights: A member of EmformerRNNTBaseWeights, any WeightEntry, or None for random
            initialization.
        progress: Show a progress bar while downloading, on a terminal.
        num_symbols: Word pieces plus the blank, which is last; the weights fix it.
        **config: ``new_head``, ``device`` and ``dtype``, see ``dapi.BuilderConfig``.

    Returns:
        The model, in training mode: call ``.eval()`` to use it.

    Raises:
        DapiError: See ``dapi.build_model``. With weights, this reads the cache and the network.

    Example:
        >>> emformer_rnnt_base(num_symbols=100).joiner.linear.out_features
        100
    """
    from torchaudio.models import emformer_rnnt_base

    return emformer_rnnt_base(num_symbols)
