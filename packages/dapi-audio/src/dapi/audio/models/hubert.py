"""HuBERT: from a waveform to features, or to letters after fine-tuning."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dapi import Weights, WeightsLike, register_model
from dapi.audio.models._speech import ENGLISH, Wav2Vec2Config, dropout, features, recognition

if TYPE_CHECKING:
    from torchaudio.models import Wav2Vec2Model
    from typing_extensions import Unpack

    from dapi.audio.transforms import Waveform

_FAIRSEQ = "https://github.com/pytorch/fairseq/blob/ce6c9eeae163ac04b79539c78e74f292f29eaa18"
_META = {
    "license": "MIT",
    "license_source": f"{_FAIRSEQ}/LICENSE",
    "recipe": f"{_FAIRSEQ}/examples/hubert#pre-trained-and-fine-tuned-asr-models",
    "language": "en",
}
_LIBRILIGHT = {**_META, "datasets": ["Libri-Light"]}
_BOTH = {**_META, "datasets": ["LibriSpeech", "Libri-Light"]}

_FINE_TUNING = dropout(activation=0.1, layer=0.1)


class HuBERTBaseWeights(Weights, meta={"num_params": 94_370_944}):
    """Weights of ``hubert_base``, as torchaudio publishes them: 960 hours, not fine-tuned."""

    transforms: Callable[..., Waveform]

    LibriSpeech_RefV1 = features(
        "hubert_fairseq_base_ls960.pth",
        normalize=False,
        dropout=dropout(projection=0.1, attention=0.1, output=0.1, layer=0.05),
        meta={
            **_META,
            "datasets": ["LibriSpeech"],
            "known_as": ("HUBERT_BASE",),
        },
    )


@register_model(weights=HuBERTBaseWeights, head="aux")
def hubert_base(
    *,
    weights: WeightsLike[HuBERTBaseWeights] | None = None,
    progress: bool = True,
    aux_num_out: int | None = None,
    **config: Unpack[Wav2Vec2Config],
) -> Wav2Vec2Model:
    """Build a HuBERT (Hsu et al. 2021, arXiv:2106.07447), as in torchaudio.

    It is a wav2vec 2.0 that was trained on other targets: ``model(waveforms, lengths)`` takes
    waveforms (N, T) of 16,000 samples per second, and their lengths in samples, or None. It returns
    logits (N, frames, aux_num_out), a frame each 20 ms, and their lengths; without a head, the
    features of the last layer. ``model.extract_features(waveforms)`` gives those of every layer.
    ``weights.transforms()`` makes the input from one recording, its ``batch`` from several;
    ``weights.postprocess()`` decodes text from the logits. In a padded batch, the result for a
    waveform differs from its result alone, as with ``wav2vec2_base``.

    Args:
        weights: A member of HuBERTBaseWeights, any WeightEntry, or None for random
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
        >>> len(hubert_base().encoder.transformer.layers)
        12
    """
    from torchaudio.models import hubert_base

    return hubert_base(aux_num_out=aux_num_out, **config)


class HuBERTLargeWeights(Weights):
    """Weights of ``hubert_large``, as torchaudio publishes them.

    Pretrained on 60,000 hours of Libri-Light; the member with ``ASR`` was then fine-tuned on the
    960 hours of LibriSpeech. Both require normalized waveforms.
    """

    transforms: Callable[..., Waveform]

    LibriLight_RefV1 = features(
        "hubert_fairseq_large_ll60k.pth",
        normalize=True,
        dropout=dropout(),
        meta={**_LIBRILIGHT, "num_params": 315_434_112, "known_as": ("HUBERT_LARGE",)},
    )
    LibriSpeech_ASR960h_RefV1 = recognition(
        "hubert_fairseq_large_ll60k_asr_ls960.pth",
        labels=ENGLISH,
        normalize=True,
        dropout=_FINE_TUNING,
        meta={**_BOTH, "num_params": 315_463_837, "known_as": ("HUBERT_ASR_LARGE",)},
    )


@register_model(weights=HuBERTLargeWeights, head="aux")
def hubert_large(
    *,
    weights: WeightsLike[HuBERTLargeWeights] | None = None,
    progress: bool = True,
    aux_num_out: int | None = None,
    **config: Unpack[Wav2Vec2Config],
) -> Wav2Vec2Model:
    """Build the large HuBERT: 24 layers of width 1024.

    ``model(waveforms, lengths)`` takes waveforms (N, T) of 16,000 samples per second, as
    ``weights.transforms()`` makes them, and their lengths in samples, or None. It returns logits
    (N, frames, aux_num_out), a frame each 20 ms, and their lengths; with ``aux_num_out=None``, the
    features of the last layer. The weights fix ``aux_num_out``, unless ``new_head=True``. In a
    padded batch with lengths, the result for each waveform is the same as alone.
    """
    from torchaudio.models import hubert_large

    from dapi.audio._normalized import expect_normalized

    return expect_normalized(hubert_large(aux_num_out=aux_num_out, **config), weights)


class HuBERTXLargeWeights(Weights):
    """Weights of ``hubert_xlarge``, trained as those of ``hubert_large``."""

    transforms: Callable[..., Waveform]

    LibriLight_RefV1 = features(
        "hubert_fairseq_xlarge_ll60k.pth",
        normalize=True,
        dropout=dropout(),
        meta={**_LIBRILIGHT, "num_params": 962_492_544, "known_as": ("HUBERT_XLARGE",)},
    )
    LibriSpeech_ASR960h_RefV1 = recognition(
        "hubert_fairseq_xlarge_ll60k_asr_ls960.pth",
        labels=ENGLISH,
        normalize=True,
        dropout=_FINE_TUNING,
        meta={**_BOTH, "num_params": 962_529_693, "known_as": ("HUBERT_ASR_XLARGE",)},
    )


@register_model(weights=HuBERTXLargeWeights, head="aux")
def hubert_xlarge(
    *,
    weights: WeightsLike[HuBERTXLargeWeights] | None = None,
    progress: bool = True,
    aux_num_out: int | None = None,
    **config: Unpack[Wav2Vec2Config],
) -> Wav2Vec2Model:
    """Build the extra large HuBERT: 48 layers of width 1280.

    ``model(waveforms, lengths)`` takes waveforms (N, T) of 16,000 samples per second, as
    ``weights.transforms()`` makes them, and their lengths in samples, or None. It returns logits
    (N, frames, aux_num_out), a frame each 20 ms, and their lengths; with ``aux_num_out=None``, the
    features of the last layer. The weights fix ``aux_num_out``, unless ``new_head=True``. In a
    padded batch with lengths, the result for each waveform is the same as alone.
    """
    from torchaudio.models import hubert_xlarge

    from dapi.audio._normalized import expect_normalized

    return expect_normalized(hubert_xlarge(aux_num_out=aux_num_out, **config), weights)
