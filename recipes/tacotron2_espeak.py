"""Train a small Tacotron 2 to speak as espeak-ng does, on a CPU.

Usage::

    python recipes/tacotron2_espeak.py --output DIR

The speech is that of :data:`espeak_phrases.SPEAKER`: numbers, short commands and random orders of
a vocabulary of 62 words. The program espeak-ng is needed; nothing is downloaded. The alignment of
text and sound is learnt with the guided attention loss (Tachibana et al. 2017, arXiv:1710.08969)
and from short phrases on, and the frames that the model is given have gaps, so that it reads
rather than goes on. One line of JSON tells what was written and how well it does on phrases in
orders of words that were held out. No weights of it are published so far: fewer than half of those
were understood.

The command goes on where it was interrupted. A run repeats to the bit on the same machine with
the same versions of its libraries; elsewhere the last bits differ, and what grows from them.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from espeak_phrases import SAMPLE_RATE, SPEAKER, phrases, say
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.nn.utils.rnn import pad_sequence
from torch.optim import Adam
from torch.optim.lr_scheduler import OneCycleLR
from torchaudio.models import Tacotron2
from torchaudio.transforms import MelSpectrogram
from tqdm import tqdm
from training import History, Training, command_line, file_facts, plot, reproducible, save

from dapi import get_model, get_weights
from dapi.audio import tacotron2
from dapi.audio.postprocess import GriffinLim
from dapi.audio.transforms import Characters

ARCHITECTURE: Mapping[str, Any] = {
    "n_symbol": len(Characters.symbols),
    "symbol_embedding_dim": 128,
    "encoder_embedding_dim": 128,
    "attention_rnn_dim": 192,
    "attention_hidden_dim": 64,
    "attention_location_n_filter": 8,
    "attention_location_kernel_size": 15,
    "decoder_rnn_dim": 192,
    "prenet_dim": 96,
    "postnet_n_convolution": 4,
    "postnet_embedding_dim": 128,
    "decoder_max_step": 400,
}
"""Where the model differs from torchaudio's defaults."""

SPECTROGRAM: Mapping[str, Any] = {
    "sample_rate": SAMPLE_RATE,
    "n_mels": 80,
    "n_fft": 1024,
    "win_length": 1024,
    "hop_length": 256,
    "f_min": 0.0,
    "f_max": 8000.0,
}
"""What the model speaks in; the vocoder has to be told the same."""

FILE_NAME = "tacotron2_espeak_v1.safetensors"
JUDGE = "transformer_ctc_tiny:Espeak_RefV1"
"""Who listens: the recogniser, which was trained on other voices of espeak-ng alone."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a training depends on, beside its seed.

    Attributes:
        phrases: How many there are to learn from.
        steps: Batches.
        batch_size: Phrases of a batch, all about as long.
        learning_rate: The highest, after a tenth of the steps; it falls to zero.
        max_norm: Of the gradient.
        short: The part of the phrases, the shortest, that training begins with.
        all_from: The step from which on all phrases are drawn.
        noise: The most that the frames that the model is given are off, in nats.
        floor: The quietest magnitude that the model is to tell from silence.
        attention_width: Of the diagonal that attention is guided to, as a part of its length.
        gate_weight: Of a frame at which speech has ended, relative to one before.
    """

    phrases: int = 3000
    steps: int = 5000
    batch_size: int = 16
    learning_rate: float = 2e-3
    max_norm: float = 1.0
    short: float = 0.15
    all_from: int = 900
    noise: float = 0.5
    floor: float = 3e-4
    attention_width: float = 0.2
    gate_weight: float = 5.0


class Corpus:
    """Phrases and their log mel spectrograms, the shortest first.

    Args:
        texts: To be said by the speaker.
        floor: As in :class:`Recipe`.
        cache: Where the spectrograms are kept, since espeak-ng takes minutes for thousands.
    """

    def __init__(self, texts: Sequence[str], *, floor: float, cache: Path) -> None:
        if not cache.exists():
            write_spectrograms(texts, cache)
        spectrograms = load_file(cache)
        self.floor = np.log(floor)
        spoken = [(text, spectrograms[text].clamp(min=floor).log()) for text in texts]
        self.texts, self.mels = zip(*sorted(spoken, key=lambda item: len(item[1])), strict=True)

    def batch(self, chosen: Sequence[int], texts: Sequence[str]) -> Batch:
        """Return the phrases at these positions, written as ``texts``."""
        order = sorted(range(len(chosen)), key=lambda i: -len(texts[i]))
        tokens, token_lengths = Characters()([texts[i] for i in order])
        mels = [self.mels[chosen[i]] for i in order]
        return Batch(
            tokens,
            token_lengths,
            pad_sequence(mels, batch_first=True, padding_value=self.floor).transpose(1, 2),
            torch.tensor([len(mel) for mel in mels]),
        )


