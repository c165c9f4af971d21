"""Draw sounds as SVG, which needs no library."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from dapi.audio.activity import Segment

_WIDTH, _HEIGHT, _LINE = 800, 90, 20
_LABEL = 110  # width in pixels of a segment's times
_SPEECH, _WAVE = "#cfe5cf", "#2a6fb0"


def speech(path: Path, waveform: Tensor, seconds: float, segments: Sequence[Segment]) -> None:
    """Draw a waveform (T,), with the segments of speech on a green background."""
    scale = _WIDTH / seconds
    grounds = [
        f'<rect x="{each.start * scale:.1f}" width="{(each.end - each.start) * scale:.1f}" '
        f'height="{_HEIGHT}" fill="{_SPEECH}"/>'
        for each in segments
    ]
    times = [
        f'<text x="{(each.start + each.end) / 2 * scale:.1f}" y="{_HEIGHT + _LINE - 5}" '
        f'text-anchor="middle">{each.start:.2f} to {each.end:.2f} s</text>'
        for each in segments
        if (each.end - each.start) * scale > _LABEL
    ]
    picture = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT + _LINE}" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        *grounds,
        f'<path d="{_outline(waveform)}" stroke="{_WAVE}"/>',
        *times,
        "</svg>",
    ]
    path.write_text("\n".join(picture) + "\n", encoding="utf-8")


def _outline(waveform: Tensor) -> str:
    """Return a vertical line for each pixel, from the lowest to the highest sample there."""
    lines = []
    for x, part in enumerate(waveform.tensor_split(min(_WIDTH, len(waveform)))):
        low, high = (_HEIGHT / 2 * (1 - y) for y in part.clamp(-1, 1).aminmax())
        lines.append(f"M{x + 0.5} {low:.1f}V{high - 0.5:.1f}")
    return "".join(lines)
