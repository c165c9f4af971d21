"""Phrases of a small vocabulary, and the voices in which espeak-ng says them.

The speech that `tacotron2_espeak.py` and `ctc_espeak.py` are trained and judged on; nothing is
downloaded. What is held out is held out by construction, twice: :func:`is_held_out` keeps every
tenth order of words from training, in whatever voice, and no accent and no timbre of
`HELD_OUT_VOICES` occurs in `TRAINING_VOICES` or `FURTHER_VOICES`. All comes from espeak-ng 1.51,
as in Debian's package 1.51+dfsg-10+deb12u2; another release may sound otherwise.

    python recipes/espeak_phrases.py "open the red door" --output DIR     # listen to some voices
"""

from __future__ import annotations

import argparse
import hashlib
import io
import shutil
import subprocess
import wave
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torchaudio.functional import resample

SAMPLE_RATE = 16000
"""Samples a second of what :func:`say` returns; espeak-ng itself has 22050."""

UNITS = tuple(
    """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
    sixteen seventeen eighteen nineteen
    """.split()  # noqa: SIM905
)
TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
COLORS = ("black", "blue", "green", "orange", "red", "white", "yellow")
THINGS = ("apple", "box", "door", "jacket", "lamp", "light", "music", "picture", "queen", "window")
VERBS = ("close", "find", "move", "open", "play", "show", "stop", "take", "turn")
OTHERS = ("and", "off", "on", "please", "the", "with")
VOCABULARY = (*UNITS, *TENS, "hundred", "thousand", *COLORS, *THINGS, *VERBS, *OTHERS)
"""All words, none of which sounds like another; together they have every letter."""

MOST_WORDS = 5
SILENCE = 0.05
"""Seconds that :func:`say` leaves in front of a phrase and behind it."""


def is_held_out(phrase: str) -> bool:
    """Tell whether no recipe may train on these words in this order: one phrase in ten."""
    words = " ".join(phrase.split())
    return int.from_bytes(hashlib.sha256(words.encode()).digest()[:8], "big") % 10 == 0


def phrases(count: int, *, held_out: bool, seed: int) -> list[str]:
    """Return distinct phrases of one to five words, words apart by a space.

    A third are numbers as one says them, a third short commands, and a third words in any order,
    so that each word follows each.

    Args:
        count: How many.
        held_out: Whether to draw from those that :func:`is_held_out` keeps for evaluation, or
            from the others.
        seed: The same numbers give the same phrases, in the same order.
    """
    rng = np.random.default_rng([seed, held_out])
    drawn: dict[str, None] = {}
    while len(drawn) < count:
        phrase = KINDS[rng.integers(len(KINDS))](rng)
        if is_held_out(phrase) == held_out:
            drawn.setdefault(phrase)
    return list(drawn)


def draw_number(rng: np.random.Generator) -> str:
    """Return a number below a million that is said in at most five words; small ones often."""
    while True:
        number = int(10 ** rng.uniform(0, 6)) - 1
        if len(number_words(number)) <= MOST_WORDS:
            return " ".join(number_words(number))