@dataclass(frozen=True, slots=True)
class Batch:
    """What a model is called with in training, the longest text first.

    Attributes:
        tokens: Ids of characters ``(N, L)``.
        token_lengths: ``(N,)``.
        mels: Log mel spectrograms ``(N, n_mels, T)``.
        mel_lengths: In frames, ``(N,)``.
    """

    tokens: Tensor
    token_lengths: Tensor
    mels: Tensor
    mel_lengths: Tensor

    def to(self, device: str) -> Batch:
        """Return the batch on a device."""
        return Batch(*(tensor.to(device) for tensor in self.inputs))

    @property
    def inputs(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The arguments of the model."""
        return self.tokens, self.token_lengths, self.mels, self.mel_lengths

    @property
    def speaking(self) -> Tensor:
        """Which frames are of the phrase, ``(N, T)``."""
        frames = torch.arange(self.mels.shape[2], device=self.mels.device)
        return frames < self.mel_lengths[:, None]


def write_spectrograms(texts: Sequence[str], path: Path) -> None:
    """Write the mel spectrogram of each text, as the speaker says it, under its words."""
    to_mel = MelSpectrogram(**SPECTROGRAM, power=1, norm="slaney", mel_scale="slaney")
    bar = tqdm(texts, desc="espeak-ng", unit="phrase", disable=None)
    spectrograms = {text: to_mel(say(text, SPEAKER)).T.contiguous() for text in bar}
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.incomplete")
    save_file(spectrograms, beside)
    beside.replace(path)


def draw(corpus: Corpus, recipe: Recipe, *, step: int, seed: int) -> Batch:
    """Return the batch of a step: phrases of about one length, the shorter ones early on."""
    rng = np.random.default_rng([seed, step])
    part = min(1.0, recipe.short + (1 - recipe.short) * (step / recipe.all_from))
    available = max(recipe.batch_size, round(part * len(corpus.texts)))
    window = min(4 * recipe.batch_size, available)
    first = rng.integers(available - window + 1)
    chosen = first + rng.choice(window, size=recipe.batch_size, replace=False)
    return corpus.batch(chosen.tolist(), [punctuated(corpus.texts[i], rng) for i in chosen])


def punctuated(phrase: str, rng: np.random.Generator) -> str:
    """Return a phrase as people may write it: marks that are not heard, in one of three."""
    if rng.random() > 0.33:
        return phrase
    marked = phrase.replace(" ", str(rng.choice([" ", " ", "-", ", "])), 1)
    return marked + str(rng.choice(["", ".", ".", "!", "?"]))


def gapped(mels: Tensor, average: Tensor, *, noise: float) -> Tensor:
    """Return spectrograms ``(N, n_mels, T)`` from which it is hard to guess how they go on.

    Of each, a random part of the frames is the average one (Liu et al. 2019, arXiv:1909.01145),
    and the others are noisy. A model that is given the true frames all the time learns to go on
    from them rather than to read the text, and says other words when it speaks freely.
    """
    each = (len(mels), 1, 1)
    gaps = torch.rand_like(mels[:, :1]) < torch.rand(each, device=mels.device)
    noisy = mels + noise * torch.rand(each, device=mels.device) * torch.randn_like(mels)
    return torch.where(gaps, average[:, None], noisy)


def loss_of(model: Tacotron2, batch: Batch, recipe: Recipe, *, given: Tensor) -> Tensor:
    """Return the loss of a model on a batch: of both spectrograms, the gate, the attention.

    Args:
        model: In training mode.
        batch: What it is to say.
        recipe: How the parts of the loss are weighted.
        given: The frames before each that it is to say, as it may know them.
    """
    before, after, gate, attention = model(
        batch.tokens, batch.token_lengths, given, batch.mel_lengths
    )
    speaking = batch.speaking[:, None]
    errors = ((before - batch.mels) ** 2 + (after - batch.mels) ** 2) * speaking
    spectrogram: Tensor = errors.sum() / speaking.sum() / batch.mels.shape[1]
    ended = torch.arange(gate.shape[1], device=gate.device) >= batch.mel_lengths[:, None] - 1
    weight = torch.tensor(recipe.gate_weight, device=gate.device)
    stop: Tensor = binary_cross_entropy_with_logits(gate, ended.float(), pos_weight=weight)
    return spectrogram + stop + guidance(attention, batch, width=recipe.attention_width)


def guidance(attention: Tensor, batch: Batch, *, width: float) -> Tensor:
    """Return how far attention ``(N, T, L)`` is off the diagonal, at most 1 (arXiv:1710.08969)."""
    device = attention.device
    heard = torch.arange(attention.shape[1], device=device) / batch.mel_lengths[:, None]
    read = torch.arange(attention.shape[2], device=device) / batch.token_lengths[:, None]
    off = 1 - torch.exp(-((heard[:, :, None] - read[:, None]) ** 2) / (2 * width**2))
    astray: Tensor = (attention * off).sum(dim=2)[batch.speaking].mean()
    return astray


@torch.inference_mode()
def measured(model: Tacotron2, batch: Batch) -> dict[str, float]:
    """Return how well a model, put back into training mode, does on a batch.

    ``error`` is the mean absolute difference of the spectrograms when the true frames before are
    given; ``length`` the part of the phrases that it ends within a tenth of their duration when
    it speaks freely.
    """
    model.eval()
    _, spectrogram, _, _ = model(*batch.inputs)
    error = (spectrogram - batch.mels).abs().mean(dim=1)[batch.speaking].mean()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Reached max decoder steps")
        _, lengths, _ = model.infer(batch.tokens, batch.token_lengths)
    length = (lengths / batch.mel_lengths - 1).abs() < 0.1
    model.train()
    return {"error": error.item(), "length": length.float().mean().item()}


def train(recipe: Recipe, *, seed: int, output: Path, device: str) -> tuple[Tacotron2, History]:
    """Train a model, or go on with it, and return it in training mode."""
    reproducible(seed, device)
    learnt = phrases(recipe.phrases, held_out=False, seed=0)
    corpus = Corpus(learnt, floor=recipe.floor, cache=output / f"{len(learnt)}_learnt.mels")
    others = phrases(48, held_out=True, seed=1)
    check = Corpus(others, floor=recipe.floor, cache=output / f"{len(others)}_others.mels")
    check_batch = check.batch(range(len(others)), check.texts).to(device)
    model = tacotron2(**ARCHITECTURE).to(device)
    average = torch.cat(corpus.mels).mean(dim=0).to(device)
    with torch.no_grad():  # or the first hundreds of steps only find the average frame
        model.decoder.linear_projection.bias.copy_(average)
    optimizer = Adam(model.parameters(), lr=recipe.learning_rate)
    schedule = OneCycleLR(optimizer, recipe.learning_rate, recipe.steps, pct_start=0.1)

    def loss_at(step: int) -> Tensor:
        batch = draw(corpus, recipe, step=step, seed=seed).to(device)
        given = gapped(batch.mels, average, noise=recipe.noise)
        return loss_of(model, batch, recipe, given=given)

    history = Training(
        loss_at,
        steps=recipe.steps,
        optimizer=optimizer,
        parts={"model": model, "schedule": schedule},
        checkpoint=output / f"tacotron2_espeak_{seed}.checkpoint",
        settings={"seed": seed, **ARCHITECTURE, **SPECTROGRAM, **asdict(recipe)},
        max_norm=recipe.max_norm,
        measure=lambda: measured(model, check_batch),
        measure_every=250,
    ).run()
    return model, history


@torch.inference_mode()
def speak(model: Tacotron2, texts: Sequence[str]) -> list[Tensor]:
    """Return the waveform ``(samples,)`` of each text; a model in eval mode speaks."""
    order = sorted(range(len(texts)), key=lambda i: -len(texts[i]))
    tokens, lengths = Characters()([texts[i] for i in order])
    spectrograms, frames, _ = model.infer(tokens, lengths)
    waveforms, samples = GriffinLim(**SPECTROGRAM)(spectrograms, frames)
    assert samples is not None  # since there are frames
    spoken = {i: row[:end] for i, row, end in zip(order, waveforms, samples, strict=True)}
    return [spoken[i] for i in range(len(texts))]


@torch.inference_mode()
def listen(waveforms: Sequence[Tensor]) -> list[str]:
    """Return what the recogniser writes down of each waveform."""
    weights = get_weights(JUDGE)
    model, prepare, write = get_model(JUDGE).eval(), weights.transforms(), weights.postprocess()
    return [write(*model(prepare(each, SAMPLE_RATE)))[0].lower() for each in waveforms]


def describe(path: Path, *, count: int = 120, batch_size: int = 20) -> dict[str, object]:
    """Return what an entry of a weights file states, measured on the file itself.

    ``sentence_accuracy`` is the part of held-out phrases that are recognised word for word when
    the model speaks them, and ``control`` the same of what the imitated speaker says.
    """
    model = tacotron2(**ARCHITECTURE)
    model.load_state_dict(load_file(path))
    texts = phrases(count, held_out=True, seed=2)
    torch.manual_seed(0)
    batches = [texts[i : i + batch_size] for i in range(0, count, batch_size)]
    heard = listen([sound for batch in batches for sound in speak(model.eval(), batch)])
    control = listen([say(text, SPEAKER) for text in texts])
    return {
        **file_facts(path),
        "num_params": sum(parameter.numel() for parameter in model.parameters()),
        "sentence_accuracy": sum(map(str.__eq__, heard, texts)) / count,
        "control": sum(map(str.__eq__, control, texts)) / count,
        "held_out": count,
    }


def main() -> None:
    """Train, save, draw, and print a line of JSON."""
    arguments = command_line("Train Tacotron 2 to speak as espeak-ng does.").parse_args()
    output, seed = arguments.output, arguments.seed
    model, history = train(Recipe(), seed=seed, output=output, device=arguments.device)
    path = output / FILE_NAME
    save(model, path)
    plot(history, path.with_suffix(".svg"))
    facts = {**history.measurements[-1], "seed": seed, "seconds": round(history.seconds)}
    print(json.dumps({**describe(path), **facts}))


if __name__ == "__main__":
    main()
