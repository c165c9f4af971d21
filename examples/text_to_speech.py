"""Speak a phrase into a wav: what ``dapi predict tacotron2_tiny`` does, by hand. Fetches nothing.

Run: ``python examples/text_to_speech.py "open the red door" speech.wav``
"""

from __future__ import annotations

import sys
import wave
from array import array
from typing import Any

import torch

import dapi


def main(phrase: str, path: str) -> None:
    """Write 16-bit PCM, one channel."""
    model: Any = dapi.get_model("tacotron2_tiny").eval()
    weights = dapi.weights_of(model)
    preprocess, vocoder = weights.transforms(), weights.postprocess()
    torch.manual_seed(0)  # Tacotron 2 drops units at random, and the vocoder begins with noise
    with torch.inference_mode():
        spectrogram, lengths, _ = model.infer(*preprocess(phrase))
        waveforms, lengths = vocoder(spectrogram, lengths)
    samples = (waveforms[0, : lengths[0]].clamp(-1, 1) * 32767).short()
    with wave.open(path, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(weights.meta["sample_rate"])
        file.writeframes(array("h", samples.tolist()).tobytes())


if __name__ == "__main__":
    main(*sys.argv[1:])
