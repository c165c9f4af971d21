"""Aliases: names of another library, and the members that they mean."""

import pytest

from dapi import WeightEntry, Weights
from dapi._weights import known_as
from dapi.exceptions import UnknownWeightsError


class NetWeights(Weights):
    """Known as two members of an enum elsewhere, and by an id."""

    A_RefV1 = WeightEntry("https://example.org/1", meta={"known_as": ["Net_Weights.A_V1"]})
    A_RefV2 = WeightEntry(
        "https://example.org/2",
        meta={"known_as": ("Net_Weights.A_V2", "people/net-2.0")},
        latest=True,
    )
    B_RefV1 = WeightEntry("https://example.org/3", meta={"known_as": "NET_B"})


class NewWeights(Weights):
    """Known to nobody else, and none of them the latest."""

    A_RefV1 = WeightEntry("https://example.org/4")


@pytest.mark.parametrize(
    ("name", "member"),
    [
        ("Net_Weights.A_V1", "A_RefV1"),
        ("lib.models.Net_Weights.A_V1", "A_RefV1"),
        ("Net_Weights.DEFAULT", "A_RefV2"),
        ("lib.models.Net_Weights", "A_RefV2"),
        ("People/Net-2.0", "A_RefV2"),
        ("net-2.0", "A_RefV2"),
        ("lib.pipelines.NET_B", "B_RefV1"),
    ],
)
def test_alias_means_a_member(name, member):
    """With a module in front, without the owner, in any case; DEFAULT is the latest."""
    assert [member] == [each.name for each in known_as.members(name, NetWeights)]


@pytest.mark.parametrize("names", [None, 7, {"NET": 1}, [None, 7]])
def test_other_forms_are_passed_over(names):
    """A third party's metadata may hold anything; what is no text is no name."""
    assert [] == known_as.read({"known_as": names})


@pytest.mark.parametrize("name", ["A_V1", "Weights.A_V1", "OtherNet_Weights.A_V1", "2.0", ""])
def test_part_of_an_alias_means_nothing(name):
    """Only whole names count."""
    assert [] == known_as.members(name, NetWeights)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("resnet51", False), ("net:A_RefV9", False), ("ResNet50_Weights.V1", True),
     ("t5-small", True), ("acme/net", True)],
)  # fmt: skip
def test_plain_lower_case_names_are_ours(name, expected):
    """A misspelt builder's name is no reason to read every enum."""
    assert expected == known_as.is_foreign(name)


@pytest.mark.parametrize(
    ("name", "member"), [("A_V1", "A_RefV1"), ("NET_B", "B_RefV1"), ("DEFAULT", "A_RefV2")]
)
def test_enum_names_the_member_that_is_meant(name, member):
    """``Enum.THEIRS`` and ``Enum["THEIRS"]`` say which of ours it is."""
    with pytest.raises(UnknownWeightsError, match=f"It is called {member} in dapi") as caught:
        getattr(NetWeights, name)
    assert (member,) == caught.value.equivalents
    with pytest.raises(UnknownWeightsError, match=f"It is called {member} in dapi"):
        NetWeights[name]


def test_enum_without_aliases_suggests_as_before():
    """No latest member and no alias: the nearest names."""
    with pytest.raises(UnknownWeightsError, match="Available: A_RefV1"):
        NewWeights.DEFAULT  # noqa: B018
    assert [] == known_as.own_members("", NewWeights)
