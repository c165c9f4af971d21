"""Weights: enums that refuse what Python would accept silently."""

import copy
import dataclasses
import importlib
import multiprocessing
import pickle
import types

import pytest

from dapi import File, WeightEntry, Weights
from dapi.exceptions import NoWeightsError, UnknownWeightsError, WeightsDeclarationError


class NetWeights(Weights):
    ImageNet1K_RefV1 = WeightEntry("https://example.org/1.pth", meta={"task": "demo"})
    ImageNet1K_RefV2 = WeightEntry("https://example.org/2.pth", latest=True)
    Plants_RefV1 = WeightEntry("https://example.org/3.pth", latest=True)


class EmptyWeights(Weights):
    pass


def test_members_read_their_entry():
    """The attributes of the entry are those of the member."""
    member = NetWeights.ImageNet1K_RefV1

    assert ("https://example.org/1.pth", "demo") == (member.url, member.meta["task"])
    assert member.value.files == member.files


def test_meta_of_the_class_is_in_each_member():
    """What is true of the model is said once; a member's own word counts more."""
    one = WeightEntry("https://example.org/1.pth", meta={"num_params": 12, "task": "demo"})

    class TinyWeights(Weights, meta={"num_params": 10, "min_size": [3, 3]}):
        Digits_RefV1 = one
        Digits_RefV2 = WeightEntry("https://example.org/2.pth", latest=True)

    assert {"num_params": 12, "min_size": (3, 3), "task": "demo"} == TinyWeights.Digits_RefV1.meta
    assert {"num_params": 10, "min_size": (3, 3)} == TinyWeights.Digits_RefV2.value.meta
    assert {"num_params": 12, "task": "demo"} == one.meta
    assert TinyWeights.Digits_RefV2.latest and TinyWeights.get_latest().files


@pytest.mark.parametrize(
    ("meta", "members", "text"),
    [
        ({"num_params": 10}, {}, "no members"),
        ({"odd": {1, 2}}, {"A_V1": WeightEntry("https://example.org/1.pth")}, "unhashable value"),
    ],
)
def test_meta_of_the_class_is_checked(meta, members, text):
    """It is lost nowhere, and can be hashed as that of an entry."""

    def fill(body):
        for name, entry in members.items():  # before Python 3.11, update() makes no members
            body[name] = entry

    with pytest.raises(WeightsDeclarationError, match=text):
        types.new_class("TinyWeights", (Weights,), {"meta": meta}, fill)


def test_members_pickle_and_copy_by_name():
    """A pickle holds the name only: it survives a change of the entry."""
    member = NetWeights.Plants_RefV1

    assert pickle.loads(pickle.dumps(member)) is member
    assert copy.deepcopy(member) is copy.copy(member) is member
    assert b"example.org" not in pickle.dumps(member)
    assert {member: 1}[NetWeights["Plants_RefV1"]] == 1


