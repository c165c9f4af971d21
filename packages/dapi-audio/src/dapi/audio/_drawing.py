"""Draw sounds as SVG, which needs no library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from torch import Tensor

from dapi.audio.activity import Segment
from dapi.catalog import printable

_WIDTH, _HEIGHT, _LINE = 800, 90, 20
_LABEL = 110  # width in pixels of a segment's times
_SPEECH, _WAVE = "#cfe5cf", "#2a6fb0"


def speech(path: Path, waveform: Tensor, seconds: float, segments: Sequence[Segment]) -> None:
    """Draw a waveform (T,), with the segments of speech on a green background."""
    spans = []
    for start, end in segments:
        label = f"{start:.2f} to {end:.2f} s"
        spans.append((start, end, label if (end - start) / seconds * _WIDTH > _LABEL else ""))
    _draw(path, waveform, seconds, spans)


def words(path: Path, waveform: Tensor, seconds: float, found: Sequence[Mapping[str, Any]]) -> None:
    """Draw a waveform (T,), with each word below its part, on a green background."""
    _draw(path, waveform, seconds, [(each["start"], each["end"], each["word"]) for each in found])


def _draw(
    path: Path, waveform: Tensor, seconds: float, spans: Sequence[tuple[float, float, str]]
) -> None:
    scale = _WIDTH / seconds
    grounds = [
        f'<rect x="{start * scale:.1f}" width="{(end - start) * scale:.1f}" '
        f'height="{_HEIGHT}" fill="{_SPEECH}"/>'
        for start, end, _ in spans
    ]
    labels = [
        f'<text x="{(start + end) / 2 * scale:.1f}" y="{_HEIGHT + _LINE - 5}" '
        f'text-anchor="middle">{escape(printable(label))}</text>'
        for start, end, label in spans
        if label
    ]
    picture = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT + _LINE}" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        *grounds,
        f'<path d="{_outline(waveform)}" stroke="{_WAVE}"/>',
        *labels,
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
