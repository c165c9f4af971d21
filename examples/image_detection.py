"""Find and name what is in pictures, with any weights of the task.

The published weights are fetched from the network (160 MB for the default); offline, the error
says how to get them there.

Example:
    python examples/image_detection.py photo.jpg
    python examples/image_detection.py --weights fasterrcnn_resnet50_fpn_v2:COCO_RefV1 photo.jpg
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from demo import load, read_arguments, read_image, report
from PIL import Image
from torchvision.transforms.v2.functional import pil_to_tensor, to_pil_image
from torchvision.utils import draw_bounding_boxes


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the objects in each picture, and write the picture with their boxes."""
    options = read_arguments(__doc__, "object-detection", "fasterrcnn_resnet50_fpn", arguments)
    model, weights = load(options)
    preprocess, postprocess = weights.transforms(), weights.postprocess()
    for path in options.inputs:
        image = read_image(path).convert("RGB")
        with torch.inference_mode():
            found = postprocess(model([preprocess(image)]))[0]
        report(options, Path(path).name, {"weights": str(weights), "objects": found})
        draw(image, found).save(options.output / f"{Path(path).stem}-objects.png")


def draw(image: Image.Image, found: list[dict[str, object]]) -> Image.Image:
    """Draw named boxes into a copy of a picture."""
    if not found:
        return image.copy()
    boxes = torch.tensor([each["box"] for each in found])
    labels = [f"{each['label']} {each['score']:.2f}" for each in found]
    drawn: Image.Image = to_pil_image(draw_bounding_boxes(pil_to_tensor(image), boxes, labels))
    return drawn


if __name__ == "__main__":
    main()
