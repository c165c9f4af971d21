"""Every classification builder equals torchvision's, called with its own member of weights.

By default on meta for all weights, and with values for the smaller models; the rest is ``slow``.
"""

import inspect
import pickle
import re
import typing
from collections import OrderedDict
from functools import cache

import pytest
import torch
import torchvision.models as peer

import dapi
from dapi import BuilderConfig
from dapi._loader import construction
from dapi.catalog import Arguments

pytestmark = [
    pytest.mark.filterwarnings("ignore::dapi.exceptions.OutdatedWeightsWarning"),
    pytest.mark.filterwarnings("ignore:The default weight initialization of:FutureWarning"),
]

BUILDERS = peer.list_models(module=peer)
OWN = {name: list(dapi.get_builder(name).__dapi_builder__.weights[0]) for name in BUILDERS}
# One member for each way to build: entries that differ in their file only are built alike.
MEMBERS = [
    member
    for members in OWN.values()
    for i, member in enumerate(members)
    if member.build not in [earlier.build for earlier in members[:i]]
]
builders = pytest.mark.parametrize("name", BUILDERS)

# Published files have these heads, whether a model is built with them or not.
AS_PUBLISHED = {"googlenet": {"aux_logits": True}, "inception_v3": {"aux_logits": True}}
# Pixels a side; 64 where nothing is said. Smaller ones leave nothing for the last layers.
SIZES = {"alexnet": 96, "inception_v3": 299, "maxvit_t": 224}
# Not small, but with quirks or blocks that no smaller one has.
AS_WELL = {"convnext_tiny", "inception_v3", "resnet50", "swin_t", "swin_v2_t"}


def builder_of(member):
    """Return the name of the builder, ours, and what torchvision calls the member."""
    name = next(name for name, members in OWN.items() if member in members)
    enum, _, theirs = member.meta["known_as"][0].partition(".")
    assert enum == peer.get_model_weights(name).__name__
    return name, dapi.get_builder(name), peer.get_model_weights(name)[theirs]


@cache
def built(member):
    """Return our model with a member's heads and all, its parameters on meta."""
    name, builder, _ = builder_of(member)
    return builder(weights=member, device="meta", **AS_PUBLISHED.get(name, {}))


def as_published(member):
    """Return a state dict as the member's file has it: parameters on meta, buffers with values."""
    state_dict = built(member).state_dict()
    if not str(member).startswith("densenet"):
        return state_dict
    return OrderedDict(  # older than num_batches_tracked, than versions, and than today's keys
        (re.sub(r"\.(norm|conv)([12])\.", r".\1.\2.", key), value)
        for key, value in state_dict.items()
        if not key.endswith("num_batches_tracked")
    )


@pytest.mark.parametrize("member", MEMBERS, ids=str)
def test_architecture_is_torchvisions_with_weights(member, structure, monkeypatch):
    """The same modules with the same arguments, keys, shapes, types and requires_grad."""
    name, builder, theirs = builder_of(member)
    file = as_published(member)
    download = "torchvision.models._api.load_state_dict_from_url"
    monkeypatch.setattr(download, lambda *args, **options: file)
    with construction.deferred():  # its parameters on meta too
        oracle = peer.get_model_builder(name)(weights=theirs)

    ours = builder(weights=member, device="meta")
    assert structure(oracle) == structure(ours)
    assert sum(p.numel() for p in ours.parameters()) == member.meta["num_params"]


def cases():
    """Return the members, those of larger models and further ones of a builder marked slow."""
    firsts = [members[0] for members in OWN.values()]
    return [
        pytest.param(
            member,
            id=str(member),
            marks=() if member in firsts and is_small(member) else pytest.mark.slow,
        )
        for member in MEMBERS
    ]


def is_small(member):
    return member.meta["num_params"] < 8e6 or str(member).partition(":")[0] in AS_WELL


def versions_of(state_dict):
    versions = getattr(state_dict, "_metadata", None)
    return versions and {path: facts["version"] for path, facts in versions.items()}


def outputs(model, images):
    """Return what a model makes of images, in a known random state."""
    torch.manual_seed(0)
    with torch.no_grad():
        output = model(images)
    return [output] if isinstance(output, torch.Tensor) else list(output)


@pytest.mark.parametrize("member", cases())
def test_equals_torchvision_with_weights(
    member, randomized, save, with_file, theirs, assert_same, tmp_path
):
    """The same values, buffers and requires_grad; the same output in both modes, to the bit."""
    name, builder, their_member = builder_of(member)
    file = as_published(member)
    local = save(randomized(file), tmp_path / "published.pth", versions=versions_of(file))
    oracle = theirs(peer.get_model_builder(name), local, weights=their_member)
    ours = builder(weights=with_file(member, local))

    assert_same(ours, oracle)
    size = member.build.config.get("image_size", SIZES.get(name, 64))
    images = torch.randn(2 if is_small(member) else 1, 3, size, size)
    expected, actual = outputs(oracle.eval(), images), outputs(ours.eval(), images)
    assert all(map(torch.equal, expected, actual))
    assert expected[0].isfinite().all() and expected[0].std() > 0.01
    if is_small(member):
        expected, actual = outputs(oracle.train(), images), outputs(ours.train(), images)
        assert all(map(torch.equal, expected, actual))
        assert_same(ours, oracle)
    (tmp_path / "published.pth").unlink()  # of gigabytes, for some


