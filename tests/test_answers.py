"""The answers of our distributions: what models say is what they said."""

import json

import pytest

import dapi
from dapi._answers import answers, distribution

pytest.importorskip("torch")

DISTRIBUTIONS = ("dapi-vision", "dapi-text", "dapi-audio")
ANSWERS = {name: answers.of(name) for name in DISTRIBUTIONS}
NAMES = sorted(f"{owner}/{name}" for owner, kept in ANSWERS.items() for name in kept.found)
LARGEST = {"dapi-vision": 400_000, "dapi-text": 120_000, "dapi-audio": 80_000}  # in a wheel
SAMPLE = [
    "dapi-audio/transformer_ctc_tiny",
    "dapi-audio/transformer_ctc_tiny:Espeak_RefV1",
    "dapi-text/roberta_tiny:ManPages_RefV1",
    "dapi-vision/fcos_resnet20_fpn:Digits_RefV2",
    "dapi-vision/resnet18",
    "dapi-vision/resnet20",
    "dapi-vision/resnet20:Digits_RefV1",
    "dapi-vision/resnet20_v2:Digits_RefV1",
    "dapi-vision/shufflenet_v2_x0_5",
]


@pytest.mark.parametrize("owner", DISTRIBUTIONS)
def test_every_builder_and_every_shipped_file_has_answers(owner):
    """What has none is kept with the reason."""
    kept = ANSWERS[owner]
    shipped = [
        str(each)
        for each in dapi.list_weights()
        if each.files[0].url.startswith(f"package:{owner.replace('-', '.')}")
    ]

    wanted = {*dapi.list_models(distribution=owner), *shipped}

    assert wanted <= kept.found.keys() | kept.left_out.keys()
    assert kept.found.keys().isdisjoint(kept.left_out)
    assert set(shipped) <= kept.found.keys()
    assert all("parameters" in why or "quantized" in why for why in kept.left_out.values())


@pytest.mark.parametrize("owner", DISTRIBUTIONS)
def test_answers_are_canonical_and_small(owner):
    """Written again they are the same, and in a wheel they take little."""
    import zlib

    text = answers.path_of(owner).read_text("utf-8")

    assert ANSWERS[owner].text() == text
    assert len(zlib.compress(text.encode())) < LARGEST[owner]


@pytest.mark.parametrize("name", SAMPLE)
def test_models_say_what_they_said(name):
    """A sample of what ``dapi check --all`` compares."""
    found = dapi.check(name)

    assert (found.state, found.first) == ("equal", None), json.dumps(found.today, default=dict)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({*distribution.names()} - {*SAMPLE}))
def test_all_models_say_what_they_said(name):
    """All that needs no download."""
    found = dapi.check(name)

    assert found.state == "equal", (found.first, found.reason)
