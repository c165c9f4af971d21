"""The layers of MobileNetV3, for its float and its quantizable class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from torchvision.models.mobilenetv3 import InvertedResidualConfig, MobileNetV3

M = TypeVar("M", bound=MobileNetV3)

# Tables 1 and 2 of the paper, but their last three rows: channels in, kernel, expanded channels,
# channels out, squeeze and excitation, activation, stride.
_LARGE = (
    (16, 3, 16, 16, False, "RE", 1),
    (16, 3, 64, 24, False, "RE", 2),
    (24, 3, 72, 24, False, "RE", 1),
    (24, 5, 72, 40, True, "RE", 2),
    (40, 5, 120, 40, True, "RE", 1),
    (40, 5, 120, 40, True, "RE", 1),
    (40, 3, 240, 80, False, "HS", 2),
    (80, 3, 200, 80, False, "HS", 1),
    (80, 3, 184, 80, False, "HS", 1),
    (80, 3, 184, 80, False, "HS", 1),
    (80, 3, 480, 112, True, "HS", 1),
    (112, 3, 672, 112, True, "HS", 1),
)
_SMALL = (
    (16, 3, 16, 16, True, "RE", 2),
    (16, 3, 72, 24, False, "RE", 2),
    (24, 3, 88, 24, False, "RE", 1),
    (24, 5, 96, 40, True, "HS", 2),
    (40, 5, 240, 40, True, "HS", 1),
    (40, 5, 240, 40, True, "HS", 1),
    (40, 5, 120, 48, True, "HS", 1),
    (48, 5, 144, 48, True, "HS", 1),
)


def _construct(
    make: Callable[..., M],
    *,
    rows: Sequence[tuple[Any, ...]],
    tail: tuple[int, int, int],
    last_channel: int,
    width_mult: float = 1.0,
    reduced_tail: bool = False,
    dilated: bool = False,
    **config: Any,
) -> M:
    """Construct a MobileNetV3.

    Args:
        make: Its class.
        rows: The blocks before the tail, as in ``_LARGE``.
        tail: Of the last three blocks: channels in, expanded channels of the first, channels out.
        last_channel: Channels between the layers of the classifier.
        width_mult: As in the builders.
        reduced_tail: As in the builders.
        dilated: As in the builders.
        **config: More arguments of the class.
    """
    divisor, dilation = 2 if reduced_tail else 1, 2 if dilated else 1
    inside, expanded, out = tail[0], tail[1], tail[2] // divisor
    last = (out, 5, 6 * out, out, True, "HS", 1, dilation)
    blocks = [(*row, 1) for row in rows]
    blocks += [(inside, 5, expanded, out, True, "HS", 2, dilation), last, last]
    settings = [InvertedResidualConfig(*block, width_mult) for block in blocks]
    channels = InvertedResidualConfig.adjust_channels(last_channel // divisor, width_mult)
    return make(settings, channels, **config)


large = partial(_construct, rows=_LARGE, tail=(112, 672, 160), last_channel=1280)
small = partial(_construct, rows=_SMALL, tail=(48, 288, 96), last_channel=1024)
