"""What the transforms and postprocessing of dapi.audio raise."""

from dapi.exceptions import DapiError


class UnsupportedInputError(DapiError, ValueError):
    """A text, a phoneme, a waveform or a spectrogram is not what the model takes."""


class AssetError(DapiError, ValueError):
    """A file that weights need beside their own is not what it should be."""

    def __init__(self, path: object, *, expected: str) -> None:
        self.path, self.expected = path, expected
        super().__init__(
            f"{path} cannot be used. Expected {expected}. If dapi fetched it, delete it, and it "
            "is fetched again."
        )
