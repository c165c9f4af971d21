"""Make the pictures of the README of what the demos left in ``output/``.

    python examples/demos.py && python docs/generate_images.py

They are written to ``docs/images/``: the photos and the digits with their names and probabilities,
the scenes with their boxes, what was spoken with what was understood of it, and a call with what
was found to be speech.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import wave
from array import array
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

OUTPUT = Path("output")
IMAGES = Path(__file__).parent / "images"
RECORDINGS = Path(__file__).parents[1] / "packages" / "dapi-audio" / "tests" / "data" / "espeak"
SIDE, LINE, WIDTH, HEIGHT = 128, 26, 800, 90
PHOTO = (396, 264)


def main() -> None:
    """Write the pictures."""
    IMAGES.mkdir(exist_ok=True)
    photos = predict("efficientnet_lite0", *sorted(OUTPUT.glob("photos/*.jpg"), reverse=True))
    row = beside([named(each, PHOTO, Image.Resampling.LANCZOS) for each in photos])
    row.save(IMAGES / "photos.jpg", quality=80, optimize=True)
    digits = predict("resnet20_v2", *sorted(OUTPUT.glob("digits/*.png")))
    save(beside([named(each, (SIDE, SIDE), Image.Resampling.NEAREST) for each in digits]), "digits")
    scenes = sorted(OUTPUT.glob("scene-*.objects.png"))
    save(beside([Image.open(path) for path in scenes]), "objects")
    sounds = [*sorted(OUTPUT.glob("*.wav")), RECORDINGS / "45.wav"]
    save(below([heard_sound(each) for each in predict("transformer_ctc_tiny", *sounds)]), "speech")
    shutil.copy(OUTPUT / "call.speech.svg", IMAGES)


def predict(model: str, *paths: Path) -> list[dict[str, Any]]:
    """Run a model on files; return what it finds in each."""
    command = [sys.executable, "-m", "dapi", "predict", "--json", model, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def named(
    found: dict[str, Any], size: tuple[int, int], resampling: Image.Resampling
) -> Image.Image:
    """Draw a picture, and below it what it was taken for."""
    best, (width, height) = found["facts"]["labels"][0], size
    drawn = Image.new("RGB", (width, height + LINE), "white")
    with Image.open(found["input"]) as picture:
        drawn.paste(picture.convert("RGB").resize(size, resampling))
    text = f"{best['label']}: {best['probability']:.0%}"
    write(drawn, (width // 2, height + LINE // 2), text, "mm")
    return drawn


def heard_sound(found: dict[str, Any]) -> Image.Image:
    """Draw a wave, and below it the words that were understood."""
    with wave.open(found["input"]) as file:
        samples = array("h", file.readframes(file.getnframes()))
    drawn = Image.new("RGB", (WIDTH, HEIGHT + LINE), "white")
    brush, step = ImageDraw.Draw(drawn), len(samples) / WIDTH
    for x in range(WIDTH):
        part = samples[int(x * step) : int((x + 1) * step) + 1]
        low, high = (HEIGHT / 2 * (1 - each / 32768) for each in (min(part), max(part)))
        brush.line((x, high, x, low), "#2a6fb0")
    write(drawn, (WIDTH // 2, HEIGHT + LINE // 2), found["facts"]["text"], "mm")
    return drawn


def write(drawn: Image.Image, place: tuple[int, int], text: str, anchor: str) -> None:
    """Write words into a picture."""
    font = ImageFont.load_default(LINE * 0.7)
    ImageDraw.Draw(drawn).text(place, text, "black", font, anchor=anchor)


def beside(images: list[Image.Image], gap: int = 8) -> Image.Image:
    """Put pictures of one size in a row."""
    width, height = images[0].size
    row = Image.new("RGB", ((width + gap) * len(images) - gap, height), "white")
    for number, image in enumerate(images):
        row.paste(image.convert("RGB"), (number * (width + gap), 0))
    return row


def save(image: Image.Image, name: str) -> None:
    """Write a picture of few colors, so that it stays small."""
    few = image.quantize(48, dither=Image.Dither.NONE)
    few.save(IMAGES / f"{name}.png", optimize=True)


def below(images: list[Image.Image]) -> Image.Image:
    """Put pictures of one size in a column."""
    turned = [image.transpose(Image.Transpose.ROTATE_90) for image in images]
    return beside(turned).transpose(Image.Transpose.ROTATE_270)


if __name__ == "__main__":
    main()
