"""The catalog: every name that is listed can be asked for, and no other."""

import sys
from importlib import import_module

import pytest

import dapi
from dapi.exceptions import (
    AmbiguousModelError,
    ArgumentError,
    InvalidNameError,
    NoWeightsError,
    PluginLoadError,
    PluginWarning,
    UnknownModelError,
    UnknownWeightsError,
)

pytestmark = pytest.mark.usefixtures("forget_registered")


def test_misspelt_model_suggests_and_loads_nothing(install, advertise):
    """A misspelt name is told with the nearest, never with another distribution's failure."""
    install("acme-one", "alpha_net")
    advertise("acme-bad", "[dapi.models]\nalpha_nets = acme_bad:f\n", folder="b", acme_bad="1/0")

    with pytest.raises(UnknownModelError, match="Did you mean.*'alpha_net'"):
        dapi.get_builder("alphanet")
    assert "acme_bad" not in sys.modules


def test_name_of_two_distributions_is_never_decided(install):
    """The bare name is ambiguous, qualified names work, and those are what is listed."""
    install("acme-one")
    install("acme-two")

    with pytest.raises(AmbiguousModelError, match="'acme-one/fancynet' or 'acme-two/fancynet'"):
        dapi.get_builder("fancynet")
    assert ["acme-one/fancynet", "acme-two/fancynet"] == dapi.list_models("fancynet")
    assert "acme_two" == dapi.get_builder("Acme_Two/fancynet")()
    assert "AcmeOneWeights" == type(dapi.get_weights("acme-one/fancynet:First_RefV1")).__name__


def test_broken_distribution_raises_when_asked(advertise, install):
    """Others list and build; asking for a broken one's model raises its cause."""
    install("acme-one")
    points = (
        "[dapi.models]\nbroken_net = acme_exits:net\n[dapi.weights]\nbroken_net = acme_exits:W\n"
    )
    advertise("acme-exits", points, folder="exits", acme_exits="raise SystemExit('bye')")

    assert {"broken_net", "fancynet"} <= set(dapi.list_models())
    assert "acme_one" == dapi.get_builder("fancynet")()
    for ask in (dapi.get_builder, dapi.list_weights):
        with pytest.raises(PluginLoadError, match="SystemExit: bye"):
            ask("broken_net")
    with pytest.warns(PluginWarning):
        assert "First_RefV1" in [weights.name for weights in dapi.list_weights()]


def test_module_that_fails_when_it_is_asked_is_in_nobodys_way(advertise, install):
    """A package may import lazily, and what it lacks says nothing of the weights of others."""
    install("acme-one")
    points = "[dapi.models]\nlazy = acme_lazy:lazy\n[dapi.weights]\nlazy = acme_lazy:W\n"
    source = "def __getattr__(name):\n    raise ImportError('lacks a framework')\n"
    advertise("acme-lazy", points, folder="lazy", acme_lazy=source)
    import_module("acme_lazy")

    assert "fancynet:First_RefV2" == str(dapi.get_weights("fancynet:First_RefV2"))
    del sys.modules["acme_lazy"]


def test_re_exported_builder_and_enum_are_the_same_ones(advertise, template):
    """An entry point may name the module that re-exports them."""
    source = template.format(enum="HiddenWeights", name="shown_net", module="x", known_as=())
    points = "[dapi.models]\nshown_net = acme_shown:shown_net\n"
    points += "[dapi.weights]\nshown_net = acme_shown:HiddenWeights\n"
    reexport = "from acme_hidden import HiddenWeights, shown_net\n"
    advertise("acme-shown", points, acme_shown=reexport, acme_hidden=source)

    builder = dapi.get_builder("shown_net")
    assert builder is dapi.get_builder("shown_net")
    assert ["shown_net"] == dapi.list_models("shown_net")
    member = dapi.get_weights("shown_net:First_RefV1")
    assert "shown_net:First_RefV1" == str(member)
    builder.__dapi_builder__.check_weights(member, builder)
    for module in ("acme_shown", "acme_hidden"):
        sys.modules.pop(module, None)


