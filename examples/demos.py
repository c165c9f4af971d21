"""Run the demos: photos named, objects found, sentences ranked, words spoken and written down.

    python examples/demos.py

Each is one ``dapi predict``, shown as it is run. All weights come with the distributions, or with
the extras ``dapi-vision[lite]``, ``dapi-text[minilm]`` and ``dapi-audio[vad]``: nothing is fetched.
The photos are two of scikit-learn's; the digits and the scenes are of its handwritten digits, of
the part that nothing was trained on. What is spoken is then listened to, and a recording beside
it; in a longer one, it is found when somebody speaks. What is made, and what was printed, is in
``output/``.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import wave
from importlib.resources import files
from pathlib import Path

ROOT = Path(__file__).parents[1]
RECORDINGS = ROOT / "packages" / "dapi-audio" / "tests" / "data" / "espeak"
OUTPUT = Path("output")
PHOTOS = ("flower.jpg", "china.jpg")
SENTENCES = (
    "How do I bake a loaf of bread?",
    "Mix flour, water and yeast, and let the dough rise.",
    "The baker opens his shop at six in the morning.",
    "Interest rates rose again this quarter.",
    "My bicycle has a flat tyre.",
)
LANGUAGES = (
    "Der Zug nach Hamburg fährt heute von einem anderen Gleis ab.",
    "Le train pour Lyon part aujourd'hui d'un autre quai.",
    "Поезд на Москву сегодня ушёл раньше обычного.",
    "今日の大阪行きの電車は、別のホームから出発します。",
    "Pociąg do Krakowa odjeżdża dziś z innego peronu.",
)
PHRASES = ("open the red door", "twelve thousand seven hundred")


def main() -> int:
    """Run every demo; the exit status is 1 if one of them failed."""
    OUTPUT.mkdir(exist_ok=True)
    failed = [
        run("photos", "efficientnet_lite0", *copy_photos(OUTPUT / "photos")),
        run("digits", "resnet20_v2", *write_digits(OUTPUT / "digits")),
        run("objects", "fcos_resnet20_fpn", *write_scenes(OUTPUT / "scenes")),
        run("similarity", "minilm_l6", *SENTENCES),
        run("languages", "roberta_tiny", write_lines(OUTPUT / "languages.txt", LANGUAGES)),
        run("speech", "tacotron2_tiny", *PHRASES),
        run("recognition", "transformer_ctc_tiny", *list_sounds()),
        run("activity", "silero_vad", write_call(OUTPUT / "calls" / "call.wav")),
    ]
    print(f"\n{failed.count(0)} of {len(failed)} demos ran; what they made is in {OUTPUT}/.")
    return int(any(failed))


def run(name: str, *words: str) -> int:
    """Run one command, offline; show it, and keep what it prints."""
    command = [sys.executable, "-m", "dapi", "predict", *words]
    shown = f"$ dapi predict {shlex.join(words)}\n"
    print(f"\n{shown}", end="", flush=True)
    done = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "DAPI_OFFLINE": "1"}
    )
    print(done.stdout, end="", flush=True)
    (OUTPUT / f"{name}.log").write_text(shown + done.stdout, encoding="utf-8")
    return done.returncode


def copy_photos(folder: Path) -> list[str]:
    """Copy the photos that come with scikit-learn."""
    folder.mkdir(exist_ok=True)
    source = files("sklearn.datasets.images")
    return [shutil.copy(str(source / name), str(folder)) for name in PHOTOS]


def write_digits(folder: Path, count: int = 6) -> list[str]:
    """Write handwritten digits that no weights were trained on, as pictures."""
    from resnet20_digits import digit_image, held_out_indices
    from sklearn.datasets import load_digits

    digits, paths = load_digits(), []
    folder.mkdir(exist_ok=True)
    for index in held_out_indices()[:count]:
        paths.append(folder / f"{index}-is-a-{digits.target[index]}.png")
        digit_image(digits.images[index]).save(paths[-1])
    return list(map(str, paths))


def write_scenes(folder: Path, numbers: tuple[int, ...] = (4, 12)) -> list[str]:
    """Write scenes with such digits and other marks, as pictures."""
    from digit_scenes import read

    folder.mkdir(exist_ok=True)
    scenes = read(ROOT / "packages" / "dapi-vision" / "tests" / "data")
    paths = [folder / f"scene-{number}.png" for number in numbers]
    for number, path in zip(numbers, paths, strict=True):
        scenes[number].image.save(path)
    return list(map(str, paths))


def list_sounds() -> list[str]:
    """List what was spoken, and a recording of a voice that the recognizer has never heard."""
    spoken = [OUTPUT / f"{phrase.replace(' ', '-')}.wav" for phrase in PHRASES]
    return list(map(str, (*spoken, RECORDINGS / "45.wav")))


def write_call(path: Path, names: tuple[str, ...] = ("03.wav", "09.wav", "36.wav")) -> str:
    """Write three recordings, of three voices, with silence around each."""
    path.parent.mkdir(exist_ok=True)
    silence = bytes(2 * 16000)  # a second of 16 bits
    with wave.open(str(path), "wb") as call:
        call.setparams((1, 2, 16000, 0, "NONE", ""))
        for name in names:
            with wave.open(str(RECORDINGS / name)) as recording:
                call.writeframes(silence + recording.readframes(recording.getnframes()))
        call.writeframes(silence)
    return str(path)


def write_lines(path: Path, lines: tuple[str, ...]) -> str:
    """Write a text file, one text a line."""
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "recipes"))
    sys.exit(main())
