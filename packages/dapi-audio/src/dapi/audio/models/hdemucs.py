"""Hybrid Demucs: from music to drums, bass, vocals and the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from dapi import Build, BuilderConfig, Weights, WeightsLike, lazy, register_model
from dapi.audio.models._torchaudio import MODELS, published

if TYPE_CHECKING:
    from torchaudio.models import HDemucs
    from typing_extensions import Unpack

    from dapi.audio.postprocess import Sources
    from dapi.audio.transforms import Waveform

_SOURCES = ("drums", "bass", "other", "vocals")
_TO_STEREO = lazy("dapi.audio.transforms:Waveform", sample_rate=44100, channels=2)
_TO_SOURCES = lazy("dapi.audio.postprocess:Sources", names=_SOURCES)
_BUILD = Build(config={"sources": _SOURCES})
_META = {
    "task": "audio-to-audio",
    "recipe": "https://github.com/facebookresearch/demucs/",
    "sample_rate": 44100,
    "sources": list(_SOURCES),
}


class HDemucsHighWeights(Weights, meta={"num_params": 83_639_368}):
    """Weights of ``hdemucs_high``, as torchaudio publishes them.

    ``MUSDB18HQ_Plus_RefV1`` was trained on the training and the test set of MUSDB18-HQ, and on 150
    other songs that were never published: do not measure it on that test set. ``MUSDB18HQ_RefV1``
    was trained on the training set alone.
    """

    transforms: Callable[..., Waveform]
    postprocess: Callable[..., Sources]

    MUSDB18HQ_Plus_RefV1 = published(
        f"{MODELS}hdemucs_high_trained.pt",
        sha256="a004b2790d73ffeaa535db458a1a79b539dfdbafbccc31f275d07e632ebd7816",
        size=334697255,
        sources=7,
        transforms=_TO_STEREO,
        postprocess=_TO_SOURCES,
        meta={
            **_META,
            "datasets": ["MUSDB18-HQ", "150 unpublished songs"],
            "known_as": ("HDEMUCS_HIGH_MUSDB_PLUS",),
        },
        build=_BUILD,
    )
    MUSDB18HQ_RefV1 = published(
        f"{MODELS}hdemucs_high_musdbhq_only.pt",
        transforms=_TO_STEREO,
        postprocess=_TO_SOURCES,
        meta={
            **_META,
            "datasets": ["MUSDB18-HQ"],
            "known_as": ("HDEMUCS_HIGH_MUSDB",),
        },
        build=_BUILD,
    )


@register_model(weights=HDemucsHighWeights)
def hdemucs_high(
    *,
    weights: WeightsLike[HDemucsHighWeights] | None = None,
    progress: bool = True,
    sources: Sequence[str] = _SOURCES,
    **config: Unpack[BuilderConfig],
) -> HDemucs:
    """Build a Hybrid Demucs for 44.1 to 48 kHz (Défossez 2021, arXiv:2111.03600), as torchaudio.

    ``model(waveforms)`` takes stereo music (N, 2, T) and returns its sources (N, sources, 2, T).
    ``weights.transforms()`` makes a stereo waveform (2, T) from one recording, in one or two
    channels; ``weights.postprocess()`` names the sources. Memory grows with T: split long music
    into overlapping parts. Separate music of different lengths one by one: the model normalizes
    over time, so padding would change the result.

    Args:
        weights: A member of HDemucsHighWeights, any WeightEntry, or None for random
            initialization.
        progress: Show a progress bar while downloading, on a terminal.
        sources: Their names, in the order of the output; the weights fix them.
        **config: ``new_head``, ``device`` and ``dtype``, see ``dapi.BuilderConfig``.

    Returns:
        The model, in training mode: call ``.eval()`` to use it.

    Raises:
        DapiError: See ``dapi.build_model``. With weights, this reads the cache and the network.

    Example:
        >>> hdemucs_high(sources=["voice", "noise"]).sources
        ['voice', 'noise']
    """
    from torchaudio.models import hdemucs_high

    return hdemucs_high(list(sources))
