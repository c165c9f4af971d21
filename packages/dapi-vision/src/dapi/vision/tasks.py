"""Run the tasks of dapi.vision on files; named by the entry points of ``dapi.tasks``.

A picture is any file that Pillow reads; a video is an animated GIF, WebP or PNG, or a directory of
pictures in the order of their names. In Python, a picture is also a PIL image or an array, and a
video is a tuple of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from dapi import WeightEntry, Weights
from dapi.exceptions import InputError
from dapi.tasks import Input, Prediction, Predictor, place, reads

if TYPE_CHECKING:
    from PIL import Image
    from torch import nn

__all__ = [
    "image_classification",
    "image_feature_extraction",
    "image_segmentation",
    "object_detection",
    "optical_flow",
    "video_classification",
]


def _read_picture(source: str) -> list[Input]:
    from dapi.vision import _pictures

    return _pictures.read_picture(source)


def _read_film(source: str) -> list[Input]:
    from dapi.vision import _pictures

    return [Input(source, _pictures.read_film(source))]


def _read_motion(source: str) -> list[Input]:
    """Read each frame of a video, with the next one."""
    [(_, frames)] = _read_film(source)
    pairs = list(pairwise(frames))
    return [
        Input(source if len(pairs) == 1 else f"{source}:{number}", pair)
        for number, pair in enumerate(pairs, start=1)
    ]


def _as_picture(value: Any) -> Image.Image:
    from dapi.vision import _pictures

    return _pictures.as_picture(value)


def _as_film(value: Any) -> list[Image.Image]:
    from dapi.vision import _pictures

    return _pictures.as_film(value)


def _as_motion(value: Any) -> tuple[Image.Image, Image.Image]:
    """Return two frames."""
    first, second, *rest = _as_film(value)
    if rest:
        reason = f"it has {len(rest) + 2} frames"
        raise InputError(type(value).__name__, reason, expected="two: the optical flow is between")
    return first, second


@reads(_read_picture)
def image_classification(model: nn.Module, weights: Weights | WeightEntry) -> Predictor:
    """Classify pictures: labels with their probabilities."""
    preprocess, postprocess = weights.transforms(), weights.postprocess()

    def predict(image: Image.Image) -> Prediction:
        output = model(place(preprocess(image).unsqueeze(0), model))
        return _labelled(postprocess(output)[0], output)

    return Predictor(_read_picture, predict, accept=_as_picture)


@reads(_read_picture)
def object_detection(model: nn.Module, weights: Weights | WeightEntry) -> Predictor:
    """Detect objects in pictures, with masks or keypoints if the model has them."""
    from dapi.vision import _drawing, _pictures

    preprocess, postprocess = weights.transforms(), weights.postprocess()

    def predict(image: Image.Image) -> Prediction:
        _pictures.check_shape(image, model)
        output = model([place(preprocess(image), model)])
        [found] = postprocess(output)
        drawn = partial(_drawing.objects, image, found)
        return Prediction(
            {"objects": [_object(each) for each in found]},
            {"objects.png": lambda path: drawn().save(path)},
            output,
        )

    return Predictor(_read_picture, predict, accept=_as_picture)


@reads(_read_picture)
def image_segmentation(model: nn.Module, weights: Weights | WeightEntry) -> Predictor:
    """Assign a category to each pixel of a picture."""
    from dapi.vision import _drawing

    preprocess, postprocess = weights.transforms(), weights.postprocess()

    def predict(image: Image.Image) -> Prediction:
        output = model(place(preprocess(image).unsqueeze(0), model))
        [masks] = postprocess(output)
        regions = [
            {"label": label, "share": round(mask.float().mean().item(), 4)}
            for label, mask in masks.items()
        ]
        drawn = partial(_drawing.regions, image, masks)
        files = {"regions.png": lambda path: drawn().save(path)}
        return Prediction({"regions": regions}, files, output)

    return Predictor(_read_picture, predict, accept=_as_picture)


@reads(_read_film)
def video_classification(model: nn.Module, weights: Weights | WeightEntry) -> Predictor:
    """Classify videos, with as many frames as in the evaluation."""
    from dapi.vision import _pictures

    preprocess, postprocess = weights.transforms(), weights.postprocess()

    def predict(frames: Sequence[Image.Image]) -> Prediction:
        clip = _pictures.as_clip(frames, weights.meta.get("frames", 16))
        output = model(place(preprocess(clip).unsqueeze(0), model))
        return _labelled(postprocess(output)[0], output)

    return Predictor(_read_film, predict, accept=_as_film)


@reads(_read_motion)
def optical_flow(model: nn.Module, weights: Weights | WeightEntry) -> Predictor:
    """Draw the optical flow from each frame of a video to the next."""
    from dapi.vision import _drawing, _pictures

    preprocess, postprocess = weights.transforms(), weights.postprocess()

    def predict(pair: tuple[Image.Image, Image.Image]) -> Prediction:
        width, height = pair[0].size
        frames = [_pictures.padded(frame.unsqueeze(0)) for frame in preprocess(*pair)]
        flow = model(*place(frames, model))[-1][..., :height, :width]
        pixels = flow[0].norm(dim=0)
        drawn = partial(_drawing.colours, postprocess(flow)[0])
        return Prediction(
            {
                "mean_pixels": round(pixels.mean().item(), 2),
                "max_pixels": round(pixels.max().item(), 2),
            },
            {"flow.png": lambda path: drawn().save(path)},
            flow,
        )

    return Predictor(_read_motion, predict, accept=_as_motion)


@reads(_read_picture)
def image_feature_extraction(model: nn.Module, weights: Weights | WeightEntry) -> Predictor:
    """Write the features of pictures: the output of the layers before the classifier."""
    preprocess = weights.transforms()

    def predict(image: Image.Image) -> Prediction:
        from safetensors.torch import save_file

        features = model.get_submodule("features")(place(preprocess(image).unsqueeze(0), model))[0]
        kept = {"features": features.cpu().contiguous()}
        return Prediction(
            {"shape": str(tuple(features.shape))},
            {"safetensors": partial(save_file, kept)},
            features,
        )

    return Predictor(_read_picture, predict, accept=_as_picture)


def _labelled(labels: Sequence[tuple[str, float]], output: Any) -> Prediction:
    rows = [{"label": label, "probability": round(value, 4)} for label, value in labels]
    return Prediction({"labels": rows}, output=output)


def _object(found: Mapping[str, Any]) -> dict[str, Any]:
    """Describe an object in a line; of a mask, only its size."""
    told = {
        "label": found["label"],
        "score": round(found["score"], 4),
        "box": [round(edge, 1) for edge in found["box"]],
    }
    if "mask" in found:
        told["pixels"] = int(found["mask"].sum())
    if "keypoints" in found:
        points = found["keypoints"].items()
        told["keypoints"] = {name: [round(x, 1), round(y, 1)] for name, (x, y) in points}
    return told
