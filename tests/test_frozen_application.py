"""Frozen applications: what PyInstaller makes finds, fetches and builds as it did before."""

import json

import pytest

pytest.importorskip("PyInstaller")

FAMILY = """
    from dapi import WeightEntry, Weights, lazy, register_model

    class NetWeights(Weights):
        Plants_RefV1 = WeightEntry(
            "package:acme_models/data.json",
            transforms=lazy("acme_models.transforms:shout", word="hello"),
            latest=True,
        )

    @register_model(weights=NetWeights)
    def net(*, weights=None, progress=True, **config): ...
"""
LISTING = """
import dapi, json, sys
weights = dapi.get_weights("net:Plants_RefV1")
try:
    dapi.get_builder("resnet50")
except LookupError as error:
    hint = str(error)
print(json.dumps({
    "frozen": sys.frozen,
    "models": dapi.list_models(),
    "plugins": [(plugin.name, plugin.version, plugin.state) for plugin in dapi.plugins()],
    "transformed": weights.transforms(),
    "data": weights.fetch().read_text(),
    "hint": hint,
}))
"""
BUILDING = """
import dapi, json, torch
model = dapi.get_model("resnet20_v2").eval()
weights = dapi.weights_of(model)
image = torch.zeros(1, 8, 8, dtype=torch.uint8)
print(json.dumps([str(weights), list(model(weights.transforms()(image)[None]).shape)]))
"""


@pytest.fixture
def freeze(environment, tmp_path):
    """Make a one-folder application of a script, as its author would, and run it elsewhere."""

    def freeze(source, *options):
        script = tmp_path / "application.py"
        script.write_text(source)
        words = ["--log-level=ERROR", f"--distpath={tmp_path}/dist", f"--workpath={tmp_path}/work"]
        variables = {"PYINSTALLER_CONFIG_DIR": str(tmp_path / "config")}
        command = ["-m", "PyInstaller", *words, f"--specpath={tmp_path}", *options, script]
        environment._run([environment.python, *command], **variables)
        environment.path.rename(tmp_path / "gone")
        application = [tmp_path / "dist" / "application" / "application"]
        return json.loads(environment._run(application).stdout)

    return freeze


def test_frozen_application_lists_and_fetches(environment, wheels, make_distribution, freeze):
    """Entry points, metadata, modules that only a name leads to, and data files are all kept.

    A distribution that ends Python when it is imported is in nobody's way.
    """
    environment.borrow("dapi-core", "pyinstaller")
    points = {
        "dapi.models": {"net": "acme_models.nets:net"},
        "dapi.weights": {"net": "acme_models.nets:NetWeights"},
    }
    modules = {
        "acme_models/__init__": "",
        "acme_models/nets": FAMILY,
        "acme_models/transforms": "def shout(word): return word.upper()",
    }
    acme = make_distribution(
        "acme-models", entry_points=points, files={"acme_models/data.json": "[5]"}, **modules
    )
    points = {"dapi.models": {"broken_net": "acme_broken.nets:net"}}
    ends = {"acme_broken/__init__": "raise SystemExit(3)", "acme_broken/nets": ""}
    broken = make_distribution("acme-broken", entry_points=points, **ends)
    environment.install(wheels["dapi-core"], acme, broken)

    told = freeze(LISTING)

    assert told.pop("hint").endswith("pip install dapi-vision")
    assert {
        "frozen": True,
        "models": ["broken_net", "net"],
        "plugins": [["acme-broken", "1.0", "ok"], ["acme-models", "1.0", "ok"]],
        "transformed": "HELLO",
        "data": "[5]",
    } == told


@pytest.mark.slow
def test_frozen_application_builds(environment, wheels, freeze):
    """A model with its trained weights, in a folder without Python, pip or site-packages."""
    environment.borrow("dapi-vision", "pyinstaller")
    environment.install(wheels["dapi-core"], wheels["dapi-vision"])

    assert ["resnet20_v2:Digits_RefV1", [1, 10]] == freeze(BUILDING)
