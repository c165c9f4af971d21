"""XLSR and XLS-R: wav2vec 2.0 in many languages, and the forced alignment made from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dapi import Weights, WeightsLike, lazy, register_model
from dapi.audio.models._speech import Wav2Vec2Config, dropout, features, labeled, speech

if TYPE_CHECKING:
    from torchaudio.models import Wav2Vec2Model
    from typing_extensions import Unpack

    from dapi.audio.transforms import Waveform

_FAIRSEQ = "https://github.com/pytorch/fairseq/blob/ce6c9eeae163ac04b79539c78e74f292f29eaa18"
_XLSR = "https://github.com/facebookresearch/fairseq/{}/30c912b73c0f88d41171879b2f03226a171004ef"
_MMS = (
    "https://github.com/facebookresearch/fairseq/tree/"
    "100cd91db19bb27277a06a25eb4154c805b10189/examples/mms"
)

_128_LANGUAGES = {
    "license": "MIT",
    "license_source": f"{_XLSR.format('blob')}/LICENSE",
    "recipe": f"{_XLSR.format('tree')}/examples/wav2vec/xlsr#xls-r",
    "datasets": ["Multilingual LibriSpeech", "CommonVoice", "VoxLingua107", "BABEL", "VoxPopuli"],
    "language": "multilingual",
}
_53_LANGUAGES = {
    "license": "MIT",
    "license_source": f"{_FAIRSEQ}/LICENSE",
    "recipe": f"{_FAIRSEQ}/examples/wav2vec#pre-trained-models",
    "datasets": ["Multilingual LibriSpeech", "CommonVoice", "BABEL"],
    "language": "multilingual",
}

_ROMAN = "-aienoutsrmkldghybpwcvjzf'qx"


class XLSR300MWeights(Weights):
    """Weights of ``wav2vec2_xlsr_300m``, as torchaudio publishes them.

    ``XLSR128_RefV1`` (XLS-R) was pretrained on 436,000 hours in 128 languages, ``XLSR53_RefV1`` on
    56,000 hours in 53; they give features. ``MMS_ForcedAlignment_RefV1`` was trained on 31,000
    hours in 1,130 languages to find when each letter of a romanized transcript is spoken. All
    require normalized waveforms.
    """

    transforms: Callable[..., Waveform]

    XLSR128_RefV1 = features(
        "wav2vec2_xlsr_300m.pth",
        normalize=True,
        dropout=dropout(),
        meta={**_128_LANGUAGES, "num_params": 315_437_696, "known_as": ("WAV2VEC2_XLSR_300M",)},
    )
    XLSR53_RefV1 = features(
        "wav2vec2_fairseq_large_xlsr53.pth",
        normalize=True,
        dropout=dropout(),
        meta={**_53_LANGUAGES, "num_params": 315_437_696, "known_as": ("WAV2VEC2_XLSR53",)},
    )
    MMS_ForcedAlignment_RefV1 = speech(
        "https://dl.fbaipublicfiles.com/mms/torchaudio/ctc_alignment_mling_uroman/model.pt",
        task="forced-alignment",
        normalize=True,
        postprocess=lazy("dapi.audio.alignment:ForcedAlignment", labels=_ROMAN),
        build=labeled(_ROMAN, dropout=dropout(activation=0.1, layer=0.1)),
        meta={
            "license": "CC-BY-NC-4.0",
            "license_source": f"{_MMS}#license",
            "recipe": _MMS,
            "datasets": ["MMS"],
            "language": "multilingual",
            "labels": list(_ROMAN),
            "num_params": 315_466_396,
            "known_as": ("MMS_FA",),
        },
        sha256="20ef12963ab4924bef49ac4fc7f58ad5da2ee43b2c11bc8c853c9b90ecdbc680",
        size=1262047414,
        sources=10,
    )


@register_model(weights=XLSR300MWeights, head="aux")
def wav2vec2_xlsr_300m(
    *,
    weights: WeightsLike[XLSR300MWeights] | None = None,
    progress: bool = True,
    aux_num_out: int | None = None,
    **config: Unpack[Wav2Vec2Config],
) -> Wav2Vec2Model:
    """Build an XLS-R of 300 million parameters (Babu et al. 2021, arXiv:2111.09296).

    Of the same shape are XLSR-53 (Conneau et al. 2020, arXiv:2006.13979) and the aligner of MMS
    (Pratap et al. 2023, arXiv:2305.13516), whose ``weights.postprocess()`` takes the logits and a
    transcript.

    ``model(waveforms, lengths)`` takes waveforms (N, T) of 16,000 samples per second, as
    ``weights.transforms()`` makes them, and their lengths in samples, or None. It returns logits
    (N, frames, aux_num_out), a frame each 20 ms, and their lengths; with ``aux_num_out=None``, the
    features of the last layer. The weights fix ``aux_num_out``, unless ``new_head=True``. In a
    padded batch with lengths, the result for each waveform is the same as alone.
    """
    from torchaudio.models import wav2vec2_xlsr_300m

    from dapi.audio._normalized import expect_normalized

    return expect_normalized(wav2vec2_xlsr_300m(aux_num_out=aux_num_out, **config), weights)


class XLSR1BWeights(Weights, meta={"num_params": 962_496_128}):
    """Weights of ``wav2vec2_xlsr_1b``: of XLS-R, as torchaudio publishes them."""

    transforms: Callable[..., Waveform]

    XLSR128_RefV1 = features(
        "wav2vec2_xlsr_1b.pth",
        normalize=True,
        dropout=dropout(projection=0.1),
        meta={**_128_LANGUAGES, "known_as": ("WAV2VEC2_XLSR_1B",)},
    )


@register_model(weights=XLSR1BWeights, head="aux")
def wav2vec2_xlsr_1b(
    *,
    weights: WeightsLike[XLSR1BWeights] | None = None,
    progress: bool = True,
    aux_num_out: int | None = None,
    **config: Unpack[Wav2Vec2Config],
) -> Wav2Vec2Model:
    """Build an XLS-R of a billion parameters: 48 layers of width 1280.

    ``model(waveforms, lengths)`` takes waveforms (N, T) of 16,000 samples per second, as
    ``weights.transforms()`` makes them, and their lengths in samples, or None. It returns logits
    (N, frames, aux_num_out), a frame each 20 ms, and their lengths; with ``aux_num_out=None``, the
    features of the last layer. The weights fix ``aux_num_out``, unless ``new_head=True``. In a
    padded batch with lengths, the result for each waveform is the same as alone.
    """
    from torchaudio.models import wav2vec2_xlsr_1b

    from dapi.audio._normalized import expect_normalized

    return expect_normalized(wav2vec2_xlsr_1b(aux_num_out=aux_num_out, **config), weights)


class XLSR2BWeights(Weights, meta={"num_params": 2_159_257_728}):
    """Weights of ``wav2vec2_xlsr_2b``: of XLS-R, as torchaudio publishes them."""

    transforms: Callable[..., Waveform]

    XLSR128_RefV1 = features(
        "wav2vec2_xlsr_2b.pth",
        normalize=True,
        dropout=dropout(projection=0.1),
        meta={**_128_LANGUAGES, "known_as": ("WAV2VEC2_XLSR_2B",)},
    )


@register_model(weights=XLSR2BWeights, head="aux")
def wav2vec2_xlsr_2b(
    *,
    weights: WeightsLike[XLSR2BWeights] | None = None,
    progress: bool = True,
    aux_num_out: int | None = None,
    **config: Unpack[Wav2Vec2Config],
) -> Wav2Vec2Model:
    """Build an XLS-R of two billion parameters: 48 layers of width 1920.

    ``model(waveforms, lengths)`` takes waveforms (N, T) of 16,000 samples per second, as
    ``weights.transforms()`` makes them, and their lengths in samples, or None. It returns logits
    (N, frames, aux_num_out), a frame each 20 ms, and their lengths; with ``aux_num_out=None``, the
    features of the last layer. The weights fix ``aux_num_out``, unless ``new_head=True``. In a
    padded batch with lengths, the result for each waveform is the same as alone.
    """
    from torchaudio.models import wav2vec2_xlsr_2b

    from dapi.audio._normalized import expect_normalized

    return expect_normalized(wav2vec2_xlsr_2b(aux_num_out=aux_num_out, **config), weights)
