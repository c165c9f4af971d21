"""Search and names from elsewhere, over everything that our distributions publish."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import dapi
from dapi._catalog import search
from dapi._weights import known_as
from dapi.exceptions import UnknownModelError

OURS = ["dapi-vision", "dapi-text", "dapi-audio"]
HEAVY = {"torch", "numpy", "torchvision", "torchaudio", "transformers", "PIL"}


@pytest.mark.parametrize(
    "code",
    ["dapi.search(sort='params')", "__import__('dapi._cli')._cli.main(['list', '--json'])"],
    ids=["search", "list"],
)
def test_metadata_is_read_without_a_framework(code):
    """In a process of its own nothing heavy is imported."""
    command = f"import dapi, json, sys; {code}; print(); print(json.dumps(sorted(sys.modules)))"
    printed = subprocess.run(
        [sys.executable, "-W", "error", "-c", command], capture_output=True, text=True, check=True
    )

    loaded = json.loads(printed.stdout.splitlines()[-1])
    assert not HEAVY & {name.partition(".")[0] for name in loaded}


def test_search_finds_everything_that_is_published():
    """No set of weights is out of its reach, and each is found by its own name."""
    members = dapi.search()

    assert {*members} == {m for m in dapi.list_weights() if m.status.state != "withdrawn"}
    assert all(dapi.get_weights(str(member)) is member for member in members)


def test_every_name_from_elsewhere_leads_here():
    """Each alias of an entry is told the entry's name, by the enum itself too."""
    for each in search.everything():
        for alias in each.meta.get("known_as", ()):
            assert each.weights in known_as.members(alias, type(each.weights)), alias
            assert each.weights in known_as.own_members(alias, type(each.weights)), alias


def test_name_from_elsewhere_means_one_of_ours():
    """An alias is of one set of weights; only a hub's repository may hold several."""
    owners = {}
    for each in search.everything():
        for alias in each.meta.get("known_as", ()):
            owners.setdefault(alias, set()).add(each.name)

    assert {} == {a: names for a, names in owners.items() if len(names) > 1 and "/" not in a}


@pytest.mark.parametrize(
    ("name", "here"),
    [
        ("ResNet50_Weights.DEFAULT", "resnet50:ImageNet1K_RefV2"),
        ("torchvision.models.ResNet50_Weights.IMAGENET1K_V1", "resnet50:ImageNet1K_RefV1"),
        ("torchvision.models.resnet50", "resnet50"),
        ("torchvision.models.quantization.resnet50", "quantized_resnet50"),
        ("torchaudio.models.wav2vec2_base", "wav2vec2_base"),
        ("torchaudio.pipelines.WAV2VEC2_ASR_BASE_960H", "wav2vec2_base:LibriSpeech_ASR960h_RefV1"),
        ("resnet50.tv2_in1k", "resnet50:ImageNet1K_RefV2"),
        ("FacebookAI/roberta-base", "roberta_base:English160GB_RefV1"),
    ],
)
def test_names_that_people_type_are_answered(name, here):
    """Weights by their names in each library, and builders by the functions' paths."""
    with pytest.raises(UnknownModelError, match="in dapi. Use dapi.get_model") as caught:
        dapi.get_model(name)
    assert [here] == list(caught.value.equivalents)


def test_licence_that_is_stated_has_its_source():
    """Where somebody can read it; what nobody states is unknown, and has none."""
    ours = [w for w in dapi.list_weights() if type(w).__module__.startswith("dapi.")]
    wrong = [
        str(weights)
        for weights in ours
        if (weights.meta["license"] == "unknown") == bool(weights.meta.get("license_source"))
    ]

    assert len(ours) > 250 and [] == wrong


def test_readme_states_the_numbers():
    """How many weights there are, with which hashes, and with which licenses."""
    ours = [w for w in dapi.list_weights() if type(w).__module__.startswith("dapi.")]
    digits = [min(len(file.sha256 or "") for file in weights.files) for weights in ours]
    full, none = digits.count(64), digits.count(0)
    stated = sum(weights.meta["license"] != "unknown" for weights in ours)
    readme = " ".join((Path(__file__).parents[1] / "README.md").read_text("utf-8").split())

    assert f"| {len(dapi.list_models(distribution=OURS))}, {len(ours)}: " in readme
    assert (
        f"all 64 digits for {full} sets, the first digits for {len(ours) - full - none}; " in readme
    )
    assert f"; {none} have none and are pinned" in readme
    assert f"Licenses are stated for {stated} of the {len(ours)} sets" in readme
