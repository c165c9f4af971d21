"""Errors of dapi-export."""

from __future__ import annotations

from math import isfinite
from pathlib import Path

from dapi.exceptions import DapiError


class ExportError(DapiError, RuntimeError):
    """A model cannot be exported; nothing was written.

    Attributes:
        name: The weights of the model.
        format: The format of the file.
        reason: The problem.
        remedy: The remedy, as a sentence.
    """

    def __init__(self, name: str, format: str, reason: str, remedy: str) -> None:  # noqa: A002
        self.name, self.format, self.reason, self.remedy = name, format, reason, remedy
        super().__init__(f"{name} cannot be exported to {format}: {reason}. {remedy}".rstrip())


class ExportExistsError(DapiError, FileExistsError):
    """There is a file of the name that the export would have.

    Attributes:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(
            f"{path} exists. To replace it: --overwrite (in Python: overwrite=True); or choose "
            "another directory: --output DIR."
        )


class ProofError(ExportError, ValueError):
    """The exported file's outputs differ from those of the model; nothing was written.

    Attributes:
        difference: The largest difference, relative to the standard deviation of the output;
            infinite for outputs of another shape, or integers that differ.
        tolerance: The largest difference that counts as rounding.
    """

    def __init__(
        self,
        name: str,
        format: str,  # noqa: A002
        *,
        difference: float,
        tolerance: float,
    ) -> None:
        self.difference, self.tolerance = difference, tolerance
        reason = (
            f"its outputs differ from the model's by {difference:.2g} of their standard deviation, "
            f"but rounding explains {tolerance:.2g}"
        )
        if not isfinite(difference):
            reason = (
                "the shapes or the integers of its outputs differ from the model's, as they do "
                "when two boxes with almost equal scores change places"
            )
        other = "torch-export" if format == "onnx" else "onnx"
        remedy = f"Try the other format, or the model alone: --format {other}, --no-transforms"
        super().__init__(name, format, reason, remedy)
