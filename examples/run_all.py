"""Run the four demos on real input. What they make is in ``output/``.

The digits are of scikit-learn's handwritten ones, from the part that nothing was trained on. Two
demos use weights of their publishers: without a network they say what is missing.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import image_classification
import image_detection
import text_encoding
import text_to_speech
from PIL import Image

ROOT = Path(__file__).parents[1]
OUTPUT = ROOT / "output"
RECIPES = ROOT / "recipes"
SENTENCES = [
    "How do I bake a loaf of bread?",
    "Mix flour, water and yeast, and let the dough rise.",
    "The baker opens his shop at six in the morning.",
    "Interest rates rose again this quarter.",
    "My bicycle has a flat tyre.",
]


def main() -> int:
    """Run every demo; one that cannot run is told and does not stop the others."""
    shutil.rmtree(OUTPUT, ignore_errors=True)
    digits = write_digits(OUTPUT / "digits")
    scene = write_scene(OUTPUT / "scene.png", digits)
    incomplete = 0
    incomplete += run("Image classification", image_classification.main, digits)
    incomplete += run("Text encoding", text_encoding.main, SENTENCES)
    incomplete += run("Image detection", image_detection.main, [scene])
    incomplete += run("Text to speech", text_to_speech.main, ["Hello world!"])
    print(f"\n{4 - incomplete} of 4 demos ran; what they made is in {OUTPUT.name}/.")
    return 0


def run(title: str, demo: object, inputs: list[str]) -> int:
    """Run one demo; return 1 when its weights could not be had."""
    print(f"\n{title}", flush=True)
    try:
        demo(["--output", str(OUTPUT), *inputs])  # type: ignore[operator]
    except SystemExit as stopped:
        print(f"  Did not run: {stopped}")
        return 1
    return 0


def write_digits(folder: Path, count: int = 6) -> list[str]:
    """Write handwritten digits that no weights were trained on, as pictures."""
    from sklearn.datasets import load_digits

    sys.path.insert(0, str(RECIPES))
    from resnet20_digits import digit_image, held_out_indices

    bunch, paths = load_digits(), []
    folder.mkdir(parents=True)
    for index in held_out_indices()[:count]:
        path = folder / f"{index}-is-a-{bunch.target[index]}.png"
        digit_image(bunch.images[index]).save(path)
        paths.append(str(path))
    return paths


def write_scene(path: Path, digits: list[str]) -> str:
    """Put the digits, enlarged, side by side into one picture, for the detector."""
    scene = Image.new("RGB", (256 * 3, 256 * 2))
    for place, digit in enumerate(digits[:6]):
        with Image.open(digit) as image:
            enlarged = image.convert("RGB").resize((256, 256))
        scene.paste(enlarged, (256 * (place % 3), 256 * (place // 3)))
    scene.save(path)
    return str(path)


if __name__ == "__main__":
    sys.exit(main())
