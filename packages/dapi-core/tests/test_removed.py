"""Tombstones: what became of a name that is no more."""

import sys

import pytest

import dapi
from dapi._catalog import builders
from dapi.exceptions import (
    PluginLoadError,
    RemovedModelError,
    RemovedWeightsError,
    UnknownModelError,
    UnknownWeightsError,
)

POINTS = """
[dapi.models]
net = acme_family:net
[dapi.weights]
net = acme_family:NetWeights
[dapi.removed]
net_v0 = acme_removed:net_v0
net:Plants_RefV0 = acme_removed:plants
empty_net = acme_removed:empty
absent_net = acme_removed:absent
"""
FAMILY = """
from dapi import WeightEntry, Weights, register_model

class NetWeights(Weights):
    Plants_RefV1 = WeightEntry("https://example.org/1.pth", latest=True)

@register_model(weights=NetWeights)
def net(*, weights=None, **config): ...
"""
REMOVED = """
from dapi import Removed

net_v0 = Removed(successor="net", last_version="0.9", reason="It read the wrong column.")
plants = Removed(successor="net:Plants_RefV1")
empty = Removed()
"""


@pytest.fixture(autouse=True)
def acme(advertise, monkeypatch):
    """A distribution that had more once."""
    monkeypatch.setattr(builders, "_registered", {})
    modules = {"acme_family": FAMILY, "acme_removed": REMOVED}
    yield advertise("acme-models", POINTS, version="2.0", **modules)
    for module in modules:
        sys.modules.pop(module, None)


@pytest.mark.parametrize("name", ["net_v0", "Acme_Models/net_v0", "net_v0:Plants_RefV1"])
@pytest.mark.parametrize("ask", [dapi.get_model, dapi.get_builder, dapi.list_weights])
def test_removed_model_names_successor_and_last_version(ask, name):
    """However it is asked for, and nothing else is imported."""
    with pytest.raises(RemovedModelError, match="wrong column. Use 'net' instead.") as caught:
        ask(name)

    assert str(caught.value).endswith("pip install 'acme-models==0.9'")
    assert ("net", "0.9", "2.0") == (
        caught.value.successor, caught.value.last_version, caught.value.version,
    )  # fmt: skip
    assert isinstance(caught.value, UnknownModelError)
    assert "acme_family" not in sys.modules


@pytest.mark.parametrize("name", ["net:Plants_RefV0", "acme-models/net:Plants_RefV0"])
def test_removed_weights_name_their_successor(name):
    """Weights have tombstones as models have, under their whole name."""
    with pytest.raises(RemovedWeightsError, match="Use 'net:Plants_RefV1' instead"):
        dapi.get_weights(name)
    with pytest.raises(UnknownWeightsError) as caught:
        dapi.get_weights("net:Plants_RefV9")
    assert not isinstance(caught.value, RemovedWeightsError)


def test_another_distribution_is_not_asked():
    """A qualified name asks only its own distribution."""
    with pytest.raises(UnknownModelError) as caught:
        dapi.get_builder("other/net_v0")
    assert not isinstance(caught.value, RemovedModelError)


def test_living_model_has_no_tombstone(advertise):
    """A name that somebody gives is built, whoever gave it up."""
    source = FAMILY.replace("def net", "def net_v0").replace("return", "return 5")
    advertise("acme-heir", "[dapi.models]\nnet_v0 = acme_heir:net_v0\n", acme_heir=source)

    assert "net_v0" == dapi.get_builder("net_v0").__name__
    sys.modules.pop("acme_heir")


@pytest.mark.parametrize(("name", "why"), [("empty_net", "successor"), ("absent_net", "absent")])
def test_tombstone_that_says_nothing_is_an_error(name, why):
    """It names a successor or a last version, or its distribution is broken."""
    with pytest.raises(PluginLoadError, match=why):
        dapi.get_builder(name)


def test_tombstones_are_not_listed():
    """What is no more is no model."""
    assert ["net"] == dapi.list_models(distribution="acme-models")
