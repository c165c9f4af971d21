"""What the transforms and vocoders of dapi.audio raise."""

from dapi.exceptions import DapiError


class UnsupportedInputError(DapiError, ValueError):
    """A text, a phoneme or a spectrogram is not what the model takes."""
