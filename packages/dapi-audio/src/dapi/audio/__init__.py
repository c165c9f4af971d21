"""dapi.audio: versioned builders of models of speech and music over torchaudio, and their weights.

``dapi.audio.wav2vec2_base`` turns speech into features or letters, ``dapi.audio.tacotron2`` text
into a spectrogram, ``dapi.audio.wavernn`` that into sound, ``dapi.audio.hdemucs_high`` music into
its sources. The names are imported on first use: ``import dapi.audio`` loads neither torch nor
torchaudio.
"""

from collections.abc import Callable
from functools import cache


def __getattr__(name: str) -> object:
    return _stub()[2] if name == "__all__" else _stub()[0](name)


def __dir__() -> list[str]:
    return _stub()[1]()


@cache
def _stub() -> tuple[Callable[[str], object], Callable[[], list[str]], list[str]]:
    """Read the names of __init__.pyi, which importing one family need not."""
    import lazy_loader

    return lazy_loader.attach_stub(__name__, __file__)