def test_unknown_names_say_what_exists(install):
    """A wrong member, a model without member, and what is no name, are told apart."""
    install("acme-one")

    with pytest.raises(UnknownWeightsError, match="Did you mean 'First_RefV2' or"):
        dapi.get_weights("fancynet:First_RefV3")
    with pytest.raises(NoWeightsError, match="dapi show fancynet"):
        dapi.get_weights("fancynet")
    with pytest.raises(InvalidNameError):
        dapi.get_builder("fancy net")


@pytest.mark.parametrize(
    "name",
    [
        "FancyNet_Weights.FIRST_V1",
        "fancylib.models.FancyNet_Weights.FIRST_V1",
        "fancy-people/fancy-net",
        "fancy-net",
    ],
)
@pytest.mark.parametrize("ask", [dapi.get_model, dapi.get_weights, dapi.get_builder])
def test_name_from_elsewhere_is_told_the_name_here(install, ask, name):
    """Who types another library's name learns what to write; nothing is built by it."""
    install("acme-one", known_as=("FancyNet_Weights.FIRST_V1", "fancy-people/fancy-net"))

    with pytest.raises(
        UnknownModelError, match=r"is called fancynet:First_RefV1 in dapi\. Use"
    ) as caught:
        ask(name)
    assert ("fancynet:First_RefV1",) == caught.value.equivalents


def test_default_from_elsewhere_is_the_latest(install):
    """torchvision's DEFAULT is what LATEST means; its enum's own name means that too."""
    install("acme-one", known_as=("FancyNet_Weights.FIRST_V1",))

    for name in ("FancyNet_Weights.DEFAULT", "FancyNet_Weights"):
        with pytest.raises(UnknownModelError, match="is called fancynet:First_RefV2 in dapi"):
            dapi.get_model(name)


def test_module_in_front_of_a_builder_is_told(install):
    """A builder's path in another library leads to the builder of that name here."""
    install("acme-one")

    with pytest.raises(UnknownModelError, match="is called fancynet in dapi"):
        dapi.get_model("fancylib.models.fancynet")


@pytest.mark.parametrize("name", ["fancy*", "*", "fancylib.?ancynet", "fancylib.[f]ancynet"])
def test_pattern_is_no_name(install, name):
    """A name with a wildcard is told to be none, and not to mean all that it matches."""
    install("acme-one")

    with pytest.raises(InvalidNameError, match="is not a valid name of a model") as caught:
        dapi.get_model(name)
    assert () == caught.value.equivalents


def test_id_that_is_no_name_is_known_too(install):
    """Also where the grammar of names does not hold."""
    install("acme-one", known_as=("fancy/net/v1",))

    with pytest.raises(InvalidNameError, match="is called fancynet:First_RefV1 in dapi"):
        dapi.get_model("fancy/net/v1")


def test_looking_for_a_name_from_elsewhere_warns_of_nothing(install, advertise):
    """What another distribution fails in is no part of the error, nor a warning beside it."""
    install("acme-one", known_as=("FancyNet_Weights.FIRST_V1",))
    points = "[dapi.weights]\nfancynet = acme_broken:Weights\n"
    advertise("acme-broken", points, folder="broken", acme_broken="1/0")

    with pytest.raises(UnknownModelError, match="is called fancynet:First_RefV1 in dapi"):
        dapi.get_model("FancyNet_Weights.FIRST_V1")


@pytest.mark.parametrize("member", ["FIRST_V1", "FancyNet_Weights.FIRST_V1"])
def test_member_from_elsewhere_is_told_the_member_here(install, member):
    """As a model's weights, and behind the colon of a name."""
    install("acme-one", known_as=("FancyNet_Weights.FIRST_V1",))

    with pytest.raises(UnknownWeightsError, match="It is called First_RefV1 in dapi"):
        dapi.get_model("fancynet", weights=member)
    with pytest.raises(UnknownWeightsError, match="It is called First_RefV1 in dapi"):
        dapi.get_weights("fancynet:FIRST_V1")
    with pytest.raises(UnknownWeightsError, match="It is called First_RefV2 in dapi"):
        dapi.get_model("fancynet", weights="DEFAULT")


