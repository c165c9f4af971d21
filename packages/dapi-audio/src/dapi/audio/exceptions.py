"""Errors of the transforms and postprocessing of dapi.audio."""

from dapi.exceptions import AssetError, DapiError

__all__ = ["AssetError", "UnsupportedInputError"]


class UnsupportedInputError(DapiError, ValueError):
    """A text, a phoneme, a waveform or a spectrogram does not fit the model."""
