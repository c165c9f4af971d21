"""Scenes with handwritten digits to find: composed, seeded, of scikit-learn's digits.

A scene is a gray picture of a ground (plain, a ramp, clouds or stripes), strokes across it, and
marks that do not touch: digits, and things that are none (boxes, blobs, angles, letters, strips
of digits). Digits are turned, slanted and stretched a little, and stand out from the ground more
or less. A third of the scenes are dark on bright. Every digit has a box: the smallest around its
ink, where ink is what covers a quarter of a pixel or more.

:func:`held_out_scenes` are those on which weights are measured, of the digits that
``resnet20_digits.held_out_indices`` keeps: no weights were trained on these digits. They are
stored with the tests, because another version of Pillow may draw other pixels. This wrote them::

    python recipes/digit_scenes.py --output packages/dapi-vision/tests/data
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.random import Generator, default_rng
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from resnet20_digits import digit_image, held_out_indices
from sklearn.datasets import load_digits

SIDE = 96
"""Pixels of a scene's width and height."""

HELD_OUT_SCENES, COLUMNS = 144, 12
INK = 0.25
LETTERS = "AEFHKMNPRTVWXY"  # no digits, however they are written

Levels: TypeAlias = NDArray[np.float64]
"""Of each pixel, 0 to 1: how bright it is, or how much of it a mark covers."""