def test_members_pickle_into_a_spawned_process(tmp_path, monkeypatch):
    """A worker gets the member itself, though it imported nothing before."""
    (tmp_path / "spawned_weights.py").write_text(
        "from dapi import WeightEntry, Weights\n"
        "class NetWeights(Weights):\n"
        "    First_RefV1 = WeightEntry('https://example.org/1.pth')\n"
        "def is_first(member):\n"
        "    return member is NetWeights.First_RefV1\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    module = importlib.import_module("spawned_weights")

    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(module.is_first, (module.NetWeights.First_RefV1,))


def test_members_cannot_be_written_to():
    """What is published stays as it is, for everybody in the process."""
    for name, value in {"latest": False, "meta": {}, "other": 1}.items():
        with pytest.raises(AttributeError, match="dataclasses.replace"):
            setattr(NetWeights.Plants_RefV1, name, value)
    assert NetWeights.Plants_RefV1.latest


@pytest.mark.parametrize("name", ["latest", "fetch", "meta"])
def test_member_named_like_an_attribute_is_refused(name):
    """A member would hide what every member has."""
    body = type(Weights).__prepare__("Shadow", (Weights,))
    body[name] = WeightEntry("https://example.org/1.pth")

    with pytest.raises(WeightsDeclarationError, match="attribute"):
        type(Weights)("Shadow", (Weights,), body)


def test_get_latest_is_the_first_latest_member():
    """Without a dataset the first counts, with one the first of that dataset."""
    assert NetWeights.ImageNet1K_RefV2 is NetWeights.get_latest()
    assert NetWeights.Plants_RefV1 is NetWeights.get_latest("Plants")


def test_get_latest_without_one_names_the_datasets():
    """What has no latest member is an error that says which have."""
    with pytest.raises(UnknownWeightsError, match="ImageNet1K, Plants"):
        NetWeights.get_latest("COCO")
    with pytest.raises(NoWeightsError, match="it has none"):
        EmptyWeights.get_latest()


@pytest.mark.parametrize(
    ("ask", "nearest"),
    [
        (lambda: NetWeights.ImageNet1K_RefV3, "'ImageNet1K_RefV2' or 'ImageNet1K_RefV1'"),
        (lambda: NetWeights["imagenet1k_refv1"], "'ImageNet1K_RefV1' or 'ImageNet1K_RefV2'"),
    ],
    ids=["attribute", "item"],
)
def test_misspelt_member_suggests_the_nearest(ask, nearest):
    """A misspelt member is told with its nearest names, as the builtin that one would catch."""
    with pytest.raises(UnknownWeightsError, match=f"Did you mean {nearest}") as caught:
        ask()
    assert isinstance(caught.value, AttributeError) and isinstance(caught.value, LookupError)
    assert not hasattr(NetWeights, "ImageNet1K_RefV3")


def test_members_list_the_attributes_of_their_entry():
    """What an editor completes behind ``member.`` is all that can be read there."""
    member = NetWeights.ImageNet1K_RefV1

    listed = set(dir(member))
    assert {field.name for field in dataclasses.fields(member.value)} | {"files"} <= listed
    assert {"name", "value", "dataset", "fetch", "state_dict"} <= listed
    assert all(hasattr(member, name) for name in listed)


def test_member_is_found_by_calling_the_enum():
    """With its name, as with its entry; a misspelt one suggests the nearest."""
    member = NetWeights.ImageNet1K_RefV1

    assert member is NetWeights("ImageNet1K_RefV1") is NetWeights(member.value)
    with pytest.raises(UnknownWeightsError, match="Did you mean"):
        NetWeights("ImageNet1K_RefV3")
    with pytest.raises(ValueError, match="3 is not a valid NetWeights"):
        NetWeights(3)


def test_equal_entries_are_refused():
    """Python would make one member of two equal entries."""
    with pytest.raises(WeightsDeclarationError, match="Twins.Second equals First"):

        class Twins(Weights):
            First = WeightEntry("https://example.org/1.pth")
            Second = WeightEntry("https://example.org/1.pth")


def test_trailing_comma_is_refused():
    """A comma after an entry makes a tuple of it."""
    with pytest.raises(WeightsDeclarationError, match="comma"):

        class Comma(Weights):
            First = (WeightEntry("https://example.org/1.pth"),)


def test_other_values_are_refused():
    """Only entries can be members."""
    with pytest.raises(WeightsDeclarationError, match="is a str"):

        class Text(Weights):
            First = "https://example.org/1.pth"


def test_local_file_is_refused(tmp_path):
    """A path of one machine cannot be published."""
    path = tmp_path / "net.pth"
    path.touch()
    with pytest.raises(WeightsDeclarationError, match="local file"):

        class Local(Weights):
            First = WeightEntry.from_file(path)


def test_assets_can_be_published_too():
    """Files elsewhere, and other weights, in several files as well; no file of one machine."""
    url, voice = "https://example.org/1.pth", (File("https://a.org/1"), File("https://a.org/2"))

    class Talker(Weights):
        A_RefV1 = WeightEntry(url, assets={"voice": WeightEntry(voice), "words": voice[0]})

    assert voice == Talker.A_RefV1.assets["voice"].files
    with pytest.raises(WeightsDeclarationError, match="local file"):

        class Local(Weights):
            A_RefV1 = WeightEntry(url, assets={"words": File("file:///home/me/words.txt")})


def test_methods_and_constants_are_no_members():
    """An enum may have methods beside its members."""

    class WithMethod(Weights):
        First = WeightEntry("https://example.org/1.pth")

        def describe(self):
            return f"{self.name} of {self.dataset}"

    assert "First of First" == WithMethod.First.describe()
    assert ["First"] == list(WithMethod.__members__)


def test_str_of_an_unlisted_member_is_its_qualified_name():
    """What no distribution advertises is printed as it is written in code."""
    assert "NetWeights.Plants_RefV1" == str(NetWeights.Plants_RefV1)


def test_an_attribute_that_metadata_has_says_so():
    """Other libraries have it on the object, or behind a method: the error says where it is."""
    for name in ("task", "get_task"):
        with pytest.raises(AttributeError, match=r"weights\.meta\['task'\]"):
            getattr(NetWeights.ImageNet1K_RefV1, name)
    with pytest.raises(AttributeError) as raised:
        NetWeights.ImageNet1K_RefV2.task  # noqa: B018
    assert "meta" not in str(raised.value)


def test_undefined_attribute_is_an_attribute_error():
    """Members have the entry's attributes and no others."""
    with pytest.raises(AttributeError, match="no attribute 'metadata'"):
        NetWeights.Plants_RefV1.metadata  # noqa: B018
