"""Speech of espeak-ng as log mel spectrograms, and when each letter of it is heard.

What ``tacotron2_espeak.py`` learns from. ``transformer_ctc_tiny`` finds the letters, though it was
trained on other voices; :func:`corpus` makes and keeps all that, and :func:`places` says where in
a text each frame is read. The program espeak-ng is needed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from espeak_phrases import SAMPLE_RATE, SPEAKER, say
from safetensors.torch import load_file, save_file
from torch import Tensor
from torchaudio.transforms import MelSpectrogram
from tqdm import tqdm

from dapi import get_model, get_weights
from dapi.audio.alignment import ForcedAlignment

SPECTROGRAM: Mapping[str, Any] = {
    "sample_rate": SAMPLE_RATE,
    "n_mels": 80,
    "n_fft": 1024,
    "win_length": 1024,
    "hop_length": 320,
    "f_min": 0.0,
    "f_max": 8000.0,
}
"""What a model is to speak in; its vocoder has to be told the same."""

FLOOR = 1e-3
"""The quietest magnitude that a model is to tell from silence."""

LISTENER = "transformer_ctc_tiny:Espeak_RefV1"
"""The recognizer that aligns and judges; it was trained on other voices of espeak-ng."""

LISTENER_FRAME, LISTENER_DELAY = 0.03, -0.06
"""Seconds from one frame of the recognizer to the next, and from its time to that of the sound."""


class Spoken(NamedTuple):
    """What the speaker said.

    Attributes:
        text: Words, apart by a space.
        mel: The log mel spectrogram ``(T, n_mels)``.
        times: When each letter is heard, in frames ``(letters,)``.
    """

    text: str
    mel: Tensor
    times: Tensor


def corpus(texts: Sequence[str], folder: Path) -> list[Spoken]:
    """Return each text as the speaker says it, the shortest first.

    The spectrograms and times are kept in ``folder``, since thousands take minutes.
    """
    described = json.dumps([texts, asdict(SPEAKER), dict(SPECTROGRAM), FLOOR, LISTENER])
    digest = hashlib.sha256(described.encode()).hexdigest()
    path = folder / f"aligned_{digest[:8]}.spoken"
    if not path.exists():
        write_corpus(texts, path)
    kept = load_file(path)
    spoken = (Spoken(text, kept[f"{text}/mel"], kept[f"{text}/times"]) for text in texts)
    return sorted(spoken, key=lambda each: len(each.mel))


def write_corpus(texts: Sequence[str], path: Path) -> None:
    """Write the spectrogram of each text, and when its letters are heard."""
    tensors: dict[str, Tensor] = {}
    with ThreadPoolExecutor(2) as workers:
        waveforms = workers.map(partial(say, voice=SPEAKER), texts)
        pairs = zip(texts, waveforms, strict=True)
        for text, sound in tqdm(pairs, "espeak-ng", len(texts), unit="phrase", disable=None):
            mel, times = log_mel(sound), letter_times(sound, text)
            tensors |= {f"{text}/mel": mel, f"{text}/times": times}
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.incomplete")
    save_file(tensors, beside)
    beside.replace(path)


def log_mel(sound: Tensor) -> Tensor:
    """Return the log mel spectrogram ``(T, n_mels)`` of a waveform ``(samples,)``."""
    to_mel = MelSpectrogram(**SPECTROGRAM, power=1, norm="slaney", mel_scale="slaney")
    mel: Tensor = to_mel(sound).T.clamp(min=FLOOR).log()
    return mel.contiguous()


@torch.inference_mode()
def letter_times(sound: Tensor, text: str) -> Tensor:
    """Return when the recognizer hears each letter of a text, in frames ``(letters,)``."""
    weights, model = get_weights(LISTENER), get_model(LISTENER).eval()
    align = ForcedAlignment(weights.meta["labels"], frame_seconds=LISTENER_FRAME)
    logits, _ = model(weights.transforms()(sound, SAMPLE_RATE))
    spans = [span for word in align(logits, text) for span in word.spans]
    seconds = torch.tensor([(each.start + each.end) / 2 for each in spans]) * LISTENER_FRAME
    frames_per_second: float = SAMPLE_RATE / SPECTROGRAM["hop_length"]
    return (seconds + LISTENER_DELAY) * frames_per_second


def places(spoken: Spoken, written: str) -> Tensor:
    """Return where in ``written`` each frame is read ``(T,)``: between two letters, in between."""
    letters = [i for i, symbol in enumerate(written) if symbol.isalpha()]
    frames = len(spoken.mel)
    times = np.maximum.accumulate([0.0, *spoken.times.tolist(), float(frames)])
    return torch.from_numpy(np.interp(np.arange(frames), times, [0, *letters, len(written)]))
