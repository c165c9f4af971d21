"""Run the tasks of dapi.vision on files; named by the entry points of ``dapi.tasks``.

A picture is any file that Pillow reads; a video is an animated GIF, WebP or PNG, or a directory of
pictures in the order of their names. In Python, a picture is also a PIL image or an array, and a
video is a tuple of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from dapi import WeightEntry, Weights
from dapi.exceptions import InputError
from dapi.tasks import Batch, Input, Prediction, Predictor, place, reads, split

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor, nn

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

    def prepare(image: Image.Image) -> Any:
        return preprocess(image).unsqueeze(0)

    def present(_: Image.Image, output: Tensor) -> Prediction:
        return _labelled(postprocess(output)[0], output)

    batch = Batch(prepare, _each(model, model), present)
    return Predictor(_read_picture, batch.predict, accept=_as_picture, batch=batch)


@reads(_read_picture)
def object_detection(model: nn.Module, weights: Weights | WeightEntry) -> Predictor:
    """Detect objects in pictures, with masks or keypoints if the model has them."""
    from dapi.vision import _drawing, _pictures

    preprocess, postprocess = weights.transforms(), weights.postprocess()

    def prepare(image: Image.Image) -> Any:
        _pictures.check_shape(image, model)
        return preprocess(image).unsqueeze(0)

    def run(pictures: Tensor) -> list[Any]:
        return [[found] for found in model(list(place(pictures, model)))]

    def present(image: Image.Image, output: Any) -> Prediction:
        [found] = postprocess(output)
        return Prediction(
            {"objects": [_object(each) for each in found]},
            {"objects.png": partial(_save, _drawing.objects, image, found)},
            output,
        )

    batch = Batch(prepare, run, present)
    return Predictor(_read_picture, batch.predict, accept=_as_picture, batch=batch)


@reads(_read_picture)
def image_segmentation(model: nn.Module, weights: Weights | WeightEntry) -> Predictor:
    """Assign a category to each pixel of a picture."""
    from dapi.vision import _drawing

    preprocess, postprocess = weights.transforms(), weights.postprocess()

    def prepare(image: Image.Image) -> Any:
        return preprocess(image).unsqueeze(0)

    def run(pictures: Tensor) -> list[Any]:
        return split(model(place(pictures, model)), len(pictures))

    def present(image: Image.Image, output: Any) -> Prediction:
        [masks] = postprocess(output)
        regions = [
            {"label": label, "share": round(mask.float().mean().item(), 4)}
            for label, mask in masks.items()
        ]
        files = {"regions.png": partial(_save, _drawing.regions, image, masks)}
        return Prediction({"regions": regions}, files, output)

    batch = Batch(prepare, run, present)
    return Predictor(_read_picture, batch.predict, accept=_as_picture, batch=batch)


@reads(_read_film)
def video_classification(model: nn.Module, weights: Weights | WeightEntry) -> Predictor:
    """Classify videos, with as many frames as in the evaluation."""
    from dapi.vision import _pictures

    preprocess, postprocess = weights.transforms(), weights.postprocess()

    def prepare(frames: Sequence[Image.Image]) -> Any:
        clip = _pictures.as_clip(frames, weights.meta.get("frames", 16))
        return preprocess(clip).unsqueeze(0)

    def present(_: Sequence[Image.Image], output: Tensor) -> Prediction:
        return _labelled(postprocess(output)[0], output)

    batch = Batch(prepare, _each(model, model), present)
    return Predictor(_read_film, batch.predict, accept=_as_film, batch=batch)


@reads(_read_motion)
def optical_flow(model: nn.Module, weights: Weights | WeightEntry) -> Predictor:
    """Draw the optical flow from each frame of a video to the next."""
    from dapi.vision import _drawing, _pictures

    preprocess, postprocess = weights.transforms(), weights.postprocess()

    def prepare(pair: tuple[Image.Image, Image.Image]) -> tuple[Tensor, ...]:
        return tuple(_pictures.padded(frame.unsqueeze(0)) for frame in preprocess(*pair))

    def run(frames: tuple[Tensor, ...]) -> list[Any]:
        return split(model(*place(frames, model))[-1], len(frames[0]))

    def present(pair: tuple[Image.Image, Image.Image], output: Tensor) -> Prediction:
        width, height = pair[0].size
        flow = output[..., :height, :width]
        pixels = flow[0].norm(dim=0)
        return Prediction(
            {
                "mean_pixels": round(pixels.mean().item(), 2),
                "max_pixels": round(pixels.max().item(), 2),
            },
            {"flow.png": partial(_save, _drawing.colors, postprocess(flow)[0])},
            flow,
        )

    batch = Batch(prepare, run, present)
    return Predictor(_read_motion, batch.predict, accept=_as_motion, batch=batch)


@reads(_read_picture)
def image_feature_extraction(model: nn.Module, weights: Weights | WeightEntry) -> Predictor:
    """Write the features of pictures: the output of the layers before the classifier."""
    preprocess = weights.transforms()

    def prepare(image: Image.Image) -> Any:
        return preprocess(image).unsqueeze(0)

    def present(_: Image.Image, output: Tensor) -> Prediction:
        from safetensors.torch import save_file

        features = output[0]
        kept = {"features": features.cpu().contiguous()}
        return Prediction(
            {"shape": str(tuple(features.shape))},
            {"safetensors": partial(save_file, kept)},
            features,
        )

    batch = Batch(prepare, _each(model, model.get_submodule("features")), present)
    return Predictor(_read_picture, batch.predict, accept=_as_picture, batch=batch)


def _each(model: nn.Module, part: nn.Module) -> Callable[[Tensor], list[Any]]:
    """Return a function from a batch to the output of a part of a model for each input."""
    return lambda batch: split(part(place(batch, model)), len(batch))


def _labelled(labels: Sequence[tuple[str, float]], output: Any) -> Prediction:
    rows = [{"label": label, "probability": round(value, 4)} for label, value in labels]
    return Prediction({"labels": rows}, output=output)


# Of the module: results of workers are pickled.
def _save(draw: Callable[..., Image.Image], *drawn: Any) -> None:
    """Draw all but the last argument, and save it to the last: a path."""
    draw(*drawn[:-1]).save(drawn[-1])


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
