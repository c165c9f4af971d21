"""Weights that were trained from others: whoever builds them hears what became of those."""

import sys
import warnings

import pytest

import dapi
from dapi.exceptions import OutdatedWeightsWarning

torch = pytest.importorskip("torch")

SOURCE = """
from torch import nn
from dapi import Status, WeightEntry, Weights, register_model

URL = "package:acme_origin_data/net.safetensors"

class NetWeights(Weights):
    First_RefV1 = WeightEntry(URL, status=Status("withdrawn", reason="It leaked {name}."))
    Second_RefV1 = WeightEntry(URL, meta={{"trained_from": "{name}:First_RefV1"}}, latest=True)
    Third_RefV1 = WeightEntry(URL, meta={{"trained_from": "{name}:Second_RefV1"}}, latest=True)
    Round_RefV1 = WeightEntry(URL, meta={{"trained_from": "{name}:Round_RefV1"}}, latest=True)
    Words_RefV1 = WeightEntry(URL, meta={{"trained_from": "a model of ours"}}, latest=True)
    Absent_RefV1 = WeightEntry(URL, meta={{"trained_from": "absent_net:A_RefV1"}}, latest=True)

@register_model(weights=NetWeights)
def {name}(*, weights=None):
    return nn.Linear(1, 1)
"""
POINTS = (
    "[dapi.models]\n{name} = acme_origin:{name}\n[dapi.weights]\n{name} = acme_origin:NetWeights\n"
)


@pytest.fixture
def origin(advertise, tmp_path, request, monkeypatch):
    """A builder of a name of its own, for a warning is given once in a process."""
    from dapi._catalog import builders
    from dapi._loader import safetensors

    monkeypatch.setattr(builders, "_registered", {})
    name = f"net_{abs(hash(request.node.name))}"
    data = tmp_path / "site" / "acme_origin_data"
    data.mkdir(parents=True)
    (data / "__init__.py").touch()
    tensors = torch.nn.Linear(1, 1).state_dict()
    safetensors.write(data / "net.safetensors", tensors, {})
    advertise("acme-origin", POINTS.format(name=name), acme_origin=SOURCE.format(name=name))
    yield name
    sys.modules.pop("acme_origin", None)
    sys.modules.pop("acme_origin_data", None)


@pytest.mark.parametrize("member", ["Second_RefV1", "Third_RefV1"])
def test_what_derives_from_withdrawn_weights_warns(origin, member):
    """Also through others, and it is built all the same."""
    with pytest.warns(
        OutdatedWeightsWarning, match=f"{member} derives from .*First_RefV1, which w"
    ):
        dapi.get_model(f"{origin}:{member}")


@pytest.mark.parametrize("member", ["Round_RefV1", "Words_RefV1", "Absent_RefV1"])
def test_what_names_no_weights_that_are_installed_says_nothing(origin, member):
    """A circle, a sentence, and weights that are not here."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dapi.get_model(f"{origin}:{member}")
