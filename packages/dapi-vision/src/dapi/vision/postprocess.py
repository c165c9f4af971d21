"""Turn models' outputs into readable results; named by the entries of weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

import torch
from torch import Tensor
from torchvision.ops import nms
from torchvision.utils import flow_to_image

__all__ = [
    "Classification",
    "Detection",
    "NamedBox",
    "NamedObject",
    "OpticalFlow",
    "SemanticSegmentation",
]


class NamedBox(TypedDict):
    """An object that was detected in an image."""

    label: str
    score: float
    box: tuple[float, float, float, float]  # x1, y1, x2, y2 in pixels


class NamedObject(NamedBox, total=False):
    """A box, and the masks or keypoints of the object, depending on the model."""

    mask: Tensor  # (H, W) of bool
    keypoints: dict[str, tuple[float, float]]  # x, y in pixels


@dataclass(frozen=True)
class Classification:
    """Name the most probable categories of each image.

    Called with logits ``(N, C)``, it returns for each image a list of (label, probability), best
    first.

    Args:
        categories: The name of each of the C outputs.
        k: The number of categories to return, at most all.

    Raises:
        TypeError: On a call, the logits are not a float tensor.
        ValueError: On a call, their shape is wrong.

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

    Called with the output of a torchvision detector in eval mode (for each image a dict of
    ``boxes``, ``labels`` and ``scores``), it returns for each image a list of named boxes, in the
    detector's order: best first. Where the dicts have ``masks`` or ``keypoints``, each box has its
    mask, or its keypoints by name, as well.

    Args:
        categories: The name of each label.
        score_threshold: Boxes with a lower score are dropped.
        keypoint_names: The name of each keypoint.
        mask_threshold: Probability from which a pixel is part of a mask.
        nms_threshold: Of boxes that overlap more than this (intersection over union), only the best
            is kept, whatever their labels. By default all are kept: detectors suppress boxes of the
            same label only, since a cat may sit on a chair.

    Raises:
        TypeError: On a call, the detections have another type.
        ValueError: Two keypoints have the same name. On a call, a label has no name.

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
    keypoint_names: Sequence[str] = ()
    mask_threshold: float = 0.5
    nms_threshold: float | None = None

    def __post_init__(self) -> None:
        _check_distinct("keypoint_names", self.keypoint_names)

    def __call__(self, detections: Sequence[Mapping[str, Tensor]]) -> list[list[NamedObject]]:
        """Return the named objects of each image."""
        if isinstance(detections, Mapping) or not all(map(_is_detection, detections)):
            raise TypeError(
                "Expected for each image a dict of 'boxes', 'labels' and 'scores', as a detector "
                f"returns them in eval mode; got {type(detections).__name__}."
            )
        return [self._name(found) for found in detections]

    def _name(self, found: Mapping[str, Tensor]) -> list[NamedObject]:
        boxes, labels, scores = (found[key].tolist() for key in ("boxes", "labels", "scores"))
        objects: list[NamedObject] = []
        for place in self._kept(found):
            x1, y1, x2, y2 = boxes[place]
            named: NamedObject = {
                "label": self._label(labels[place]),
                "score": scores[place],
                "box": (x1, y1, x2, y2),
            }
            self._add_shape(named, found, place)
            objects.append(named)
        return objects

    def _kept(self, found: Mapping[str, Tensor]) -> list[int]:
        """Return the indices of the boxes to keep, best first."""
        boxes, scores = found["boxes"].detach().float(), found["scores"].detach().float()
        (places,) = torch.where(found["scores"] >= self.score_threshold)
        if self.nms_threshold is not None:
            places = places[nms(boxes[places], scores[places], self.nms_threshold)]
        kept: list[int] = places.tolist()
        return kept

    def _add_shape(self, named: NamedObject, found: Mapping[str, Tensor], place: int) -> None:
        if "masks" in found:
            named["mask"] = found["masks"][place, 0] >= self.mask_threshold
        if "keypoints" in found:
            points = found["keypoints"][place].tolist()
            if len(points) != len(self.keypoint_names):
                raise ValueError(
                    f"There are {len(points)} keypoints, but {len(self.keypoint_names)} names. "
                    "Pass the names: Detection(categories, keypoint_names=...)."
                )
            named["keypoints"] = {
                name: (x, y) for name, (x, y, _) in zip(self.keypoint_names, points, strict=True)
            }

    def _label(self, index: int) -> str:
        if not 0 <= index < len(self.categories):
            raise ValueError(
                f"The label {index} has no name: there are {len(self.categories)} categories. "
                "Pass the names of a new head: Detection(categories)."
            )
        return self.categories[index]


