"""What is listed: each builder that is installed or registered, once, unambiguously."""

import importlib
import sys

import pytest

import dapi
from dapi import catalog
from dapi.exceptions import (
    ArgumentError,
    InvalidNameError,
    NoWeightsError,
    PluginLoadError,
    UnknownFacetError,
    UnknownPluginError,
)

pytestmark = pytest.mark.usefixtures("forget_registered")


def test_list_models_filters(install):
    """Pattern, distribution and module each narrow the list."""
    install("acme-one", "alpha_net")
    install("acme-two", "beta_net")

    assert ["alpha_net"] == dapi.list_models("alpha*")
    assert ["beta_net"] == dapi.list_models("*_net", distribution="Acme_Two")
    assert ["alpha_net"] == dapi.list_models(module="acme_one")
    assert [] == dapi.list_models("alpha*", module="acme")


def test_list_models_takes_several_of_each(install):
    """Patterns, distributions, and a module itself; other kinds are refused in words."""
    install("acme-one", "alpha_net")
    install("acme-two", "beta_net")

    assert ["alpha_net", "beta_net"] == dapi.list_models(["alpha*", "b*_net", "nothing*"])
    assert ["alpha_net", "beta_net"] == dapi.list_models(distribution={"acme-one", "Acme_Two"})
    assert ["beta_net"] == dapi.list_models(module=importlib.import_module("acme_two"))
    assert [] == dapi.list_models(distribution=[])
    for given in (
        {"include": 3},
        {"exclude": [b"net"]},
        {"distribution": [None]},
        {"module": ["acme_two"]},
        {"task": [3]},
    ):
        with pytest.raises(
            ArgumentError, match=rf"list_models does not accept {next(iter(given))}="
        ):
            dapi.list_models(**given)


def test_distribution_that_is_not_installed_is_an_error(install):
    """A misspelt name gets the nearest one; a pattern may match none."""
    install("acme-one", "alpha_net")

    with pytest.raises(UnknownPluginError, match="'acme-oen'.* Did you mean 'acme-one'"):
        dapi.list_models(distribution=["acme-one", "acme-oen"])
    assert ["alpha_net"] == dapi.list_models(distribution="acme-o*")
    assert [] == dapi.list_models(distribution="acme-x*")


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


def test_builder_of_a_notebook_is_listed():
    """A builder that is decorated in this process is found like a published one."""

    @dapi.register_model()
    def notebook_net(*, weights=None):
        return "made here"

    assert "notebook_net" in dapi.list_models()
    assert notebook_net is dapi.get_builder("notebook_net")


def test_builder_of_a_disabled_distribution_is_not_listed_when_imported(install, monkeypatch):
    """Who imports it by hand may use it; it is still nothing that dapi finds."""
    install("acme-one")
    monkeypatch.setenv("DAPI_DISABLE_PLUGINS", "acme-one")
    importlib.import_module("acme_one")

    assert [] == dapi.list_models("fancynet")


def test_module_that_fails_to_import_late_hides_no_builder(advertise):
    """An entry point may lead to a package that imports its parts when they are asked for."""
    body = "def __getattr__(name):\n    raise SystemExit('its other library is missing')"
    advertise("acme-late", "[dapi.models]\nlate_net = acme_late:late_net\n", acme_late=body)
    importlib.import_module("acme_late")
    dapi.register_model(name="late_net")(lambda *, weights=None: None)

    assert 2 == len(dapi.list_models("late_net"))
    del sys.modules["acme_late"]


def test_builders_register_while_others_are_read():
    """Threads that import families disturb nobody who goes through those that there are."""
    before = catalog.registered()
    dapi.register_model(name="late_net")(lambda *, weights=None: None)

    assert len(before) + 1 == len(catalog.registered())


def test_list_models_for_a_task(alone):
    """A model is for each task of its weights; a task that none have is an error."""

    class MixedWeights(dapi.Weights):
        Plants_RefV1 = dapi.WeightEntry("https://x/1.pth", meta={"task": "naming"})
        Birds_RefV1 = dapi.WeightEntry("https://x/2.pth", meta={"task": "finding"})

    @dapi.register_model(weights=MixedWeights)
    def mixed_net(*, weights=None, progress=True): ...

    @dapi.register_model()
    def bare_net(*, weights=None, progress=True): ...

    assert ["bare_net", "mixed_net"] == dapi.list_models()
    assert ["mixed_net"] == dapi.list_models(task="naming") == dapi.list_models(task={"finding"})
    assert [] == dapi.list_models("bare*", task="naming") == dapi.list_models(task=())
    with pytest.raises(UnknownFacetError, match="Did you mean 'naming'"):
        dapi.list_models(task="namings")


def test_enum_of_a_model_without_weights_is_an_error(alone):
    """A builder leads to the enum that it declares; without one, the error says how to build."""

    class OwnWeights(dapi.Weights):
        Plants_RefV1 = dapi.WeightEntry("https://x/1.pth")

    @dapi.register_model(weights=OwnWeights)
    def full_net(*, weights=None, progress=True): ...

    @dapi.register_model()
    def bare_net(*, weights=None, progress=True): ...

    assert OwnWeights is dapi.get_enum("full_net") is dapi.get_enum(full_net)
    assert OwnWeights is dapi.get_enum(OwnWeights.Plants_RefV1)
    with pytest.raises(NoWeightsError, match="bare_net has no published weights"):
        dapi.get_enum("bare_net")
    with pytest.raises(InvalidNameError):
        dapi.get_enum(len)
