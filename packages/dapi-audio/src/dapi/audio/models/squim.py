"""SQUIM: speech quality, without a clean reference recording."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dapi import BuilderConfig, Weights, WeightsLike, lazy, register_model
from dapi.audio.models._torchaudio import MODELS, published

if TYPE_CHECKING:
    from torchaudio.models import SquimObjective, SquimSubjective
    from typing_extensions import Unpack

    from dapi.audio.postprocess import Scores
    from dapi.audio.transforms import Waveform

_TO_WAVEFORM = lazy("dapi.audio.transforms:Waveform", sample_rate=16000, channels=1)
_META = {
    "task": "speech-quality-assessment",
    "recipe": "unknown",
    "sample_rate": 16000,
}


class SquimObjectiveBaseWeights(Weights, meta={"num_params": 7_387_658}):
    """Weights of ``squim_objective_base``, as torchaudio publishes them."""

    transforms: Callable[..., Waveform]
    postprocess: Callable[..., Scores]

    DNS2020_RefV1 = published(
        f"{MODELS}squim_objective_dns2020.pth",
        sha256="2c54586fea83fb5eb5394d710038ee89f55cab7011a5bf730bebed4c8777e828",
        size=29584237,
        sources=2,
        transforms=_TO_WAVEFORM,
        postprocess=lazy("dapi.audio.postprocess:Scores", names=("STOI", "PESQ", "SI-SDR")),
        meta={
            **_META,
            "license": "CC-BY-4.0",
            "license_source": "https://github.com/microsoft/DNS-Challenge/blob/"
            "interspeech2020/master/LICENSE",
            "datasets": ["DNS 2020"],
            "known_as": ("SQUIM_OBJECTIVE",),
        },
    )


@register_model(weights=SquimObjectiveBaseWeights)
def squim_objective_base(
    *,
    weights: WeightsLike[SquimObjectiveBaseWeights] | None = None,
    progress: bool = True,
    **config: Unpack[BuilderConfig],
) -> SquimObjective:
    """Build a SQUIM for objective scores (Kumar et al. 2023, arXiv:2304.01448), as torchaudio.

    ``model(waveforms)`` takes speech (N, T) of 16,000 samples per second and estimates three scores
    that otherwise require a clean reference recording, each (N,): STOI in [0, 1], PESQ (wideband)
    and SI-SDR in decibels. ``weights.transforms()`` makes the input from one recording,
    ``weights.postprocess()`` names the scores.

    Args:
        weights: A member of SquimObjectiveBaseWeights, any WeightEntry, or None for random
            initialization.
        progress: Show a progress bar while downloading, on a terminal.
        **config: ``new_head``, ``device`` and ``dtype``, see ``dapi.BuilderConfig``.

    Returns:
        The model, in training mode: call ``.eval()`` to use it.

    Raises:
        DapiError: See ``dapi.build_model``. With weights, this reads the cache and the network.

    Example:
        >>> len(squim_objective_base().branches)
        3
    """
    from torchaudio.models import squim_objective_base

    return squim_objective_base()


class SquimSubjectiveBaseWeights(Weights, meta={"num_params": 94_395_942}):
    """Weights of ``squim_subjective_base``, as torchaudio publishes them."""

    transforms: Callable[..., Waveform]
    postprocess: Callable[..., Scores]

    BVCC_DAPS_RefV1 = published(
        f"{MODELS}squim_subjective_bvcc_daps.pth",
        transforms=_TO_WAVEFORM,
        postprocess=lazy("dapi.audio.postprocess:Scores", names=("MOS",)),
        meta={
            **_META,
            "license": "CC-BY-NC-4.0",
            "license_source": "https://zenodo.org/record/4660670#.ZBtWPOxuerN",
            "datasets": ["BVCC", "DAPS"],
            "known_as": ("SQUIM_SUBJECTIVE",),
        },
    )


@register_model(weights=SquimSubjectiveBaseWeights)
def squim_subjective_base(
    *,
    weights: WeightsLike[SquimSubjectiveBaseWeights] | None = None,
    progress: bool = True,
    **config: Unpack[BuilderConfig],
) -> SquimSubjective:
    """Build a SQUIM for the mean opinion score (Manocha and Kumar 2022, arXiv:2206.12285).

    ``model(waveforms, references)`` takes speech (N, T) and any clean speech of any speaker (N,
    T2), both of 16,000 samples per second, and estimates the score (N,) from 1 to 5 that people
    would give.

    ``weights.transforms()`` makes both from any waveform, and ``weights.postprocess()`` names the
    score. With weights, this reads the cache and the network.
    """
    from torchaudio.models import squim_subjective_base

    return squim_subjective_base()
