"""Forced alignment: when each word of a known transcript is spoken."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

import torch
from torch import Tensor

from dapi.audio.exceptions import UnsupportedInputError
from dapi.audio.postprocess import refuse_nan

if TYPE_CHECKING:
    from torchaudio.functional import TokenSpan

__all__ = ["AlignedWord", "ForcedAlignment"]

_ROUNDING: Final = 1e-2  # log probabilities in half precision may exceed 0 by rounding


class AlignedWord(NamedTuple):
    """A word, and when it is spoken.

    Attributes:
        text: The word, as in the transcript.
        start: Its start in seconds.
        end: Its end in seconds.
        score: The mean probability of its letters over their frames, in [0, 1].
        spans: Its letters, in frames; their ``token`` is an index into the labels.
    """

    text: str
    start: float
    end: float
    score: float
    spans: tuple[TokenSpan, ...]


class ForcedAlignment:
    """Find when each word of a transcript is spoken, from the logits of a model (CTC).

    Computes the same as the model and the aligner of torchaudio's ``MMS_FA``: the log softmax, an
    extra label ``*`` that matches anything, and the most probable path through the letters.

    Args:
        labels: The label of each output, one character each; the first is the blank.
        frame_seconds: Seconds from one frame to the next.

    Example:
        >>> logits = 20 * torch.eye(4)[[0, 1, 1, 2, 0, 3]].unsqueeze(0)
        >>> [(word.text, word.start, word.end) for word in ForcedAlignment("-abc")(logits, "ab c")]
        [('ab', 0.02, 0.08), ('c', 0.1, 0.12)]
    """

    def __init__(self, labels: Sequence[str], *, frame_seconds: float = 0.02) -> None:
        self.labels, self.frame_seconds = (*labels, "*"), frame_seconds
        self._ids = {label: i for i, label in enumerate(self.labels) if i}

    def __call__(self, logits: Tensor, transcript: str | Sequence[str]) -> list[AlignedWord]:
        """Return the words in order.

        Args:
            logits: Of the model for one waveform (1, frames, labels).
            transcript: Words, or a text whose words spaces separate: in lower case and romanized,
                with letters from ``labels``; ``*`` matches speech that is not transcribed.

        Raises:
            UnsupportedInputError: The logits are not a tensor of that shape, some are NaN, a letter
                is not among the labels, or there are more letters than frames.
        """
        self._check(logits)
        return self._find(self._emission(logits), transcript)

    def from_emission(self, emission: Tensor, transcript: str | Sequence[str]) -> list[AlignedWord]:
        """Return the words in order, from log probabilities of a model that are ready.

        Those of torchaudio's ``MMS_FA.get_model()``, for one, or of a model that is served. For one
        waveform of a padded batch, pass its rows: ``emissions[i, :lengths[i]]``.

        Args:
            emission: The log probability of each label in each frame, (frames, labels) or (1,
                frames, labels); with a last column for ``*`` or without.
            transcript: As in a call.

        Raises:
            UnsupportedInputError: The emission is not a tensor of that shape, or contains no log
                probabilities; or as in a call.

        Example:
            >>> emission = (20 * torch.eye(3)[[0, 1, 1, 2]]).log_softmax(dim=-1)
            >>> [word.end for word in ForcedAlignment("-ab").from_emission(emission, "a b")]
            [0.06, 0.08]
        """
        batch = emission.detach()
        batch = batch.unsqueeze(0) if batch.ndim == 2 else batch
        columns = len(self.labels)
        if batch.ndim != 3 or len(batch) != 1 or batch.shape[2] not in (columns - 1, columns):
            raise UnsupportedInputError(
                f"The emission has the shape {tuple(emission.shape)}. Expected (frames, "
                f"{columns - 1}), or {columns} with a column for '*': that of one waveform."
            )
        refuse_nan(batch)
        if batch.max() > _ROUNDING:
            raise UnsupportedInputError(
                f"The emission has values up to {batch.max():.3g}. Expected log probabilities, "
                "which are not positive: for the logits of a model, call the aligner itself."
            )
        has_star = batch.shape[2] == columns
        return self._find(batch if has_star else self._with_star(batch), transcript)

    def _find(self, emission: Tensor, transcript: str | Sequence[str]) -> list[AlignedWord]:
        from torchaudio.functional import forced_align, merge_tokens

        words = transcript.split() if isinstance(transcript, str) else list(transcript)
        tokens = [self._ids[letter] for letter in self._letters(words)]
        self._check_length(emission.shape[1], tokens)
        targets = torch.tensor([tokens], dtype=torch.int32, device=emission.device)
        path, scores = forced_align(emission, targets, blank=0)
        spans = iter(merge_tokens(path[0], scores[0].exp()))
        return [self._align(word, tuple(next(spans) for _ in word)) for word in words]

    def _letters(self, words: Sequence[str]) -> list[str]:
        unknown = {letter for word in words for letter in word if letter not in self._ids}
        if unknown or not all(words) or not words:
            what = f"has {', '.join(map(repr, sorted(unknown)))}" if unknown else "lacks a word"
            raise UnsupportedInputError(
                f"The transcript {what}. Expected words of {''.join(self._ids)}: write it in "
                "lower case, romanize it, and remove punctuation."
            )
        return [letter for word in words for letter in word]

    def _check(self, logits: Tensor) -> None:
        if not isinstance(logits, Tensor):
            raise UnsupportedInputError(
                f"The logits are of {type(logits).__qualname__}. Expected a tensor, the "
                "first of what the model returns: logits, _ = model(waveform)."
            )
        if logits.ndim != 3 or len(logits) != 1 or logits.shape[2] != len(self.labels) - 1:
            raise UnsupportedInputError(
                f"The logits have the shape {tuple(logits.shape)}. Expected (1, frames, "
                f"{len(self.labels) - 1}): those of one waveform, as the model returns them. "
                "For log probabilities, call from_emission(emission, transcript)."
            )
        refuse_nan(logits)

    @staticmethod
    def _check_length(frames: int, tokens: Sequence[int]) -> None:
        # Between two equal letters, a path needs a blank.
        needed = len(tokens) + sum(first == second for first, second in pairwise(tokens))
        if frames < needed:
            raise UnsupportedInputError(
                f"The transcript needs {needed} frames, but the waveform has {frames}. "
                "Expected the transcript of this waveform."
            )

    def _emission(self, logits: Tensor) -> Tensor:
        """Return log probabilities, also of ``*``."""
        return self._with_star(logits.detach().log_softmax(dim=-1))

    @staticmethod
    def _with_star(emission: Tensor) -> Tensor:
        """Append a column for ``*``, which has probability 1 everywhere."""
        return torch.cat((emission, torch.zeros_like(emission[..., :1])), dim=-1)

    def _align(self, word: str, spans: tuple[TokenSpan, ...]) -> AlignedWord:
        frames = sum(len(span) for span in spans)
        score = sum(span.score * len(span) for span in spans) / frames
        start, end = (
            round(frame * self.frame_seconds, 9) for frame in (spans[0].start, spans[-1].end)
        )
        return AlignedWord(word, start, end, score, spans)

    def __repr__(self) -> str:
        return f"ForcedAlignment({''.join(self.labels[:-1])!r})"
