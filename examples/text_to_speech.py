"""Speak sentences into wav files, with any weights of the task.

The published weights are fetched from the network (108 MB for the default); offline, the error
says how to get them there.

Example:
    python examples/text_to_speech.py "Hello world!"
"""

from __future__ import annotations

import wave
from collections.abc import Sequence
from pathlib import Path

import torch
from demo import load, read_arguments, report


def main(arguments: Sequence[str] | None = None) -> None:
    """Write one wav file for each sentence."""
    options = read_arguments(__doc__, "text-to-speech", "tacotron2", arguments)
    model, weights = load(options)
    preprocess, vocoder = weights.transforms(), weights.postprocess()
    for number, text in enumerate(options.inputs, start=1):
        with torch.inference_mode():
            spectrogram, lengths, _ = model.infer(*preprocess(text))
            waveforms, lengths = vocoder(spectrogram, lengths)
        path = options.output / f"speech-{number}.wav"
        write_wav(path, waveforms[0, : lengths[0]], vocoder.sample_rate)
        seconds = round(lengths[0].item() / vocoder.sample_rate, 2)
        report(options, text, {"weights": str(weights), "file": path.name, "seconds": seconds})


def write_wav(path: Path, waveform: torch.Tensor, sample_rate: int) -> None:
    """Write a mono waveform of floats in [-1, 1] as 16-bit PCM."""
    samples = (waveform.clamp(-1, 1) * 32767).to(torch.int16)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(samples.numpy().tobytes())


if __name__ == "__main__":
    main()
