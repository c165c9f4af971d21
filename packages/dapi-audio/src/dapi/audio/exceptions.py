"""Errors of the transforms and postprocessing of dapi.audio."""

from dapi.exceptions import AssetError, DapiError, DapiWarning

__all__ = ["AssetError", "UnnormalizedWaveformWarning", "UnsupportedInputError"]


class UnsupportedInputError(DapiError, ValueError):
    """A text, a phoneme, a waveform or a spectrogram does not fit the model."""


class UnnormalizedWaveformWarning(DapiWarning):
    """A model was called with a waveform that its transforms would have normalized."""
