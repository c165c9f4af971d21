"""A distribution that was published for dapi-core 0.1.0, with the dapi-core of today.

``tests/plugins/acme-herbarium`` is never changed: what breaks it breaks the plugins of others.
"""

import json
from pathlib import Path

import pytest
from packaging.requirements import Requirement

PROJECT = Path(__file__).parent / "plugins" / "acme-herbarium"
USE = """
    import json, sys, warnings
    import dapi
    from dapi.exceptions import DapiWarning, RemovedModelError, RemovedWeightsError

    found = {"models": dapi.list_models(), "torch": "torch" in sys.modules}
    found["weights"] = [str(each) for each in dapi.list_weights()]
    found["searched"] = [str(each) for each in dapi.search(task="leaf-identification")]
    found["listed without torch"] = "torch" not in sys.modules
    gone = {"flowernet": RemovedModelError, "leafnet:Leaves_RefV0": RemovedWeightsError}
    for name, error in gone.items():
        try:
            dapi.get_model(name)
        except error as removed:
            found[name] = removed.successor
    warnings.simplefilter("ignore", DapiWarning)
    old = dapi.get_model("leafnet:Leaves_RefV1").eval()
    found["context"] = old.scale.by
    found["defaults"] = dapi.get_model("leafnet").bend.negative_slope
    found["legacy"] = str(dapi.weights_of(dapi.get_builder("leafnet")(pretrained=True)))
    found["categories"] = list(dapi.weights_of(old).meta["categories"])
    weights = dapi.weights_of(old)
    found["said"] = weights.postprocess()(old(weights.transforms()([5.1, 3.5, 1.4, 0.2])))
    pressed = dapi.get_model("leafnet_v2")
    found["scheme and format"] = pressed.classify.bias.tolist()
    import herbarium.hooks
    found["hook"] = herbarium.hooks.built[-1]
    from pathlib import Path
    path = Path(herbarium.hooks.__file__).with_name("tuned.safetensors")
    tuned = dapi.load(path)
    found["saved"] = [tuned.classify.out_features, tuned.bend.negative_slope, tuned.scale.by]
    found["checked"] = {name: dapi.check(name).state for name in (
        "leafnet", "leafnet:Leaves_RefV1", "leafnet:Leaves_RefV2", "leafnet_v2")}
    found["failed"] = [each.reason for each in dapi.plugins() if each.state != "ok"]
    print(json.dumps(found))
"""


@pytest.fixture
def old(environment, wheels, build_kept):
    """An environment with the old distribution, dapi-core of today, and what both need."""
    environment.borrow("dapi-core[torch]")
    environment.variables["DAPI_OFFLINE"] = ""
    environment.install(wheels["dapi-core"], build_kept(PROJECT))
    return environment


def test_old_plugin_lists_builds_loads_and_checks(old):
    """All that the compatibility policy promises, with a wheel that knows nothing of today."""
    found = old.run(USE)

    names = ["leafnet:Leaves_RefV1", "leafnet:Leaves_RefV2", "leafnet_v2:Leaves_RefV1"]
    assert ["leafnet", "leafnet_v2"] == found["models"]
    assert names == found["weights"] and set(names) == set(found["searched"])
    assert found["listed without torch"]
    assert ("leafnet", "leafnet:Leaves_RefV2") == (
        found["flowernet"],
        found["leafnet:Leaves_RefV0"],
    )
    assert (1.0, 0.2, "leafnet:Leaves_RefV1") == (
        found["context"], found["defaults"], found["legacy"],
    )  # fmt: skip
    assert found["said"][0] in found["categories"] == ["oak", "beech", "lime"]
    assert [0.0, 1.0, 0.5] == found["scheme and format"]
    assert ["leafnet_v2", "leafnet_v2:Leaves_RefV1"] == found["hook"]
    assert [5, 0.3, 0.5] == found["saved"]
    assert {"equal"} == set(found["checked"].values()), found["checked"]
    assert [] == found["failed"]


@pytest.mark.slow
def test_old_plugin_is_served_by_the_command(old):
    """Its command, its task and its health, in the shell."""
    assert "herbarium a b\n" == old.dapi("herbarium", "a", "b").stdout
    rows = json.loads(old.dapi("list", "--json").stdout)
    assert [("leafnet", "replaced"), ("leafnet_v2", "active")] == [
        (row["model"], row["status"]) for row in rows
    ]
    predicted = old.dapi("predict", "leafnet:Leaves_RefV2", "5.1,3.5,1.4,0.2", "--json")
    assert predicted.returncode == 0, predicted.stderr
    doctor = old.dapi("doctor", "acme-herbarium")
    assert doctor.returncode == 0, doctor.stdout


def test_requirement_allows_later_minor_versions():
    """Written as the policy says, so that no minor release of dapi-core makes it incompatible."""
    line = next(
        line
        for line in (PROJECT / "pyproject.toml").read_text().splitlines()
        if "dapi-core[" in line
    )
    requirement = Requirement(json.loads(line.partition("=")[2])[0])

    assert {True} == {requirement.specifier.contains(each) for each in ("0.1.0", "0.2.0", "0.17.3")}
    assert not requirement.specifier.contains("1.0.0")
