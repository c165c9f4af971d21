"""The catalog: every name that is listed can be asked for, and no other."""

import importlib
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import dapi
from dapi import _registry
from dapi.exceptions import (
    AmbiguousModelError,
    InvalidNameError,
    NoWeightsError,
    PluginLoadError,
    PluginWarning,
    UnknownModelError,
    UnknownWeightsError,
    WeightsTypeError,
)

FAMILY = """
from dapi import WeightEntry, Weights, register_model

class {enum}(Weights):
    First_RefV1 = WeightEntry("https://example.org/{enum}1.pth", meta={{"known_as": {known_as!r}}})
    First_RefV2 = WeightEntry("https://example.org/{enum}2.pth", latest=True)

@register_model(weights={enum})
def {name}(*, weights=None, progress=True, **config):
    return "{module}"
"""


@pytest.fixture
def install(advertise):
    """Put a distribution with one family on the path."""
    modules = []

    def add(distribution, name="fancynet", known_as=()):
        module = distribution.replace("-", "_")
        enum = f"{module.title().replace('_', '')}Weights"
        source = FAMILY.format(enum=enum, name=name, module=module, known_as=known_as)
        points = (
            f"[dapi.models]\n{name} = {module}:{name}\n[dapi.weights]\n{name} = {module}:{enum}\n"
        )
        advertise(distribution, points, folder=distribution, **{module: source})
        modules.append(module)

    yield add
    for module in modules:
        sys.modules.pop(module, None)


@pytest.fixture(autouse=True)
def forget_registered(monkeypatch):
    """What these tests register does not outlive them."""
    monkeypatch.setattr(_registry, "_builders", {})


def test_list_models_filters(install):
    """Pattern, distribution and module each narrow the list."""
    install("acme-one", "alpha_net")
    install("acme-two", "beta_net")

    assert ["alpha_net"] == dapi.list_models("alpha*")
    assert ["beta_net"] == dapi.list_models("*_net", distribution="Acme_Two")
    assert ["alpha_net"] == dapi.list_models(module="acme_one")
    assert [] == dapi.list_models("alpha*", module="acme")


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


def test_weights_of_another_distribution_are_offered(install, advertise):
    """An enum that a distribution offers for somebody else's builder is found, after its own."""
    install("acme-one")
    source = FAMILY.format(enum="PlantWeights", name="unused", module="acme_plants", known_as=())
    source = source.replace("First_", "Plants_")
    points = "[dapi.weights]\nfancynet = acme_plants:PlantWeights\n"
    advertise("aaa-plants", points, folder="plants", acme_plants=source)

    names = ["First_RefV1", "First_RefV2", "Plants_RefV1", "Plants_RefV2"]
    assert names == [weights.name for weights in dapi.list_weights("fancynet")]
    plants = dapi.get_weights("fancynet:Plants_RefV1")
    assert plants is dapi.get_weights("aaa-plants/fancynet:Plants_RefV1")
    assert "acme_one" == dapi.get_builder("fancynet")(weights=None)
    assert (
        "First_RefV2" == dapi.get_builder("fancynet").__dapi_builder__.weights[0].get_latest().name
    )
    with pytest.raises(UnknownWeightsError):
        dapi.get_weights("aaa-plants/fancynet:First_RefV1")
    sys.modules.pop("acme_plants")


def test_distribution_that_only_has_weights_names_them(install, advertise):
    """Who asks it for the model is told the weights, which are what it has."""
    install("acme-one")
    source = FAMILY.format(enum="OfferWeights", name="unused", module="m", known_as=())
    points = "[dapi.weights]\nfancynet = acme_offers:OfferWeights\n"
    advertise("acme-offers", points, folder="offers", acme_offers=source)

    with pytest.raises(UnknownModelError, match="is acme-offers/fancynet:First_RefV1 or acme-off"):
        dapi.get_model("acme-offers/fancynet")
    assert "First_RefV1" == dapi.get_weights("acme-offers/fancynet:First_RefV1").name
    sys.modules.pop("acme_offers", None)


