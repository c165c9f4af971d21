"""What the transforms and postprocessing of dapi.audio raise."""

from dapi.exceptions import AssetError, DapiError

__all__ = ["AssetError", "UnsupportedInputError"]


class UnsupportedInputError(DapiError, ValueError):
    """A text, a phoneme, a waveform or a spectrogram is not what the model takes."""
