"""Weights for a model, of its own distribution and of others."""

import sys

import pytest

import dapi
from dapi.exceptions import (
    PluginWarning,
    UnknownModelError,
    UnknownWeightsError,
    WeightsTypeError,
)

pytestmark = pytest.mark.usefixtures("forget_registered")


def test_weights_of_another_distribution_are_offered(install, advertise, template):
    """An enum that a distribution offers for somebody else's builder is found, after its own."""
    install("acme-one")
    source = template.format(enum="PlantWeights", name="unused", module="acme_plants", known_as=())
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


def test_distribution_that_only_has_weights_names_them(install, advertise, template):
    """Who asks it for the model is told the weights, which are what it has."""
    install("acme-one")
    source = template.format(enum="OfferWeights", name="unused", module="m", known_as=())
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


def test_weights_of_a_namesake_are_refused(install):
    """Two distributions have a builder of one name: neither takes the other's weights."""
    install("acme-one")
    install("acme-two")
    builder = dapi.get_builder("acme-one/fancynet")
    other = dapi.get_weights("acme-two/fancynet:First_RefV1")

    assert "acme-two/fancynet:First_RefV1" == str(other)
    with pytest.raises(WeightsTypeError):
        builder(weights=other)