def test_member_prints_as_the_name_that_finds_it(install):
    """What an advertised member prints, get_weights takes."""
    install("acme-one")
    member = dapi.get_weights("fancynet:First_RefV1")

    assert member is dapi.get_weights(str(member))


def test_weights_stand_for_their_model_and_for_themselves(install, monkeypatch):
    """What search and list_weights return is taken wherever a name is."""
    pytest.importorskip("torch")
    monkeypatch.setenv("DAPI_OFFLINE", "1")
    install("acme-one")
    member = dapi.get_weights("fancynet:First_RefV2")

    assert member is dapi.get_weights(member)
    assert dapi.get_builder("fancynet") is dapi.get_builder(member)
    assert dapi.list_weights("fancynet") == dapi.list_weights(member)
    for given in (member, member.value):
        with pytest.raises(OSError, match="AcmeOneWeights2.pth"):
            dapi.get_model(given)


def test_weights_of_two_distributions_each_find_their_own(install):
    """A member says whose it is, where the bare name of its model would be ambiguous."""
    install("acme-one")
    install("acme-two")

    for weights in dapi.list_weights("acme-two/fancynet"):
        assert "acme_two" == dapi.get_builder(weights)()


def test_weights_for_a_builder_of_others_find_it(install, advertise):
    """A member that is offered for somebody else's builder is built by that one."""
    install("acme-one")
    source = "from dapi import WeightEntry, Weights\nclass Extra(Weights):\n"
    source += "    Plants_RefV1 = WeightEntry('https://example.org/p.pth')\n"
    points = "[dapi.weights]\nacme-one/fancynet = acme_extra:Extra\n"
    advertise("acme-extra", points, folder="extra", acme_extra=source)

    member = dapi.get_weights("fancynet:Plants_RefV1")
    assert "acme_one" == dapi.get_builder(member)()
    sys.modules.pop("acme_extra")


def test_weights_of_a_notebook_find_their_builder():
    """Until they are registered with one they are weights of none."""

    class LooseWeights(dapi.Weights):
        Digits_RefV1 = dapi.WeightEntry("https://example.org/loose.pth")

    with pytest.raises(NoWeightsError, match=r"register_model\(weights=LooseWeights\)"):
        dapi.get_builder(LooseWeights.Digits_RefV1)

    @dapi.register_model(weights=LooseWeights)
    def loose_net(*, weights=None):
        return "loose"

    assert loose_net is dapi.get_builder(LooseWeights.Digits_RefV1)


def test_entry_that_nobody_published_needs_its_model(install):
    """An entry names no builder: the error says where to name it."""
    install("acme-one")

    with pytest.raises(ArgumentError, match=r"dapi.get_model\('resnet50', weights=entry\)"):
        dapi.get_model(dapi.WeightEntry("https://example.org/mine.pth"))


def test_other_things_than_names_are_told_what_to_write(install):
    """A builder, an enum and a file each lead to the call that takes them; none fills a screen."""
    install("acme-one")
    builder, enum = dapi.get_builder("fancynet"), type(dapi.get_weights("fancynet:First_RefV1"))

    for ask in (dapi.get_model, dapi.get_builder, dapi.get_weights, dapi.list_weights):
        for given, text in {
            builder: r"Call it: fancynet\(weights=...\)",
            enum: "members: First_RefV1, First_RefV2",
            "/tmp/net.safetensors": r"dapi.load\('/tmp/net.safetensors'\)",
            (0,) * 100_000: "a tuple is not a valid name",
        }.items():
            with pytest.raises(InvalidNameError, match=text):
                ask(given)


def test_preferred_distribution_decides_a_shared_name(install, monkeypatch):
    """DAPI_PREFER settles the bare name; qualified names and the list stay as they are."""
    install("acme-one")
    install("acme-two")
    monkeypatch.setenv("DAPI_PREFER", "acme-two")

    assert "acme_two" == dapi.get_builder("fancynet")()
    assert "acme_one" == dapi.get_builder("acme-one/fancynet")()
    assert ["acme-one/fancynet", "acme-two/fancynet"] == dapi.list_models("fancynet")
