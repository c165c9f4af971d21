"""Names and filters of the catalog find what torchvision's functions find."""

import pytest
import torchvision.models as peer

import dapi

FILTERS = [
    None,
    "",
    [],
    (),
    {},
    "*_b_*",
    "no_such_?",
    ["alexnet"],
    ["*swin*", "vit_?_16", "alex*", "no_such_?"],
    ("*net*", "resnet1*", "*net"),
    {"resnext", "densenet12[12]", "quantized_*"},
    {"mobilenet_v?_*": "large", "*_v2*": 2},
]
MODULES = {
    "object-detection": peer.detection,
    "optical-flow": peer.optical_flow,
    "video-classification": peer.video,
    "image-segmentation": peer.segmentation,
}


NUMBERS = list(map(str, range(len(FILTERS))))  # the order of a set is that of its process


@pytest.mark.parametrize("exclude", FILTERS, ids=NUMBERS)
@pytest.mark.parametrize("include", FILTERS, ids=NUMBERS)
def test_filters_select_what_torchvisions_select(include, exclude):
    """One pattern or any collection of them, on either side; an empty one is no filter."""
    known = set(peer.list_models())
    found = dapi.list_models(include, exclude=exclude, distribution="dapi-vision")

    expected = peer.list_models(include=include, exclude=exclude)
    assert expected == [name for name in found if name in known]


@pytest.mark.parametrize("task", MODULES)
def test_task_selects_models_of_one_of_torchvisions_modules(task):
    """torchvision groups by module what dapi selects by task."""
    found = dapi.list_models(task=task, distribution="dapi-vision")
    listed = set(found) & set(peer.list_models())

    assert listed and listed <= set(peer.list_models(module=MODULES[task]))
    assert sorted(found) == dapi.list_models(task=[task, task], distribution="dapi-vision")


@pytest.mark.parametrize("name", peer.list_models())
def test_enum_of_a_model(name):
    """Each name that torchvision knows leads to the enum that has its weights."""
    theirs, ours = peer.get_model_weights(name), dapi.get_enum(name)

    published = [f"{theirs.__name__}.{member.name}" for member in theirs]
    assert sorted(published) == sorted(member.meta["known_as"][0] for member in ours)
    assert ours is dapi.get_enum(dapi.get_builder(name))
    if published:
        assert ours is dapi.get_enum(ours.get_latest())