def smallest_of_each_family():
    """Return the builders with the fewest parameters of each module, the larger ones slow."""
    families = {}
    for name in BUILDERS:
        families.setdefault(dapi.get_builder(name).__module__, []).append(name)
    size = {name: OWN[name][0].meta["num_params"] for name in BUILDERS}
    smallest = [min(names, key=size.get) for names in families.values()]
    return [
        pytest.param(name, marks=() if size[name] < 15e6 else pytest.mark.slow) for name in smallest
    ]


@pytest.mark.parametrize("name", smallest_of_each_family())
def test_without_weights_equals_torchvision(name, assert_same, offline):
    """The same seed gives the same random model, and nothing is fetched."""
    torch.manual_seed(3)
    expected = peer.get_model_builder(name)(weights=None, num_classes=5)
    torch.manual_seed(3)

    assert_same(dapi.get_builder(name)(weights=None, num_classes=5), expected)


@builders
def test_head_is_what_depends_on_the_classes(name):
    """What has another shape for another number of classes is declared as the head, all of it."""
    member, builder = OWN[name][0], dapi.get_builder(name)
    default = built(member).state_dict()
    config = {"num_classes": 7, "new_head": True, **AS_PUBLISHED.get(name, {})}
    other = builder(weights=member, device="meta", **config).state_dict()
    differing = {
        key.rpartition(".")[0] for key in default if default[key].shape != other[key].shape
    }

    assert differing == set(builder.__dapi_builder__.head)


@builders
def test_pretrained_means_what_it_meant(name):
    """``pretrained=True`` stands for the weights that torchvision's builder takes it for."""
    handled = inspect.getclosurevars(peer.get_model_builder(name).__wrapped__).nonlocals["weights"]
    argument, meant = handled["weights"]
    (ours,) = dapi.get_builder(name).__dapi_builder__.legacy

    assert (argument, "weights") == (ours.name, ours.parameter)
    assert ours.values[False] is None
    if meant is None:  # an error there as well
        assert True not in ours.values
    else:
        assert f"{type(meant).__name__}.{meant.name}" == ours.values[True].meta["known_as"][0]


@builders
def test_builders_pickle(name):
    """A builder is a plain function that can go to another process."""
    builder = dapi.get_builder(name)

    assert builder is pickle.loads(pickle.dumps(builder))


# What a builder itself gives to the class, as it is what makes the model.
GIVEN = {
    *("anchor_generator", "aux_classifier", "block", "block_config", "blocks", "downsample_layer"),
    *("groups", "growth_rate", "head", "inception_blocks", "inverted_residual", "mask_predictor"),
    *("num_init_features", "stochastic_depth_prob", "version", "width_per_group"),
}
# What the class does not take: arguments of ours, and those that it hands on.
OTHERS = {
    *("aux_loss", "backend", "dilated", "in_channels", "norm_layer", "num_classes", "progress"),
    *("quantize", "reduced_tail", "trainable_backbone_layers", "weights", "weights_backbone"),
    *("fixed_size", "size_divisible", "width_mult", *BuilderConfig.__annotations__),
}
ALL = dapi.list_models(distribution="dapi-vision")


def made_by(builder):
    """Return the class of a builder's models."""
    return typing.get_type_hints(builder)["return"]


def parameters_of(cls):
    """Return the parameters of a constructor, and of those that its ``**kwargs`` go to."""
    found = {}
    for base in cls.__mro__:
        own = inspect.signature(base.__init__).parameters if "__init__" in vars(base) else {}
        named = {name: each for name, each in own.items() if each.kind not in (2, 4)}
        found = {**named, **found}
        if own and len(own) == len(named):
            break
    return {name: each for name, each in found.items() if name != "self"}


@pytest.mark.parametrize("name", ALL)
def test_declared_arguments_are_those_of_the_class(name):
    """None that it does not take, and none too few but those that the builder gives itself."""
    builder = dapi.get_builder(name)
    declared = Arguments.of(builder, name)
    theirs = parameters_of(made_by(builder))
    optional = {
        each for each, parameter in theirs.items() if parameter.default is not parameter.empty
    }

    assert not declared.takes_others
    assert set(declared.types) <= set(theirs) | OTHERS
    assert optional <= set(declared.types) | GIVEN


@pytest.mark.parametrize("name", ALL)
def test_members_give_declared_arguments(name):
    """What an entry says of building is of the types that the builder declares."""
    declared = Arguments.of(dapi.get_builder(name), name)
    for member in dapi.list_weights(name):
        for argument, value in {**member.build.defaults, **member.build.config}.items():
            assert value == declared.admit(argument, value)
