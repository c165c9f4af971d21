"""Voice activity: segments of speech from the probability of speech in each frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from torch import Tensor

from dapi.audio.exceptions import UnsupportedInputError

__all__ = ["Segment", "VoiceActivity"]


class Segment(NamedTuple):
    """A segment of speech in a sound.

    Attributes:
        start: Its start in seconds.
        end: Its end in seconds.
    """

    start: float
    end: float


class VoiceActivity:
    """Find segments of speech from the probability of speech in each frame.

    Speech begins with a frame at or above ``threshold``, and ends with the first frame below
    ``threshold - hysteresis`` of a silence. Equals ``get_speech_timestamps`` of silero-vad with the
    defaults of 6.2.3.

    Args:
        threshold: Probability from which a frame is speech.
        hysteresis: How much lower the probability may be during speech.
        min_speech: Seconds; segments that are not longer are dropped.
        min_silence: Seconds; shorter silences do not separate segments.
        padding: Seconds added before and after a segment, or half of a shorter silence.
        frame_seconds: Length of a frame.

    Example:
        >>> import torch
        >>> probabilities = torch.tensor([[0.1] * 10 + [0.9] * 20 + [0.1] * 10])
        >>> VoiceActivity()(probabilities)
        [[Segment(start=0.29, end=0.99)]]
    """

    def __init__(
        self,
        *,
        threshold: float = 0.5,
        hysteresis: float = 0.15,
        min_speech: float = 0.25,
        min_silence: float = 0.1,
        padding: float = 0.03,
        frame_seconds: float = 0.032,
    ) -> None:
        self.threshold, self.lower = threshold, max(threshold - hysteresis, 0.01)
        self.min_speech, self.min_silence, self.padding = min_speech, min_silence, padding
        self.frame_seconds = frame_seconds

    def __call__(
        self, probabilities: Tensor, seconds: Sequence[float] | None = None
    ) -> list[list[Segment]]:
        """Return the segments of each sound of a batch, in order.

        Args:
            probabilities: Of speech, of each frame (N, frames).
            seconds: The length of each sound, which limits its last segment; None if its frames are
                full.

        Raises:
            UnsupportedInputError: They are not a tensor of that shape.
        """
        if not isinstance(probabilities, Tensor):
            raise UnsupportedInputError(
                f"The probabilities are of {type(probabilities).__qualname__}. Expected a tensor, "
                "the first of what the model returns: probabilities, _ = model(waveforms)."
            )
        if probabilities.ndim != 2:
            raise UnsupportedInputError(
                f"The probabilities have the shape {tuple(probabilities.shape)}. Expected (N, "
                "frames), as the model returns them."
            )
        if seconds is None:
            seconds = [probabilities.shape[1] * self.frame_seconds] * len(probabilities)
        return [
            self._padded(self._spoken(each, length), length)
            for each, length in zip(probabilities.tolist(), seconds, strict=True)
        ]

    def _spoken(self, probabilities: Sequence[float], length: float) -> list[Segment]:
        """Return the segments that are long enough, without padding."""
        found = (
            Segment(first * self.frame_seconds, min(behind * self.frame_seconds, length))
            for first, behind in self._runs(probabilities)
        )
        return [each for each in found if each.end - each.start > self.min_speech]

    def _runs(self, probabilities: Sequence[float]) -> Iterator[tuple[int, int]]:
        """Yield the first frame of each segment, and the one after its last."""
        start = silence = None
        for frame, probability in enumerate(probabilities):
            if probability >= self.threshold:
                start, silence = frame if start is None else start, None
            elif start is not None and probability < self.lower:
                silence = frame if silence is None else silence
                if (frame - silence) * self.frame_seconds >= self.min_silence:
                    yield start, silence
                    start = silence = None
        if start is not None:  # a silence at the end may be too short to count
            yield start, len(probabilities)

    def _padded(self, segments: list[Segment], length: float) -> list[Segment]:
        """Return the segments with padding."""
        if not segments:
            return []
        gaps = [after.start - before.end for before, after in pairwise(segments)]
        inner = [min(self.padding, gap / 2) for gap in gaps]
        before = [min(self.padding, segments[0].start), *inner]
        after = [*inner, min(self.padding, length - segments[-1].end)]
        return [
            Segment(round(each.start - early, 9), round(each.end + late, 9))
            for each, early, late in zip(segments, before, after, strict=True)
        ]

    def __repr__(self) -> str:
        return f"VoiceActivity(threshold={self.threshold})"