Box: TypeAlias = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Digits:
    """Images of digits, ``(N, 8, 8)`` with values 0 to 16, and which they are, ``(N,)``."""

    images: NDArray[np.float64]
    labels: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture, and what there is to find.

    Attributes:
        image: Gray, of mode ``L``.
        boxes: Of the digits, as x1, y1, x2, y2 in pixels.
        labels: Which digits they are.
    """

    image: Image.Image
    boxes: Sequence[Box]
    labels: Sequence[int]


def load_split(*, held_out: bool) -> Digits:
    """Return the digits of the scenes to measure on, or of those to train on."""
    digits = load_digits()
    chosen = np.isin(np.arange(len(digits.target)), held_out_indices()) == held_out
    return Digits(digits.images[chosen], digits.target[chosen])


def compose(digits: Digits, rng: Generator, most: int = 7) -> Scene:
    """Return a new scene; the same state of ``rng`` gives the same one.

    Args:
        digits: What to choose from.
        rng: Decides everything else.
        most: How many digits at the most are tried to find a place for.
    """
    levels = ground(rng)
    taken: list[Box] = []
    found: list[tuple[Box, int]] = []
    for _ in range(rng.integers(0, 3)):
        blend(levels, stroke(rng), (0, 0), rng.uniform(0, 1))
    is_digit = np.repeat([True, False], [rng.integers(0, most + 1), rng.integers(0, 5)])
    for which in np.where(is_digit, rng.integers(len(digits.labels), size=len(is_digit)), -1):
        ink = distractor(digits, rng) if which < 0 else digit(digits.images[which], rng)
        box = free_place(ink, taken, rng)
        if box is not None:
            taken.append(box)
            blend(levels, ink, box[:2], contrasting(levels, box, rng))
            if which >= 0:
                found.append((box, int(digits.labels[which])))
    return Scene(finish(levels, rng), [box for box, _ in found], [label for _, label in found])


def ground(rng: Generator) -> Levels:
    """Return what is behind everything: a third of the grounds are black."""
    across, down = np.meshgrid(np.linspace(0, 1, SIDE), np.linspace(0, 1, SIDE))
    way = rng.uniform(0, 2 * math.pi)
    ramp = across * math.cos(way) + down * math.sin(way)
    small = Image.fromarray(rng.integers(0, 256, (rng.integers(2, 9),) * 2, dtype=np.uint8))
    clouds = np.asarray(small.resize((SIDE, SIDE), Image.Resampling.BICUBIC)) / 255
    stripes = np.sin(ramp * rng.uniform(20, 100)) / 2
    pattern = [np.zeros_like(ramp), ramp, clouds, stripes][rng.integers(4)]
    level = max(0.0, rng.uniform(-0.3, 0.6))
    return np.clip(level + (level > 0) * rng.uniform(0.05, 0.25) * pattern, 0, 1)


def stroke(rng: Generator) -> Levels:
    """Return a line from edge to edge."""
    large = Image.new("L", (2 * SIDE, 2 * SIDE))
    first, last = rng.uniform(0, 2 * SIDE, 2)
    ends = [(0, first), (2 * SIDE, last)] if rng.random() < 0.7 else [(first, 0), (last, 2 * SIDE)]
    ImageDraw.Draw(large).line(ends, fill=int(rng.integers(60, 256)), width=int(rng.integers(1, 5)))
    return np.asarray(large.reduce(2)) / 255


def digit(image: NDArray[np.float64], rng: Generator) -> Levels:
    """Return the ink of a digit, as large as its box."""
    side = rng.uniform(45, 80) if rng.random() < 0.05 else 12 * 2 ** rng.uniform(0, 1.8)
    wide, high = side / 8 * rng.uniform(0.85, 1.15, 2)
    turn, slant = rng.uniform(-0.2, 0.2, 2)
    framed = Image.new("L", (16, 16))
    framed.paste(digit_image(image), (4, 4))
    size = math.ceil(16 * max(wide, high))
    inverse = np.linalg.inv(
        np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
        @ np.array([[wide, slant * high], [0, high]])
    )
    x, y = 8 - inverse @ [size / 2, size / 2]
    (a, b), (c, d) = inverse
    sampling = [Image.Resampling.BILINEAR, Image.Resampling.BICUBIC][rng.integers(2)]
    drawn = framed.transform((size, size), Image.Transform.AFFINE, (a, b, x, c, d, y), sampling)
    return tight(np.asarray(drawn) / 255)


def tight(covered: Levels) -> Levels:
    """Return the smallest part with all ink in it."""
    rows, columns = np.nonzero(covered >= INK)
    return covered[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


def distractor(digits: Digits, rng: Generator) -> Levels:
    """Return the ink of something that is no digit."""
    if rng.random() < 0.3:
        return strip(digits, rng)
    size = int(rng.uniform(8, 36))
    large = Image.new("L", (4 * size, 4 * size))
    [outline, blob, angle, letter][rng.integers(4)](ImageDraw.Draw(large), 4 * size, rng)
    covered = np.asarray(large.reduce(4)) / 255
    return tight(covered) if (covered >= INK).any() else strip(digits, rng)


def strip(digits: Digits, rng: Generator) -> Levels:
    """Return a narrow part of a digit."""
    ink = digit(digits.images[rng.integers(len(digits.labels))], rng)
    if rng.random() < 0.5:
        ink = ink.T
    part = math.ceil(len(ink) * rng.uniform(0.15, 0.3))
    first = rng.integers(len(ink) - part + 1)
    return ink[first : first + part]


def outline(draw: ImageDraw.ImageDraw, size: int, rng: Generator) -> None:
    """Draw a rectangle."""
    (x1, x2), (y1, y2) = (np.sort(rng.uniform(0, size, 2)) for _ in range(2))
    draw.rectangle((x1, y1, x2, y2), outline=255, width=int(rng.integers(4, 13)))


def blob(draw: ImageDraw.ImageDraw, size: int, rng: Generator) -> None:
    """Draw something filled with three to seven corners, or round."""
    if rng.random() < 0.4:
        draw.ellipse(
            (0, size * rng.uniform(0, 0.3), size - 1, size * rng.uniform(0.6, 1)), fill=255
        )
    else:
        corners = rng.uniform(0, size, (rng.integers(3, 8), 2))
        draw.polygon([(x, y) for x, y in corners], fill=255)


def angle(draw: ImageDraw.ImageDraw, size: int, rng: Generator) -> None:
    """Draw a cross, or two sides of a triangle."""
    width = int(rng.integers(4, 17))
    if rng.random() < 0.5:
        draw.line([(0, size / 2), (size, size / 2)], fill=255, width=width)
        draw.line([(size / 2, 0), (size / 2, size)], fill=255, width=width)
    else:
        draw.line([(0, 0), (size * rng.uniform(0.3, 0.7), size), (size, 0)], fill=255, width=width)


def letter(draw: ImageDraw.ImageDraw, size: int, rng: Generator) -> None:
    """Draw a capital letter that is not like a digit."""
    font = ImageFont.load_default(size)
    draw.text((0, 0), LETTERS[rng.integers(len(LETTERS))], fill=255, font=font, anchor="lt")


def free_place(ink: Levels, taken: Sequence[Box], rng: Generator) -> Box | None:
    """Return a random box for a mark, two pixels away from all others, if one is found soon."""
    size = ink.shape[::-1]
    room = SIDE + 1 - np.array(size)
    if room.min() < 1:
        return None
    corners = rng.integers(0, room, (20, 1, 2))
    others = np.array(taken).reshape(-1, 4)
    apart: NDArray[np.bool_] = corners >= others[:, 2:] + 2
    apart |= corners + size + 2 <= others[:, :2]
    (free,) = np.nonzero(np.all(np.any(apart, axis=2), axis=1))
    if len(free) == 0:
        return None
    x, y = map(int, corners[free[0], 0])
    return x, y, x + size[0], y + size[1]


def contrasting(levels: Levels, box: Box, rng: Generator) -> float:
    """Return a level for a mark that is brighter than the ground in its box."""
    x1, y1, x2, y2 = box
    brightest = np.quantile(levels[y1:y2, x1:x2], 0.9)
    return float(brightest + (1 - brightest) * rng.uniform(0.5, 1) if brightest < 0.7 else 1.0)


def blend(levels: Levels, ink: Levels, corner: Sequence[int], level: float) -> None:
    """Draw a mark at a place, in place."""
    (x, y), (height, width) = corner, ink.shape
    under = levels[y : y + height, x : x + width]
    under += (level - under) * ink


def finish(levels: Levels, rng: Generator) -> Image.Image:
    """Return a picture, some dark on bright, with noise, of 64 levels."""
    if rng.random() < 1 / 3:
        levels = 1 - levels
    noisy = levels + rng.normal(0, rng.uniform(0, 0.05), levels.shape)
    return Image.fromarray(np.round(np.clip(noisy, 0, 1) * 63).astype(np.uint8) * 4)


def held_out_scenes() -> list[Scene]:
    """Compose the scenes on which weights are measured."""
    digits = load_split(held_out=True)
    return [compose(digits, default_rng([96, number])) for number in range(HELD_OUT_SCENES)]


def write(scenes: Sequence[Scene], folder: Path) -> None:
    """Store square scenes as one picture, ``scenes.png``, and what is in them, ``scenes.json``."""
    sheet = Image.new("L", (SIDE * COLUMNS, SIDE * math.ceil(len(scenes) / COLUMNS)))
    for number, scene in enumerate(scenes):
        sheet.paste(scene.image, corner(number))
    sheet.save(folder / "scenes.png", optimize=True)
    content = [{"boxes": scene.boxes, "labels": scene.labels} for scene in scenes]
    lines = ",\n".join(map(json.dumps, content))
    (folder / "scenes.json").write_text(f"[\n{lines}\n]\n")


def read(folder: Path) -> list[Scene]:
    """Return the scenes that :func:`write` stored."""
    scenes = []
    with Image.open(folder / "scenes.png") as sheet:
        for number, content in enumerate(json.loads((folder / "scenes.json").read_text())):
            x, y = corner(number)
            image = sheet.crop((x, y, x + SIDE, y + SIDE))
            scenes.append(Scene(image, content["boxes"], content["labels"]))
    return scenes


def corner(number: int) -> tuple[int, int]:
    """Return where a scene is on the sheet."""
    row, column = divmod(number, COLUMNS)
    return column * SIDE, row * SIDE


def main() -> None:
    """Write the scenes on which weights are measured."""
    parser = argparse.ArgumentParser(description="Write the held-out scenes.")
    parser.add_argument("--output", type=Path, default=Path(), help="folder; default: here")
    folder = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)
    write(held_out_scenes(), folder)


if __name__ == "__main__":
    main()