def number_words(number: int) -> list[str]:
    """Return how a number below a million is said.

    Example:
        >>> number_words(12_305)
        ['twelve', 'thousand', 'three', 'hundred', 'and', 'five']
    """
    if number < 20:
        return [UNITS[number]]
    if number < 100:
        return [TENS[number // 10 - 2], *_rest(number % 10)]
    if number < 1000:
        return [UNITS[number // 100], "hundred", *_rest(number % 100, "and")]
    joint = ["and"] if number % 1000 < 100 else []
    return [*number_words(number // 1000), "thousand", *_rest(number % 1000, *joint)]


def _rest(number: int, *joint: str) -> list[str]:
    return [*joint, *number_words(number)] if number else []


def draw_command(rng: np.random.Generator) -> str:
    """Return a command, such as "turn the light off" or "find box seven please"."""
    verb, color, thing = rng.choice(VERBS), rng.choice(COLORS), rng.choice(THINGS)
    number, switch = rng.choice([*UNITS, *TENS]), rng.choice(["on", "off"])
    command = rng.choice(
        [
            f"{verb} the {thing}",
            f"{verb} the {color} {thing}",
            f"{verb} {thing} {number}",
            f"{verb} {number} {color} {thing}",
            f"turn the {color} {thing} {switch}",
            f"turn {switch} the {thing}",
            f"the {color} {thing}",
            f"{color} {thing} {number}",
            f"{thing} and {rng.choice(THINGS)}",
            f"the {thing} with the {rng.choice(THINGS)}",
        ]
    )
    polite = rng.random() < 0.2 and len(command.split()) < MOST_WORDS
    return f"{command} please" if polite else str(command)


def draw_words(rng: np.random.Generator) -> str:
    """Return one to five words of the vocabulary in any order."""
    return " ".join(rng.choice(VOCABULARY, size=rng.integers(1, MOST_WORDS + 1)))


KINDS: tuple[Callable[[np.random.Generator], str], ...] = (draw_number, draw_command, draw_words)


@dataclass(frozen=True, slots=True)
class Voice:
    """How espeak-ng is to speak.

    Attributes:
        language: Its name of an accent, such as ``en-us``; British is ``en``, since to ``en-gb``
            it adds no timbre. An unknown one may fall back on a known one.
        variant: Its name of a timbre, such as ``f2``; empty for the accent's own.
        pitch: From 0 to 99; 50 is the variant's own.
        speed: In words a minute, about.
    """

    language: str
    variant: str = ""
    pitch: int = 50
    speed: int = 175

    @property
    def options(self) -> list[str]:
        """The voice as options of the command ``espeak-ng``."""
        name = f"{self.language}+{self.variant}" if self.variant else self.language
        return ["-v", name, "-p", str(self.pitch), "-s", str(self.speed)]


SPEAKER = Voice("en-us", speed=190)
"""Whom text to speech imitates; the recognizer has not heard it: not of `TRAINING_VOICES`."""

_PITCHES_AND_SPEEDS = ((35, 150), (50, 175), (65, 200), (45, 220))
TRAINING_VOICES = tuple(
    Voice(language, variant, *_PITCHES_AND_SPEEDS[i % 4])
    for i, (language, variant) in enumerate(
        product(
            ("en-us", "en", "en-gb-x-rp"),
            ("", "m1", "m2", "m3", "m5", "m7", "f1", "f2", "f4", "klatt2", "Andy"),
        )
    )
)
"""Of 3 accents in 11 timbres each, what recognition is trained on first."""

_FURTHER_TIMBRES = (
    *("Alex", "Alicia", "Andrea", "Denis", "Diogo", "Gene", "Henrique", "Hugo", "Jacky", "Lee"),
    *("Marco", "Mario", "Mike", "adam", "anika", "antonio", "aunty", "belinda", "benjamin"),
    *("boris", "caleb", "david", "ed", "edward", "gustave", "iven", "john", "kaukovalta"),
    *("klatt4", "linda", "marcelo", "max", "michel", "miguel", "norbert", "pablo", "paul"),
    *("pedro", "quincy", "rob", "robert", "sandro", "shelby", "travis", "victor", "zac"),
)
FURTHER_VOICES = tuple(
    Voice(language, variant, *_PITCHES_AND_SPEEDS[i % 4])
    for i, (variant, language) in enumerate(
        product(_FURTHER_TIMBRES, ("en-us", "en", "en-gb-x-rp", "en-gb-scotland", "en-gb-x-gbclan"))
    )
)
"""Of 5 accents in 46 more timbres each, what recognition is trained on in the end."""

HELD_OUT_VOICES = (
    Voice("en-029", "m4", 50, 175),
    Voice("en-029", "f3", 45, 160),
    Voice("en-gb-x-gbcwmd", "m6", 40, 185),
    Voice("en-gb-x-gbcwmd", "f5", 55, 165),
    Voice("en-us-nyc", "m8", 60, 170),
    Voice("en-us-nyc", "Annie", 50, 190),
    Voice("en-us-nyc", "Michael", 50, 180),
    Voice("en-029", "steph", 50, 175),
)
"""Accents and timbres that none of the voices above has."""


def say(phrase: str, voice: Voice) -> Tensor:
    """Return a phrase as espeak-ng says it: mono, float32 in [-1, 1], shape ``(samples,)``.

    Silence is cut off to `SILENCE` on either side. The same arguments give the same samples.

    Args:
        phrase: Words of `VOCABULARY`, or any other English text.
        voice: Who says it.

    Raises:
        FileNotFoundError: espeak-ng is not installed.
        subprocess.CalledProcessError: It fails, for instance without a voice to fall back on.
    """
    program = shutil.which("espeak-ng")
    if program is None:
        raise FileNotFoundError(
            "The program espeak-ng is not installed. These recipes were run with its release "
            "1.51: apt-get install espeak-ng"
        )
    command = [program, *voice.options, "--stdout", "--", phrase]
    spoken = subprocess.run(command, check=True, capture_output=True).stdout
    return _trimmed(resample(*_read_wav(spoken), SAMPLE_RATE))


def _read_wav(content: bytes) -> tuple[Tensor, int]:
    # Written to a pipe, the header states no length: all that follows is samples.
    with wave.open(io.BytesIO(content)) as file:
        samples = np.frombuffer(file.readframes(len(content) // 2), dtype="<i2")
        return torch.from_numpy(samples / np.float32(32768)), file.getframerate()


def _trimmed(waveform: Tensor) -> Tensor:
    loud = (waveform.abs() > 0.01 * waveform.abs().max()).nonzero()
    margin = round(SILENCE * SAMPLE_RATE)
    spoken = waveform[loud[0, 0] : loud[-1, 0] + 1]
    return torch.nn.functional.pad(spoken, (margin, margin))


def write_wav(waveform: Tensor, path: Path) -> None:
    """Write a waveform of `SAMPLE_RATE` as a mono wav of 16 bits."""
    samples = (waveform.clamp(-1, 1) * 32767).round().to(torch.int16)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(samples.numpy().astype("<i2").tobytes())


def main() -> None:
    """Write a phrase in the speaker's voice and in each voice that is held out."""
    parser = argparse.ArgumentParser(description="Hear what espeak-ng makes of a phrase.")
    parser.add_argument("phrase")
    parser.add_argument("--output", type=Path, default=Path(), help="folder; default: here")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    for i, voice in enumerate((SPEAKER, *HELD_OUT_VOICES)):
        path = arguments.output / f"{i}-{voice.language}-{voice.variant}.wav"
        write_wav(say(arguments.phrase, voice), path)
        print(path)


if __name__ == "__main__":
    main()