@dataclass(frozen=True)
class SemanticSegmentation:
    """Return the categories in each image with their masks.

    Called with the output of a segmentation model (a dict whose ``out`` is logits ``(N, C, H, W)``)
    or with these logits, it returns for each image a dict from the categories in it to their masks
    ``(H, W)`` of bool, the largest first. Each pixel is in one mask.

    Args:
        categories: The name of each of the C classes.

    Raises:
        TypeError: On a call, the logits are not a float tensor.
        ValueError: Two classes have the same name. On a call, the shape of the logits is wrong.

    Example:
        >>> import torch
        >>> logits = torch.tensor([[[[0.0, 2.0]], [[1.0, 1.0]]]])
        >>> SemanticSegmentation(["sky", "bird"])({"out": logits})[0]["bird"]
        tensor([[ True, False]])
    """

    categories: Sequence[str]

    def __post_init__(self) -> None:
        _check_distinct("categories", self.categories)

    def __call__(self, output: Mapping[str, Tensor] | Tensor) -> list[dict[str, Tensor]]:
        """Return the masks of each image."""
        logits = output["out"] if isinstance(output, Mapping) else output
        expected = f"Expected logits: a float tensor of shape (N, {len(self.categories)}, H, W)"
        if not isinstance(logits, Tensor) or not logits.is_floating_point():
            got = logits.dtype if isinstance(logits, Tensor) else type(logits).__name__
            raise TypeError(f"{expected}; got {got}.")
        if logits.ndim != 4 or logits.shape[1] != len(self.categories):
            raise ValueError(f"{expected}; got the shape {tuple(logits.shape)}.")
        return [self._name(labels) for labels in logits.argmax(dim=1)]

    def _name(self, labels: Tensor) -> dict[str, Tensor]:
        indices, areas = torch.unique(labels, return_counts=True)
        order = areas.argsort(descending=True, stable=True)
        return {self.categories[index]: labels == index for index in indices[order].tolist()}


@dataclass(frozen=True)
class OpticalFlow:
    """Draw optical flow: the hue shows the direction, the saturation the distance.

    Called with the output of an optical flow model (a list of flows ``(N, 2, H, W)``, of which the
    last is the best) or with one of them, it returns RGB images ``(N, 3, H, W)`` of uint8. The
    colors are those of `Baker et al., 2007 <https://vision.middlebury.edu/flow/>`_.

    Raises:
        TypeError: On a call, the flow is not a float tensor.
        ValueError: On a call, its shape is wrong.

    Example:
        >>> import torch
        >>> OpticalFlow()([torch.zeros(1, 2, 1, 1)]).flatten().tolist()
        [255, 255, 255]
    """

    def __call__(self, flows: Sequence[Tensor] | Tensor) -> Tensor:
        """Return the pictures."""
        flow = flows[-1] if isinstance(flows, Sequence) and flows else flows
        expected = "Expected a flow: a tensor of torch.float32 of shape (N, 2, H, W)"
        if not isinstance(flow, Tensor) or flow.dtype != torch.float:
            got = flow.dtype if isinstance(flow, Tensor) else type(flow).__name__
            raise TypeError(f"{expected}; got {got}.")
        if flow.ndim != 4 or flow.shape[1] != 2:
            raise ValueError(f"{expected}; got the shape {tuple(flow.shape)}.")
        images: Tensor = flow_to_image(flow)
        return images


def _check_distinct(argument: str, names: Sequence[str]) -> None:
    """Refuse equal names in results by name: one would replace the other."""
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise ValueError(
            f"{argument} has {', '.join(map(repr, repeated))} more than once. Results are keyed by "
            "name: use unique names, as in 'crane (bird)' and 'crane (machine)'."
        )


def _is_detection(found: object) -> bool:
    return isinstance(found, Mapping) and {"boxes", "labels", "scores"} <= set(found)
