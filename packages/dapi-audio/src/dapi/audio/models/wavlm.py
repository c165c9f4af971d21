"""WavLM: from a waveform to features that also describe the speaker and the noise."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dapi import Weights, WeightsLike, register_model
from dapi.audio.models._speech import Wav2Vec2Config, dropout, features

if TYPE_CHECKING:
    from torchaudio.models import Wav2Vec2Model
    from typing_extensions import Unpack

    from dapi.audio.transforms import Waveform

_UNILM = "https://github.com/microsoft/unilm/{}/65f15af2a307ebb64cfb25adf54375b002e6fe8d"
_META = {
    "license": "MIT",
    "license_source": f"{_UNILM.format('blob')}/LICENSE",
    "recipe": f"{_UNILM.format('tree')}/wavlm#pre-trained-models",
    "language": "en",
}
_MIX = {**_META, "datasets": ["Libri-Light", "GigaSpeech", "VoxPopuli"]}
_DROPOUT = dropout(projection=0.1, attention=0.1, output=0.1, layer=0.05)


class WavLMBaseWeights(Weights, meta={"num_params": 94_381_168}):
    """Weights of ``wavlm_base``, as torchaudio publishes them; not fine-tuned.

    ``LibriSpeech_RefV1`` was trained on 960 hours. ``Mix94k_RefV1``, which its authors call
    WavLM Base+, on 94,000: of Libri-Light, GigaSpeech and VoxPopuli.
    """

    transforms: Callable[..., Waveform]

    LibriSpeech_RefV1 = features(
        "wavlm_base.pth",
        normalize=False,
        dropout=_DROPOUT,
        meta={
            **_META,
            "datasets": ["LibriSpeech"],
            "known_as": ("WAVLM_BASE",),
        },
    )
    Mix94k_RefV1 = features(
        "wavlm_base_plus.pth",
        normalize=False,
        dropout=_DROPOUT,
        meta={**_MIX, "known_as": ("WAVLM_BASE_PLUS",)},
        sha256="136a3e720c04f2c77bf7a4dc6a3868b14d5a2c145a988114b733cb1a8428be98",
        size=377604347,
        sources=4,
    )


@register_model(weights=WavLMBaseWeights, head="aux")
def wavlm_base(
    *,
    weights: WeightsLike[WavLMBaseWeights] | None = None,
    progress: bool = True,
    aux_num_out: int | None = None,
    **config: Unpack[Wav2Vec2Config],
) -> Wav2Vec2Model:
    """Build a WavLM (Chen et al. 2021, arXiv:2110.13900), as in torchaudio.

    It is a wav2vec 2.0 whose attention depends on the distance of two frames, and which was trained
    on overlapped and noisy speech. ``model(waveforms)`` takes waveforms (N, T) of 16,000 samples
    per second, and returns the features of the last layer (N, frames, 768), a frame each 20 ms, and
    None. ``model.extract_features(waveforms)`` gives those of every layer. ``weights.transforms()``
    makes the input from one recording. torchaudio's attention accepts no lengths here: all
    waveforms of a batch must have the same length.

    Args:
        weights: A member of WavLMBaseWeights, any WeightEntry, or None for random initialization.
        progress: Show a progress bar while downloading, on a terminal.
        aux_num_out: Size of the head; None for none. The weights have none, so a head requires
            ``new_head=True``.
        **config: More arguments, see ``Wav2Vec2Config``, such as ``encoder_layer_drop=0.0``.

    Returns:
        The model, in training mode: call ``.eval()`` to use it.

    Raises:
        DapiError: See ``dapi.build_model``. With weights, this reads the cache and the network.

    Example:
        >>> wavlm_base().encoder.transformer.layers[0].attention.rel_attn_embed
        Embedding(320, 12)
    """
    from torchaudio.models import wavlm_base

    return wavlm_base(aux_num_out=aux_num_out, **config)


class WavLMLargeWeights(Weights, meta={"num_params": 315_452_096}):
    """Weights of ``wavlm_large``, trained as ``WavLMBaseWeights.Mix94k_RefV1``.

    They require normalized waveforms.
    """

    transforms: Callable[..., Waveform]

    Mix94k_RefV1 = features(
        "wavlm_large.pth",
        normalize=True,
        dropout=_DROPOUT,
        meta={**_MIX, "known_as": ("WAVLM_LARGE",)},
    )


@register_model(weights=WavLMLargeWeights, head="aux")
def wavlm_large(
    *,
    weights: WeightsLike[WavLMLargeWeights] | None = None,
    progress: bool = True,
    aux_num_out: int | None = None,
    **config: Unpack[Wav2Vec2Config],
) -> Wav2Vec2Model:
    """Build the large WavLM: 24 layers of width 1024.

    ``model(waveforms)`` takes waveforms (N, T) of 16,000 samples per second and of one length, as
    ``weights.transforms()`` makes them, and returns the features of the last layer (N, frames,
    1024), a frame each 20 ms, and None. An ``aux_num_out``, for a head, needs ``new_head=True``.
    """
    from torchaudio.models import wavlm_large

    from dapi.audio._normalized import expect_normalized

    return expect_normalized(wavlm_large(aux_num_out=aux_num_out, **config), weights)
