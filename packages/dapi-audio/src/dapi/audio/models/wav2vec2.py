"""wav2vec 2.0: from a waveform to features, or to letters after fine-tuning."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dapi import WeightEntry, Weights, WeightsLike, register_model
from dapi.audio.models._speech import ENGLISH, Wav2Vec2Config, dropout, features, recognition

if TYPE_CHECKING:
    from torchaudio.models import Wav2Vec2Model
    from typing_extensions import Unpack

    from dapi.audio.transforms import Waveform

_FAIRSEQ = "https://github.com/pytorch/fairseq/blob/ce6c9eeae163ac04b79539c78e74f292f29eaa18"
_VOXPOPULI = (
    "https://github.com/facebookresearch/voxpopuli/tree/160e4d7915bad9f99b2c35b1d3833e51fd30abf2"
)

_META = {
    "license": "MIT",
    "license_source": f"{_FAIRSEQ}/LICENSE",
    "recipe": f"{_FAIRSEQ}/examples/wav2vec#pre-trained-models",
    "language": "en",
}
_LIBRISPEECH = {**_META, "datasets": ["LibriSpeech"]}
_LIBRILIGHT = {**_META, "datasets": ["Libri-Light"]}
_BOTH = {**_META, "datasets": ["LibriSpeech", "Libri-Light"]}

_BASE = dropout(projection=0.1, attention=0.1, output=0.1, layer=0.05)
_LARGE = dropout(projection=0.1, attention=0.1, layer=0.2)
_LV60K = dropout(projection=0.1, attention=0.1)


def _voxpopuli(language: str, *, num_params: int, **facts: Any) -> WeightEntry:
    """Return the entry that VoxPopuli fine-tuned on the transcripts of one language."""
    return recognition(
        f"wav2vec2_voxpopuli_base_10k_asr_{language}.pt",
        normalize=False,
        dropout=dropout(activation=0.1, layer=0.1),
        meta={
            "license": "CC-BY-NC-4.0",
            "license_source": f"{_VOXPOPULI}#license",
            "recipe": f"{_VOXPOPULI}#asr-and-lm",
            "datasets": ["VoxPopuli"],
            "language": language,
            "num_params": num_params,
            "known_as": (f"VOXPOPULI_ASR_BASE_10K_{language.upper()}",),
        },
        **facts,
    )


class Wav2Vec2BaseWeights(Weights):
    """Weights of ``wav2vec2_base``, as torchaudio publishes them.

    ``LibriSpeech_RefV1`` was pretrained on 960 hours, and gives features. The members with ``ASR``
    were then fine-tuned on transcripts: of 10 minutes (Libri-Light's "train-10min"), of 100 hours
    or of all 960 of LibriSpeech. Those of VoxPopuli were pretrained on 10,000 hours in 23
    languages, and fine-tuned on one of them.
    """

    transforms: Callable[..., Waveform]

    LibriSpeech_RefV1 = features(
        "wav2vec2_fairseq_base_ls960.pth",
        normalize=False,
        dropout=_BASE,
        meta={**_LIBRISPEECH, "num_params": 94_370_944, "known_as": ("WAV2VEC2_BASE",)},
    )
    LibriSpeech_ASR960h_RefV1 = recognition(
        "wav2vec2_fairseq_base_ls960_asr_ls960.pth",
        labels=ENGLISH,
        normalize=False,
        dropout=_BASE,
        meta={**_LIBRISPEECH, "num_params": 94_393_245, "known_as": ("WAV2VEC2_ASR_BASE_960H",)},
        sha256="488fd4f16de84438ffc945334278c1b9fb9b7159a806c1080b16111a958c945d",
        size=377664473,
        sources=8,
    )
    LibriSpeech_ASR100h_RefV1 = recognition(
        "wav2vec2_fairseq_base_ls960_asr_ls100.pth",
        labels=ENGLISH,
        normalize=False,
        dropout=_BASE,
        meta={**_LIBRISPEECH, "num_params": 94_393_245, "known_as": ("WAV2VEC2_ASR_BASE_100H",)},
    )
    LibriLight_ASR10min_RefV1 = recognition(
        "wav2vec2_fairseq_base_ls960_asr_ll10m.pth",
        labels=ENGLISH,
        normalize=False,
        dropout=_BASE,
        meta={**_BOTH, "num_params": 94_393_245, "known_as": ("WAV2VEC2_ASR_BASE_10M",)},
    )
    # Rows 31 and 35 of the heads of VoxPopuli are a label "1" that is rare in its transcripts.
    VoxPopuli_ASRde_RefV1 = _voxpopuli(
        "de",
        labels="-|enirstadhulgcmobwfkzpvüäöjßyxq",
        reserved=(1, 2, 3, 35),
        num_params=94_395_552,
        sha256="5fcd937817d4cc358aa9730ccaa92cdae37af4b62959b67ba77ef1f5da7938cf",
        size=377677593,
        sources=1,
    )
    VoxPopuli_ASRen_RefV1 = _voxpopuli(
        "en",
        labels="-|etoiansrhldcumpfgwybvkxjqz",
        reserved=(1, 2, 3, 31),
        num_params=94_392_476,
    )
    VoxPopuli_ASRes_RefV1 = _voxpopuli(
        "es",
        labels="-|eaosnrildctupmbqygvhófíájzñéxúkwü",
        reserved=(1, 2, 3, 35),
        num_params=94_397_859,
        sha256="272a92b156b78e697e6c7cf7c64f274250a36d0047440e27a895a377d3af818f",
        size=377686809,
        sources=1,
    )
    VoxPopuli_ASRfr_RefV1 = _voxpopuli(
        "fr",
        labels="-|esnitraouldcpmévqfgbhxàjèyêzôkçœûùîâwïëüæ",
        num_params=94_404_011,
        sha256="30eeb5e5000e011838a39328c21eadf5ddaedbef0ea3f7cf5a790fd8695b92b5",
        size=377708313,
        sources=1,
    )
    VoxPopuli_ASRit_RefV1 = _voxpopuli(
        "it",
        labels="-|eiaontrlscdupmgvhzfbqàèùéòìkyxwjóíï",
        num_params=94_399_397,
        sha256="620bad579ee46ba1f67df2e7c858c111d14a09b349a62b1c672f0275a68484eb",
        size=377689881,
        sources=1,
    )


@register_model(weights=Wav2Vec2BaseWeights, head="aux")
def wav2vec2_base(
    *,
    weights: WeightsLike[Wav2Vec2BaseWeights] | None = None,
    progress: bool = True,
    aux_num_out: int | None = None,
    **config: Unpack[Wav2Vec2Config],
) -> Wav2Vec2Model:
    """Build a wav2vec 2.0 (Baevski et al. 2020, arXiv:2006.11477), as in torchaudio.

    ``model(waveforms, lengths)`` takes waveforms (N, T) of 16,000 samples per second, and their
    lengths in samples, or None. It returns logits (N, frames, aux_num_out), a frame each 20 ms, and
    their lengths; ``weights.postprocess()`` decodes text from them. Without a head it returns the
    features of the last layer; ``model.extract_features(waveforms)`` those of every layer.
    ``weights.transforms()`` makes the input from one recording, its ``batch`` from several.

    Models that require waveforms of mean 0 and variance 1 are wrapped by torchaudio, which
    normalizes a batch as a whole; here the transforms normalize each waveform on its own, as in the
    training.

    In a padded batch, the result for a waveform differs from its result alone, even with lengths:
    the group norm of the first convolution runs over time, including padding. With random weights,
    features with a standard deviation of 1 differ by up to 0.9 if half of a row is padding, and by
    1.8 if five sixths are. Pass waveforms one by one, or in batches of the same length.

    Args:
        weights: A member of Wav2Vec2BaseWeights, any WeightEntry, or None for random
            initialization.
        progress: Show a progress bar while downloading, on a terminal.
        aux_num_out: Size of the head, the number of labels with the blank; None for none. The
            weights fix it, unless ``new_head=True``.
        **config: More arguments, see ``Wav2Vec2Config``, such as ``encoder_layer_drop=0.0``.

    Returns:
        The model, in training mode: call ``.eval()`` to use it.

    Raises:
        DapiError: See ``dapi.build_model``. With weights, this reads the cache and the network.

    Example:
        >>> model = wav2vec2_base(aux_num_out=32)
        >>> model.aux
        Linear(in_features=768, out_features=32, bias=True)
    """
    from torchaudio.models import wav2vec2_base

    return wav2vec2_base(aux_num_out=aux_num_out, **config)


class Wav2Vec2LargeWeights(Weights):
    """Weights of ``wav2vec2_large``, as torchaudio publishes them.

    Trained on the same data as the English members of ``Wav2Vec2BaseWeights``.
    """

    transforms: Callable[..., Waveform]

    LibriSpeech_RefV1 = features(
        "wav2vec2_fairseq_large_ls960.pth",
        normalize=False,
        dropout=_LARGE,
        meta={**_LIBRISPEECH, "num_params": 315_427_968, "known_as": ("WAV2VEC2_LARGE",)},
    )
    LibriSpeech_ASR960h_RefV1 = recognition(
        "wav2vec2_fairseq_large_ls960_asr_ls960.pth",
        labels=ENGLISH,
        normalize=False,
        dropout=_LARGE,
        meta={**_LIBRISPEECH, "num_params": 315_457_693, "known_as": ("WAV2VEC2_ASR_LARGE_960H",)},
        sha256="f45e55ccb71e0f0c7dc52d519c29524213a2d41da7761f71089f11bf3ea40702",
        size=1262000857,
        sources=2,
    )
    LibriSpeech_ASR100h_RefV1 = recognition(
        "wav2vec2_fairseq_large_ls960_asr_ls100.pth",
        labels=ENGLISH,
        normalize=False,
        dropout=_LARGE,
        meta={**_LIBRISPEECH, "num_params": 315_457_693, "known_as": ("WAV2VEC2_ASR_LARGE_100H",)},
    )
    LibriLight_ASR10min_RefV1 = recognition(
        "wav2vec2_fairseq_large_ls960_asr_ll10m.pth",
        labels=ENGLISH,
        normalize=False,
        dropout=_LARGE,
        meta={**_BOTH, "num_params": 315_457_693, "known_as": ("WAV2VEC2_ASR_LARGE_10M",)},
    )


@register_model(weights=Wav2Vec2LargeWeights, head="aux")
def wav2vec2_large(
    *,
    weights: WeightsLike[Wav2Vec2LargeWeights] | None = None,
    progress: bool = True,
    aux_num_out: int | None = None,
    **config: Unpack[Wav2Vec2Config],
) -> Wav2Vec2Model:
    """Build the large wav2vec 2.0: 24 layers of width 1024.

    ``model(waveforms, lengths)`` takes waveforms (N, T) of 16,000 samples per second, as
    ``weights.transforms()`` makes them, and their lengths in samples, or None. It returns logits
    (N, frames, aux_num_out), a frame each 20 ms, and their lengths; with ``aux_num_out=None``, the
    features of the last layer. The weights fix ``aux_num_out``, unless ``new_head=True``. Padding
    changes the result for a waveform, as with ``wav2vec2_base``, whose docstring has figures.
    """
    from torchaudio.models import wav2vec2_large

    return wav2vec2_large(aux_num_out=aux_num_out, **config)


class Wav2Vec2LargeLV60KWeights(Weights):
    """Weights of ``wav2vec2_large_lv60k``, as torchaudio publishes them.

    ``LibriLight_RefV1`` was pretrained on 60,000 hours, and gives features; the others were then
    fine-tuned on transcripts, as those of ``Wav2Vec2BaseWeights``. All require normalized
    waveforms.
    """

    transforms: Callable[..., Waveform]

    LibriLight_RefV1 = features(
        "wav2vec2_fairseq_large_lv60k.pth",
        normalize=True,
        dropout=_LV60K,
        meta={**_LIBRILIGHT, "num_params": 315_437_696, "known_as": ("WAV2VEC2_LARGE_LV60K",)},
    )
    LibriSpeech_ASR960h_RefV1 = recognition(
        "wav2vec2_fairseq_large_lv60k_asr_ls960.pth",
        labels=ENGLISH,
        normalize=True,
        dropout=_LV60K,
        meta={**_BOTH, "num_params": 315_467_421, "known_as": ("WAV2VEC2_ASR_LARGE_LV60K_960H",)},
        sha256="7a88965716fbd598a595209bf45c1210a18a6935cfb0cf53527fc986c5543ac7",
        sources=4,
    )
    LibriSpeech_ASR100h_RefV1 = recognition(
        "wav2vec2_fairseq_large_lv60k_asr_ls100.pth",
        labels=ENGLISH,
        normalize=True,
        dropout=_LV60K,
        meta={**_BOTH, "num_params": 315_467_421, "known_as": ("WAV2VEC2_ASR_LARGE_LV60K_100H",)},
    )
    LibriLight_ASR10min_RefV1 = recognition(
        "wav2vec2_fairseq_large_lv60k_asr_ll10m.pth",
        labels=ENGLISH,
        normalize=True,
        dropout=_LV60K,
        meta={
            **_LIBRILIGHT,
            "num_params": 315_467_421,
            "known_as": ("WAV2VEC2_ASR_LARGE_LV60K_10M",),
        },
    )


@register_model(weights=Wav2Vec2LargeLV60KWeights, head="aux")
def wav2vec2_large_lv60k(
    *,
    weights: WeightsLike[Wav2Vec2LargeLV60KWeights] | None = None,
    progress: bool = True,
    aux_num_out: int | None = None,
    **config: Unpack[Wav2Vec2Config],
) -> Wav2Vec2Model:
    """Build the large wav2vec 2.0 for Libri-Light: layer norm in every convolution, and first.

    ``model(waveforms, lengths)`` takes waveforms (N, T) of 16,000 samples per second, as
    ``weights.transforms()`` makes them, and their lengths in samples, or None. It returns logits
    (N, frames, aux_num_out), a frame each 20 ms, and their lengths; with ``aux_num_out=None``, the
    features of the last layer. The weights fix ``aux_num_out``, unless ``new_head=True``. In a
    padded batch with lengths, the result for each waveform is the same as alone.
    """
    from torchaudio.models import wav2vec2_large_lv60k

    from dapi.audio._normalized import expect_normalized

    return expect_normalized(wav2vec2_large_lv60k(aux_num_out=aux_num_out, **config), weights)
