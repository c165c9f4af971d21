"""Draw detections and segments into a copy of a picture."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from PIL import Image, ImageColor, ImageDraw, ImageFont
from torch import Tensor

# Names are illegible in pictures smaller than this, so these are enlarged.
_SMALLEST = 480
_BACKGROUND = "__background__"


def objects(image: Image.Image, found: Sequence[Mapping[str, Any]]) -> Image.Image:
    """Draw named boxes, and the masks and keypoints of those that have them."""
    colored = image.convert("RGB")
    for each in found:
        if "mask" in each:
            colored = _tinted(colored, each["mask"], each["label"])
    scale = _scale(image)
    drawn = colored.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST)
    brush = ImageDraw.Draw(drawn)
    size = min(drawn.size)
    for each in found:
        _draw_shape(brush, each, scale, max(2, size // 200))
    for each in reversed(found):  # the highest score on top
        _draw_name(brush, each, scale, size)
    return drawn


def regions(image: Image.Image, masks: Mapping[str, Tensor]) -> Image.Image:
    """Tint the areas of masks (H, W), each in its color, and list their names below."""
    named = {label: mask for label, mask in masks.items() if label != _BACKGROUND}
    tinted = image.convert("RGB")
    for label, mask in named.items():
        tinted = _tinted(tinted, mask, label)
    font, line = _font(tinted.width), _line(tinted.width)
    drawn = Image.new("RGB", (tinted.width, tinted.height + line * len(named)), "white")
    drawn.paste(tinted)
    brush = ImageDraw.Draw(drawn)
    for place, label in enumerate(named):
        top = tinted.height + place * line
        brush.rectangle((0, top, line, top + line), _color(label))
        brush.text((line * 1.5, top), label, "black", font)
    return drawn


def colors(pixels: Tensor) -> Image.Image:
    """Return a picture unchanged, ``(3, H, W)`` of uint8."""
    return Image.fromarray(pixels.permute(1, 2, 0).cpu().numpy())


def _draw_shape(
    brush: ImageDraw.ImageDraw, found: Mapping[str, Any], scale: int, width: int
) -> None:
    """Draw a box, and the keypoints in it."""
    color = _color(found["label"])
    x1, y1, x2, y2 = (edge * scale for edge in found["box"])
    brush.rectangle((x1, y1, max(x1, x2), max(y1, y2)), outline=color, width=width)
    for x, y in found.get("keypoints", {}).values():
        brush.circle((x * scale, y * scale), 2 * width, fill=color)


def _draw_name(brush: ImageDraw.ImageDraw, found: Mapping[str, Any], scale: int, size: int) -> None:
    """Write the label above a box, or inside it at the upper edge of the picture."""
    font, text = _font(size), f"{found['label']}  {found['score']:.2f}"
    corner = found["box"][0] * scale, max(0, found["box"][1] * scale - _line(size))
    left, top, right, bottom = brush.textbbox(corner, text, font)
    brush.rectangle((left - 2, top - 2, right + 2, bottom + 2), _color(found["label"]))
    brush.text(corner, text, "black", font)


def _tinted(image: Image.Image, mask: Tensor, label: str) -> Image.Image:
    """Mix the color of a name into the pixels of a mask."""
    seen = Image.fromarray(mask.to(torch.uint8).mul(140).cpu().numpy())
    cover = seen.resize(image.size, Image.Resampling.NEAREST)  # models see pictures in other sizes
    return Image.composite(Image.new("RGB", image.size, _color(label)), image, cover)


def _scale(image: Image.Image) -> int:
    return max(1, -(-_SMALLEST // max(image.size)))


def _line(length: int) -> int:
    return max(14, length // 24)


def _font(length: int) -> Any:
    return ImageFont.load_default(_line(length) * 0.8)


def _color(label: str) -> tuple[int, int, int]:
    """Give each name a light color, the same in every picture and process."""
    hue = hashlib.sha256(label.encode()).digest()[0] * 360 // 256
    red, green, blue = ImageColor.getrgb(f"hsl({hue}, 90%, 65%)")[:3]
    return red, green, blue
