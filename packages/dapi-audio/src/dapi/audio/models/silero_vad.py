"""Silero VAD: voice activity detection, with weights from the package index."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dapi import Build, BuilderConfig, Weights, WeightsLike, lazy, register_model
from dapi.audio.models._speech import speech

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from dapi.audio.activity import VoiceActivity
    from dapi.audio.models._silero_vad import SileroVAD
    from dapi.audio.transforms import Waveform


class SileroVADWeights(Weights, meta={"num_params": 309_633}):
    """Weights of ``silero_vad``: ``pip install "dapi-audio[vad]"``.

    RefV1 is the safetensors file of the distribution ``silero-vad``. The TorchScript and ONNX files
    beside it, which ``silero_vad.load_silero_vad`` loads, contain other weights;
    ``meta["differs_from"]`` states how much the results differ. No metrics of this file are
    published.
    """

    transforms: Callable[..., Waveform]
    postprocess: Callable[..., VoiceActivity]

    Speech6000Languages_RefV1 = speech(
        "package:silero_vad/data/silero_vad_16k.safetensors#dapi-audio[vad]",
        task="voice-activity-detection",
        normalize=False,
        sha256="c59271c284ae9c8335d795d60e0bfdb71aaaceec578d9bd9ffc1b8153c319ea1",
        size=1239748,
        postprocess=lazy("dapi.audio.activity:VoiceActivity"),
        build=Build(),
        meta={
            "license": "MIT",
            "license_source": "the metadata of silero-vad 6.2.3",
            "datasets": ["speech of over 6000 languages (not published)"],
            "recipe": "unknown",
            "hash_source": "measured from silero-vad 6.2.3",
            "differs_from": "silero_vad.jit of silero-vad 6.2.3: over 48 phrases of espeak-ng, 64 "
            "of 1896 frames are speech for one of the two only",
        },
    )


@register_model(weights=SileroVADWeights)
def silero_vad(
    *,
    weights: WeightsLike[SileroVADWeights] | None = None,
    progress: bool = True,
    dropout: float = 0.1,
    **config: Unpack[BuilderConfig],
) -> SileroVAD:
    """Build Silero's voice activity detector: 0.3 million parameters, from sound to speech or not.

    `Silero VAD <https://github.com/snakers4/silero-vad>`_, Silero Team, for 16 kHz, as in its
    release 6.2.3. ``model(waveforms, state)`` takes waveforms (N, T) of 16,000 samples per second
    in [-1, 1], as ``weights.transforms()`` makes them. It returns the probabilities of speech (N,
    frames), one for each 32 ms, and the state after the last frame, which is filled up with
    silence. ``weights.postprocess()`` turns the probabilities into segments in seconds.

    Frames are computed one by one, so a long sound needs little more memory than a short one. To
    process a stream, pass chunks of a multiple of 512 samples, each with the state that the
    previous call returned (None for the first): the probabilities are those of the whole, to the
    bit.

    The weights are a file of an installed distribution: ``pip install "dapi-audio[vad]"``. Loading
    them does not touch the network.

    Args:
        weights: The weights to load; None initializes at random.
        progress: Show a progress bar while downloading other weights, on a terminal.
        dropout: Probability of the dropout after the LSTM.
        **config: ``new_head``, ``device`` and ``dtype``, see ``dapi.BuilderConfig``.

    Returns:
        The model, in training mode: call ``.eval()`` to use it.

    Raises:
        MissingDependencyError: The distribution with the weights is not installed.
        DapiError: See ``dapi.build_model``.

    Example:
        >>> import torch
        >>> from dapi.audio import silero_vad
        >>> probabilities, state = silero_vad().eval()(torch.zeros(1, 16000))
        >>> probabilities.shape
        torch.Size([1, 32])
    """
    from dapi.audio.models._silero_vad import SileroVAD

    return SileroVAD(dropout=dropout)
