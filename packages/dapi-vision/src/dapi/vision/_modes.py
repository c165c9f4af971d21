"""Modes of images: RGB or gray, of 8 bits a channel."""

from __future__ import annotations

from PIL import Image


def converted(image: Image.Image, mode: str) -> Image.Image:
    """Return an image in another mode, such as ``"RGB"`` or ``"L"``.

    Raises:
        ValueError: Its channels have more than 8 bits.
    """
    # They would be clipped at 255, and the picture would be white.
    if image.mode.startswith(("I", "F")):
        raise ValueError(
            f"The image has mode {image.mode!r}, with more than 8 bits a channel. "
            "Scale it to 0..255 first, in a mode such as 'L' or 'RGB'."
        )
    return image if image.mode == mode else image.convert(mode)
