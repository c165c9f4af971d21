"""Conv-TasNet: from a waveform of several speakers to a waveform of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dapi import Build, BuilderConfig, Weights, WeightsLike, lazy, register_model
from dapi.audio.models._torchaudio import MODELS, published

if TYPE_CHECKING:
    from torchaudio.models import ConvTasNet
    from typing_extensions import Unpack

    from dapi.audio.postprocess import Sources
    from dapi.audio.transforms import Waveform


class ConvTasNetBaseWeights(Weights, meta={"num_params": 4_984_881}):
    """Weights of ``conv_tasnet_base``, as torchaudio publishes them: two speakers, at 8 kHz."""

    transforms: Callable[..., Waveform]
    postprocess: Callable[..., Sources]

    Libri2Mix_RefV1 = published(
        f"{MODELS}conv_tasnet_base_libri2mix.pt",
        transforms=lazy("dapi.audio.transforms:Waveform", sample_rate=8000, channels=1),
        postprocess=lazy("dapi.audio.postprocess:Sources", names=("s1", "s2")),
        meta={
            "task": "audio-to-audio",
            "datasets": ["Libri2Mix"],
            "recipe": "https://github.com/pytorch/audio/tree/release/0.12/examples/"
            "source_separation/",
            "sample_rate": 8000,
            "sources": ["s1", "s2"],
            "known_as": ("CONVTASNET_BASE_LIBRI2MIX",),
        },
        build=Build(config={"num_sources": 2}),
    )


@register_model(weights=ConvTasNetBaseWeights)
def conv_tasnet_base(
    *,
    weights: WeightsLike[ConvTasNetBaseWeights] | None = None,
    progress: bool = True,
    num_sources: int = 2,
    **config: Unpack[BuilderConfig],
) -> ConvTasNet:
    """Build a Conv-TasNet (Luo and Mesgarani 2018, arXiv:1809.07454), as in torchaudio.

    ``model(waveforms)`` takes mixtures (N, 1, T) and returns their sources (N, num_sources, T),
    in no particular order. ``weights.transforms()`` makes a mixture (1, T) from one recording,
    ``weights.postprocess()`` names the sources. Separate mixtures of different lengths one by one:
    the model normalizes over time, so padding would change the result.

    Args:
        weights: A member of ConvTasNetBaseWeights, any WeightEntry, or None for random
            initialization.
        progress: Show a progress bar while downloading, on a terminal.
        num_sources: Speakers to separate; the weights fix it.
        **config: ``new_head``, ``device`` and ``dtype``, see ``dapi.BuilderConfig``.

    Returns:
        The model, in training mode: call ``.eval()`` to use it.

    Raises:
        DapiError: See ``dapi.build_model``. With weights, this reads the cache and the network.

    Example:
        >>> conv_tasnet_base(num_sources=3).num_sources
        3
    """
    from torchaudio.models import conv_tasnet_base

    return conv_tasnet_base(num_sources)