def test_broken_offer_is_skipped_with_a_warning(install, advertise):
    """A third party's broken enum does not hide the builder's own weights."""
    install("acme-one")
    points = "[dapi.weights]\nfancynet = acme_broken:Weights\n"
    advertise("acme-broken", points, folder="broken", acme_broken="1/0")

    with pytest.warns(PluginWarning, match="acme-broken could not be loaded"):
        assert 2 == len(dapi.list_weights("fancynet"))


def test_broken_distribution_is_warned_of_once(install, advertise):
    """However many models it has."""
    install("acme-one")
    lines = "".join(f"broken{n} = acme_broken:Net{n}\n" for n in range(9))
    points = f"[dapi.models]\n{lines}[dapi.weights]\n{lines}"
    advertise("acme-broken", points, folder="broken", acme_broken="1/0")

    with pytest.warns(PluginWarning) as said:
        dapi.list_weights()
    (text,) = [str(each.message) for each in said if "acme-broken" in str(each.message)]
    assert text.startswith("Weights for broken0 and 8 more models were skipped. acme-broken could")


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


def test_names_that_are_none_are_not_listed(advertise):
    """An entry point that no name can reach hides no other."""
    advertise("acme-names", "[dapi.models]\nmy model = m:f\nacme/net = m:f\nfine_net = m:f\n")

    assert ["fine_net"] == dapi.list_models(distribution="acme-names")


@pytest.mark.parametrize("target", ["three", "function", "module_of"])
def test_entry_point_that_is_no_builder_is_told(advertise, target):
    """An entry point must lead to what register_model made."""
    source = "import os as module_of\nthree = 3\ndef function(*, weights=None): ...\n"
    advertise("acme-odd", f"[dapi.models]\nodd_net = acme_odd:{target}\n", acme_odd=source)

    with pytest.raises(PluginLoadError, match="decorate it with dapi.register_model"):
        dapi.get_builder("odd_net")
    sys.modules.pop("acme_odd", None)


def test_offer_that_is_no_enum_of_weights_is_skipped(install, advertise):
    """What is no subclass of Weights does not hide the builder's own."""
    install("acme-one")
    advertise(
        "acme-odd",
        "[dapi.weights]\nfancynet = acme_odd:Plain\n",
        folder="odd",
        acme_odd="import enum\nclass Plain(enum.Enum):\n    A = 1\n",
    )

    with pytest.warns(PluginWarning, match="no subclass of dapi.Weights"):
        assert 2 == len(dapi.list_weights("fancynet"))
    sys.modules.pop("acme_odd", None)


def test_re_exported_builder_and_enum_are_the_same_ones(advertise):
    """An entry point may name the module that re-exports them."""
    source = FAMILY.format(enum="HiddenWeights", name="shown_net", module="x", known_as=())
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


def test_weights_of_a_namesake_are_refused(install):
    """Two distributions have a builder of one name: neither takes the other's weights."""
    install("acme-one")
    install("acme-two")
    builder = dapi.get_builder("acme-one/fancynet")
    other = dapi.get_weights("acme-two/fancynet:First_RefV1")

    assert "acme-two/fancynet:First_RefV1" == str(other)
    with pytest.raises(WeightsTypeError):
        builder(weights=other)


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

    with pytest.raises(UnknownModelError, match=r"is fancynet:First_RefV1 here\. Write") as caught:
        ask(name)
    assert ("fancynet:First_RefV1",) == caught.value.equivalents


def test_default_from_elsewhere_is_the_latest(install):
    """torchvision's DEFAULT is what LATEST means; its enum's own name means that too."""
    install("acme-one", known_as=("FancyNet_Weights.FIRST_V1",))

    for name in ("FancyNet_Weights.DEFAULT", "FancyNet_Weights"):
        with pytest.raises(UnknownModelError, match="is fancynet:First_RefV2 here"):
            dapi.get_model(name)


def test_module_in_front_of_a_builder_is_told(install):
    """A builder's path in another library leads to the builder of that name here."""
    install("acme-one")

    with pytest.raises(UnknownModelError, match="is fancynet here"):
        dapi.get_model("fancylib.models.fancynet")


