"""Export: the report of one exported file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from dapi.catalog import counted


class Port(NamedTuple):
    """An input or an output of an exported model.

    Attributes:
        name: Its name in the file.
        dtype: The type of its elements, as PyTorch names it.
        shape: Its dimensions: a number, or the name of one that may have any size.
    """

    name: str
    dtype: str
    shape: tuple[int | str, ...]

    def __str__(self) -> str:
        return f"{self.name}: {self.dtype} ({', '.join(map(str, self.shape))})"


class Export(NamedTuple):
    """A file that was exported, and the proof of it.

    Attributes:
        weights: The canonical name of the weights that the model was built with.
        format: ``onnx`` or ``torch-export``.
        path: The file.
        size: Its number of bytes.
        transforms: Whether it contains the transforms of the weights.
        reason: Why it does not contain them; empty if it does.
        inputs: Its inputs.
        outputs: Its outputs.
        difference: The largest difference between its outputs and the model's, relative to the
            standard deviation of each output.
        tolerance: The largest difference that counts as rounding, measured on this model.
        runs: The number of inputs that were compared.
        changed: Whether the parameters are not those of the weights, since it was trained further.
        image_size: Height and width that images must have; None for any size, and without images.
    """

    weights: str
    format: str
    path: Path
    size: int
    transforms: bool
    reason: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    difference: float
    tolerance: float
    runs: int
    changed: bool = False
    image_size: tuple[int, int] | None = None

    def __str__(self) -> str:
        """Return the report as a few lines."""
        included = "included" if self.transforms else f"not included: {self.reason}"
        based = "based on " if self.changed else ""
        changed = ", whose parameters were changed" if self.changed else ""
        return "\n".join(
            [
                f"{self.path}  {self.size / 1e6:.1f} MB",
                f"  weights     {based}{self.weights}{changed}",
                f"  transforms  {included}",
                *(f"  input       {port}" for port in self.inputs),
                *self._size(),
                *(f"  output      {port}" for port in self.outputs),
                f"  proof       equal on {counted(self.runs, 'input')}: the largest difference is "
                f"{self.difference:.1g} of the outputs' standard deviation; rounding explains "
                f"{self.tolerance:.1g}",
            ]
        )

    def _size(self) -> Iterator[str]:
        """Yield the size that images must have."""
        if self.image_size:
            height, width = self.image_size
            yield f"  image size  {height}x{width} only; for another: --image-size HEIGHTxWIDTH"

    def facts(self) -> dict[str, Any]:
        """Return the report in the form of JSON."""
        ports = {
            name: [port._asdict() for port in getattr(self, name)] for name in ("inputs", "outputs")
        }
        facts = {**self._asdict(), "path": str(self.path), **ports}
        return {("bytes" if key == "size" else key): value for key, value in facts.items()}
