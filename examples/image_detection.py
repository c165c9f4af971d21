"""Find and name what is in a picture: what ``dapi predict fcos_resnet20_fpn scene.png`` does.

Run: ``python examples/image_detection.py scene.png``
"""

from __future__ import annotations

import sys

import torch
from PIL import Image

from dapi.vision import FCOSResNet20FPNWeights, fcos_resnet20_fpn


def main(path: str) -> None:
    """Print the objects with their scores and boxes, the surest first."""
    weights = FCOSResNet20FPNWeights.Digits_RefV2
    model = fcos_resnet20_fpn(weights=weights).eval()
    preprocess, postprocess = weights.transforms(), weights.postprocess()
    with Image.open(path) as image, torch.inference_mode():
        [found] = postprocess(model([preprocess(image)]))
    for each in found:
        x1, y1, x2, y2 = each["box"]
        print(f"{each['label']}  {each['score']:.4f}  ({x1:.1f}, {y1:.1f}) to ({x2:.1f}, {y2:.1f})")


if __name__ == "__main__":
    main(*sys.argv[1:])
