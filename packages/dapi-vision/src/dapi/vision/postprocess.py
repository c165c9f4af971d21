"""What turns a model's output into what a person reads; named by the entries of weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

from torch import Tensor

__all__ = ["Classification", "Detection", "NamedBox"]


class NamedBox(TypedDict):
    """An object that was found in an image."""

    label: str
    score: float
    box: tuple[float, float, float, float]  # x1, y1, x2, y2 in pixels


@dataclass(frozen=True)
class Classification:
    """Name the likeliest categories of each image.

    Called with logits ``(N, C)``, it returns for each image a list of (label, probability), best
    first.

    Args:
        categories: The name of each of the C outputs.
        k: How many to name; all when there are fewer.

    Raises:
        TypeError: On a call, the logits are no float tensor.
        ValueError: On a call, their shape is another.

    Example:
        >>> import torch
        >>> Classification(["cat", "dog"], k=1)(torch.tensor([[0.0, 100.0]]))
        [[('dog', 1.0)]]
    """

    categories: Sequence[str]
    k: int = 5

    def __call__(self, logits: Tensor) -> list[list[tuple[str, float]]]:
        """Return the best labels of each image."""
        self._check(logits)
        # In half precision, probabilities would be rounded to three digits.
        best = logits.detach().float().softmax(dim=1).topk(min(self.k, logits.shape[1]))
        return [
            [(self.categories[index], value) for value, index in zip(values, indices, strict=True)]
            for values, indices in zip(best.values.tolist(), best.indices.tolist(), strict=True)
        ]

    def _check(self, logits: object) -> None:
        expected = f"Expected logits: a float tensor of shape (N, {len(self.categories)})"
        if not isinstance(logits, Tensor) or not logits.is_floating_point():
            got = logits.dtype if isinstance(logits, Tensor) else type(logits).__name__
            raise TypeError(f"{expected}; got {got}.")
        if logits.ndim != 2 or logits.shape[1] != len(self.categories):
            raise ValueError(f"{expected}; got the shape {tuple(logits.shape)}.")


@dataclass(frozen=True)
class Detection:
    """Name the objects in each image.

    Called with what a detector of torchvision returns in eval mode (for each image a dict of
    ``boxes``, ``labels`` and ``scores``), it returns for each image a list of named boxes, in
    the detector's order: best first.

    Args:
        categories: The name of each label.
        score_threshold: Boxes with a lower score are left out.

    Raises:
        TypeError: On a call, the detections are something else.
        ValueError: On a call, a label has no name.

    Example:
        >>> import torch
        >>> found = {
        ...     "boxes": torch.tensor([[0.0, 0.0, 8.0, 8.0]]),
        ...     "labels": torch.tensor([1]),
        ...     "scores": torch.tensor([0.75]),
        ... }
        >>> Detection(["__background__", "cat"])([found])
        [[{'label': 'cat', 'score': 0.75, 'box': (0.0, 0.0, 8.0, 8.0)}]]
    """

    categories: Sequence[str]
    score_threshold: float = 0.5

    def __call__(self, detections: Sequence[Mapping[str, Tensor]]) -> list[list[NamedBox]]:
        """Return the named boxes of each image."""
        if isinstance(detections, Mapping) or not all(map(_is_detection, detections)):
            raise TypeError(
                "Expected for each image a dict of 'boxes', 'labels' and 'scores', as a detector "
                f"returns them in eval mode; got {type(detections).__name__}."
            )
        return [self._name(found) for found in detections]

    def _name(self, found: Mapping[str, Tensor]) -> list[NamedBox]:
        rows = zip(*(found[key].tolist() for key in ("boxes", "labels", "scores")), strict=True)
        return [
            {"label": self._label(label), "score": score, "box": (x1, y1, x2, y2)}
            for (x1, y1, x2, y2), label, score in rows
            if score >= self.score_threshold
        ]

    def _label(self, index: int) -> str:
        if not 0 <= index < len(self.categories):
            raise ValueError(
                f"The label {index} has no name: there are {len(self.categories)} categories. "
                "Give the names of a new head: Detection(categories)."
            )
        return self.categories[index]


def _is_detection(found: object) -> bool:
    return isinstance(found, Mapping) and {"boxes", "labels", "scores"} <= set(found)
