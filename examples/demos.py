"""Run the demos: digits named, objects found, sentences ranked, languages named, words spoken.

    python examples/demos.py

Each is one ``dapi predict``, shown as it is run. All weights come with the distributions: nothing
is fetched. The digits and the scenes are of scikit-learn's handwritten digits, of the part that
nothing was trained on. What is spoken is then listened to, and a recording beside it. What is
made, and what was printed, is in ``output/``.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
OUTPUT = Path("output")
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
        run("digits", "resnet20_v2", *write_digits(OUTPUT / "digits")),
        run("objects", "fcos_resnet20_fpn", *write_scenes(OUTPUT / "scenes")),
        run("similarity", "minilm_l6", *SENTENCES),
        run("languages", "roberta_tiny", write_lines(OUTPUT / "languages.txt", LANGUAGES)),
        run("speech", "tacotron2_tiny", *PHRASES),
        run("recognition", "transformer_ctc_tiny", *list_sounds()),
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
    """List what was spoken, and a recording of a voice that the recogniser has never heard."""
    spoken = [OUTPUT / f"{phrase.replace(' ', '-')}.wav" for phrase in PHRASES]
    recording = ROOT / "packages" / "dapi-audio" / "tests" / "data" / "espeak" / "45.wav"
    return list(map(str, (*spoken, recording)))


def write_lines(path: Path, lines: tuple[str, ...]) -> str:
    """Write a text file, one text a line."""
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "recipes"))
    sys.exit(main())
