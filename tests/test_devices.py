"""On a GPU, `dapi predict` tells what it tells on a CPU: every model that comes with its weights.

How near the numbers are is stated in docs/predict.md.
"""

import json
from importlib.resources import files
from pathlib import Path

import digit_scenes
import pytest
import resnet20_digits
import torch
from sklearn.datasets import load_digits

import dapi
from dapi._cli import main

PACKAGES = Path(__file__).parents[1] / "packages"
PIXELS, SHARE = 0.2, 0.005
MEMBERS = [
    member
    for member in dapi.list_weights()
    if member.latest
    and member.files[0].url.startswith("package:")
    and member.meta["task"] != "text-to-speech"  # draws at random, on each device otherwise
]


def digits(folder):
    """Digits that no weights were trained on."""
    names = [str(folder / f"{index}.png") for index in resnet20_digits.held_out_indices()[:8]]
    for name in names:
        image = load_digits().images[int(Path(name).stem)]
        resnet20_digits.digit_image(image).save(name)
    return names


def photos(_):
    """Photos, for what knows the categories of ImageNet."""
    folder = files("sklearn.datasets.images")
    return [str(folder / name) for name in ("flower.jpg", "china.jpg")]


def scenes(folder):
    """Scenes of such digits, which are all clear."""
    chosen = digit_scenes.read(PACKAGES / "dapi-vision" / "tests" / "data")[1:4]
    names = [str(folder / f"{number}.png") for number in range(len(chosen))]
    for scene, name in zip(chosen, names, strict=True):
        scene.image.save(name)
    return names


def sentences(folder):
    """A sentence of each language, which is long enough to be clear."""
    lines = (PACKAGES / "dapi-text" / "tests" / "data" / "everyday_sentences.tsv").read_text(
        "utf-8"
    )
    return [line.partition("\t")[2] for line in lines.splitlines()]


def sounds(folder):
    """Phrases in voices that were not trained on."""
    return sorted(map(str, (PACKAGES / "dapi-audio" / "tests" / "data" / "espeak").glob("*.wav")))


INPUTS = {
    "image-classification": digits,
    "object-detection": scenes,
    "text-classification": sentences,
    "sentence-similarity": sentences,
    "automatic-speech-recognition": sounds,
    "voice-activity-detection": sounds,
}


def told(member, sources, device, capsys):
    """Of each input the words, which must be equal, and the numbers, which must be near."""
    assert 0 == main(["predict", "--json", "--device", device, str(member), *sources])
    facts = [json.loads(line)["facts"] for line in capsys.readouterr().out.splitlines()]
    return [words_and_numbers(each) for each in facts[: len(sources)]]


def words_and_numbers(facts):
    """Take apart what one input's facts say: pixels are their own kind of number."""
    rows = sorted(facts.get("objects", ()), key=lambda row: (row["label"], row["box"]))
    labels = facts.get("labels", ())
    names = [row["label"] for row in [*labels[:1], *rows]]
    probabilities = {row["label"]: row["probability"] for row in labels}
    scores = dict(enumerate(row["score"] for row in rows))
    pixels = [edge for row in rows for edge in row["box"]]
    similarity = {"": facts.get("similarity", 0)}
    times = [each[edge] for each in facts.get("speech", ()) for edge in ("start", "end")]
    shares = {**probabilities, **scores, **similarity}
    return [facts.get("text"), *names, *times], pixels, shares


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@pytest.mark.filterwarnings("ignore::dapi.exceptions.ReplacedBuilderWarning")
@pytest.mark.parametrize("member", MEMBERS, ids=str)
def test_a_gpu_tells_the_same(member, tmp_path, capsys):
    """The same words; boxes to a fifth of a pixel, shares to half a hundredth."""
    is_of_photos = "ImageNet-1K" in member.meta["datasets"]
    sources = (photos if is_of_photos else INPUTS[member.meta["task"]])(tmp_path)
    both = zip(*(told(member, sources, device, capsys) for device in ("cpu", "cuda")), strict=True)
    for (words, pixels, shares), (same, near, others) in both:
        assert words == same
        assert pixels == pytest.approx(near, abs=PIXELS)
        # The least likely of those that are named may be others: there, they are near nothing.
        for name in shares.keys() | others.keys():
            assert shares.get(name, 0) == pytest.approx(others.get(name, 0), abs=SHARE), name
