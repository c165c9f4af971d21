"""What is listed: each builder that is installed or registered, once, unambiguously."""

import importlib
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import dapi
from dapi._catalog import builders
from dapi.exceptions import (
    ArgumentError,
    PluginLoadError,
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
    assert [] == dapi.list_models([]) == dapi.list_models(distribution=[])
    for given in ({"pattern": 3}, {"distribution": [None]}, {"module": ["acme_two"]}):
        with pytest.raises(
            ArgumentError, match=rf"list_models does not accept {next(iter(given))}="
        ):
            dapi.list_models(**given)


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


def test_builders_register_while_others_are_listed():
    """Threads that import families disturb nobody who reads the registry."""
    stop = threading.Event()

    def register():
        number = 0
        while not stop.is_set():
            number += 1
            dapi.register_model(name=f"net{number}")(lambda *, weights=None: None)

    with ThreadPoolExecutor(5) as pool:
        writers = [pool.submit(register) for _ in range(4)]
        for _ in range(300):
            builders.successor("net", "m")
            dapi.list_models("net*")
            if len(builders.registered()) > 500:
                break
        stop.set()
        assert [None] * 4 == [writer.result() for writer in writers]