@pytest.mark.parametrize("name", ["fancy*", "*", "fancylib.?ancynet", "fancylib.[f]ancynet"])
def test_pattern_is_no_name(install, name):
    """A name with a wildcard is told to be none, and not to mean all that it matches."""
    install("acme-one")

    with pytest.raises(InvalidNameError, match="is not a name of a model") as caught:
        dapi.get_model(name)
    assert () == caught.value.equivalents


def test_id_that_is_no_name_is_known_too(install):
    """Also where the grammar of names does not hold."""
    install("acme-one", known_as=("fancy/net/v1",))

    with pytest.raises(InvalidNameError, match="is fancynet:First_RefV1 here"):
        dapi.get_model("fancy/net/v1")


def test_looking_for_a_name_from_elsewhere_warns_of_nothing(install, advertise):
    """What another distribution fails in is no part of the error, nor a warning beside it."""
    install("acme-one", known_as=("FancyNet_Weights.FIRST_V1",))
    points = "[dapi.weights]\nfancynet = acme_broken:Weights\n"
    advertise("acme-broken", points, folder="broken", acme_broken="1/0")

    with pytest.raises(UnknownModelError, match="is fancynet:First_RefV1 here"):
        dapi.get_model("FancyNet_Weights.FIRST_V1")


@pytest.mark.parametrize("member", ["FIRST_V1", "FancyNet_Weights.FIRST_V1"])
def test_member_from_elsewhere_is_told_the_member_here(install, member):
    """As a model's weights, and behind the colon of a name."""
    install("acme-one", known_as=("FancyNet_Weights.FIRST_V1",))

    with pytest.raises(UnknownWeightsError, match="It is First_RefV1 here"):
        dapi.get_model("fancynet", weights=member)
    with pytest.raises(UnknownWeightsError, match="It is First_RefV1 here"):
        dapi.get_weights("fancynet:FIRST_V1")
    with pytest.raises(UnknownWeightsError, match="It is First_RefV2 here"):
        dapi.get_model("fancynet", weights="DEFAULT")


def test_builder_of_a_notebook_is_listed():
    """A builder that is decorated in this process is found like a published one."""

    @dapi.register_model()
    def notebook_net(*, weights=None):
        return "made here"

    assert "notebook_net" in dapi.list_models()
    assert notebook_net is dapi.get_builder("notebook_net")


def test_member_prints_as_the_name_that_finds_it(install):
    """What an advertised member prints, get_weights takes."""
    install("acme-one")
    member = dapi.get_weights("fancynet:First_RefV1")

    assert member is dapi.get_weights(str(member))


def test_preferred_distribution_decides_a_shared_name(install, monkeypatch):
    """DAPI_PREFER settles the bare name; qualified names and the list stay as they are."""
    install("acme-one")
    install("acme-two")
    monkeypatch.setenv("DAPI_PREFER", "acme-two")

    assert "acme_two" == dapi.get_builder("fancynet")()
    assert "acme_one" == dapi.get_builder("acme-one/fancynet")()
    assert ["acme-one/fancynet", "acme-two/fancynet"] == dapi.list_models("fancynet")


def test_builder_of_a_disabled_distribution_is_not_listed_when_imported(install, monkeypatch):
    """Who imports it by hand may use it; it is still nothing that dapi finds."""
    install("acme-one")
    monkeypatch.setenv("DAPI_DISABLE_PLUGINS", "acme-one")
    importlib.import_module("acme_one")

    assert [] == dapi.list_models("fancynet")


def test_builders_register_while_others_are_listed():
    """Threads that import families disturb nobody who reads the registry."""
    stop = threading.Event()

    def register():
        number = 0
        while not stop.is_set():
            number += 1
            _registry.add(f"net{number}", type(f"Net{number}", (), {}), replaces=None)

    with ThreadPoolExecutor(5) as pool:
        writers = [pool.submit(register) for _ in range(4)]
        for _ in range(300):
            _registry.successor("net", "m")
            dapi.list_models("net*")
            if len(_registry.builders()) > 500:
                break
        stop.set()
        assert [None] * 4 == [writer.result() for writer in writers]
