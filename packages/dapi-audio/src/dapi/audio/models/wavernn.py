"""WaveRNN: from a mel spectrogram to a waveform, sample by sample."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from dapi import (
    Build,
    BuilderConfig,
    LegacyArgument,
    Weights,
    WeightsLike,
    lazy,
    register_model,
)
from dapi.audio.models._torchaudio import MODELS, of_spectrogram, published

if TYPE_CHECKING:
    from torchaudio.models import WaveRNN
    from typing_extensions import Unpack

    from dapi.audio.postprocess import MuLawWaveform
    from dapi.audio.transforms import NormalizedDecibels

SPECTROGRAM = {
    "sample_rate": 22050,
    "n_mels": 80,
    "n_fft": 2048,
    "win_length": 1100,
    "hop_length": 275,
    "f_min": 40.0,
    "f_max": 11025.0,
}


class WaveRNNConfig(BuilderConfig, total=False):
    """More arguments of ``torchaudio.models.WaveRNN``.

    Attributes:
        n_res_block: Residual blocks over the spectrogram.
        n_rnn: Width of the recurrent layers.
        n_fc: Width of the layers after them.
        kernel_size: Frames that the first convolution sees.
        n_hidden: Channels of the residual blocks.
        n_output: Their output channels.
    """

    n_res_block: int
    n_rnn: int
    n_fc: int
    kernel_size: int
    n_hidden: int
    n_output: int


class WaveRNNWeights(Weights, meta={"num_params": 4_349_613}):
    """Weights of ``wavernn``, as torchaudio publishes them.

    ``LJSpeech_RefV1`` was trained for 10,000 epochs on waveforms of 8 bits (mu-law), and on mel
    spectrograms as in ``meta["spectrogram"]``: it is the vocoder of the Tacotron2 weights that were
    trained with those.
    """

    transforms: Callable[..., NormalizedDecibels]
    postprocess: Callable[..., MuLawWaveform]

    LJSpeech_RefV1 = published(
        f"{MODELS}wavernn_10k_epochs_8bits_ljspeech.pth",
        transforms=lazy("dapi.audio.transforms:NormalizedDecibels", min_level_db=-100.0),
        postprocess=lazy("dapi.audio.postprocess:MuLawWaveform", bits=8),
        meta={
            "task": "vocoder",
            "datasets": ["LJSpeech"],
            "recipe": "https://github.com/pytorch/audio/tree/main/examples/pipeline_wavernn",
            "sample_rate": 22050,
            "epochs": 10_000,
            **of_spectrogram(SPECTROGRAM),
        },
        build=Build(
            config={
                "upsample_scales": (5, 5, 11),
                "n_classes": 256,
                "hop_length": 275,
                "n_freq": 80,
            }
        ),
    )


@register_model(
    weights=WaveRNNWeights,
    legacy=(
        # The builder that torchaudio had before its pipelines (audio#1612).
        LegacyArgument(
            "checkpoint_name",
            {"wavernn_10k_epochs_8bits_ljspeech": WaveRNNWeights.LJSpeech_RefV1},
        ),
    ),
)
def wavernn(
    *,
    weights: WeightsLike[WaveRNNWeights] | None = None,
    progress: bool = True,
    upsample_scales: Sequence[int] = (5, 5, 11),
    n_classes: int = 256,
    hop_length: int = 275,
    n_freq: int = 80,
    **config: Unpack[WaveRNNConfig],
) -> WaveRNN:
    """Build a WaveRNN (Kalchbrenner et al. 2018, arXiv:1802.08435), as in torchaudio.

    ``model.infer(spectrogram, lengths)`` takes normalized mel spectrograms (N, n_freq, T) and
    returns waveforms (N, 1, T * hop_length) in [-1, 1], drawn sample by sample from torch's random
    state, and their lengths in samples. It is slow: one step for each of 22,050 samples per second.
    ``weights.transforms()`` makes its input from Tacotron2's output, ``weights.postprocess()``
    decodes its output; ``dapi.audio.postprocess.WaveRNNVocoder`` does all three.
    ``model(waveform, spectrogram)`` is for training.

    Args:
        weights: A member of WaveRNNWeights, any WeightEntry, or None for random initialization.
        progress: Show a progress bar while downloading, on a terminal.
        upsample_scales: Factor by which each layer stretches the spectrogram in time; the product
            is ``hop_length``.
        n_classes: Levels of a sample: 2 to the power of its bits.
        hop_length: Samples for each frame of the spectrogram.
        n_freq: Mel bands of the spectrogram.
        **config: More arguments, see ``WaveRNNConfig``.

    Returns:
        The model, in training mode: call ``.eval()`` to use it.

    Raises:
        DapiError: See ``dapi.build_model``. With weights, this reads the cache and the network.
        ValueError: ``upsample_scales`` do not multiply to ``hop_length``.

    Example:
        >>> sum(p.numel() for p in wavernn().parameters())
        4349613
    """
    from torchaudio.models import WaveRNN

    return WaveRNN(list(upsample_scales), n_classes, hop_length, n_freq=n_freq, **config)
