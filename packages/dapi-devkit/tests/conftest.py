"""A distribution of a third party, with one net: as it is installed, and with anything amiss."""

import sys
from hashlib import sha256

import pytest

from dapi._catalog import builders

NETS = '''
"""A family of one net."""

from __future__ import annotations

from dapi import Build, File, LegacyArgument, Lines, Status, WeightEntry, Weights
from dapi import lazy, register_model


class PlantNetWeights(Weights):
    """Weights of ``plantnet``."""

    Plants_RefV1 = WeightEntry(
        url="package:acme_plants/net.safetensors",
        sha256="{sha256}",
        size={size},
        meta={{
            "task": "tabular-classification",
            "license": "MIT",
            "num_params": 10,
            "datasets": ["Plants"],
            "metrics": [],
            "recipe": "unknown",
            "hash_source": "measured from the file in this distribution",
        }},
        latest=True,
    )


@register_model(weights=PlantNetWeights)
def plantnet(*, weights: PlantNetWeights | WeightEntry | None = None, progress: bool = True):
    """Build a net."""
    from torch.nn import Linear

    return Linear(4, 2)
'''
ENTRY_POINTS = """
[dapi.models]
plantnet = acme_plants.nets:plantnet
[dapi.weights]
plantnet = acme_plants.nets:PlantNetWeights
"""


@pytest.fixture
def acme(tmp_path, monkeypatch):
    """Install ``acme-plants``: with replacements in its module, and further modules."""

    def install(*replacements, entry_points=ENTRY_POINTS, requires=(), **modules):
        site = tmp_path / "site"
        package = site / "acme_plants"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("")
        content = checkpoint(package / "net.safetensors")
        text = NETS.format(sha256=sha256(content).hexdigest(), size=len(content))
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        for name, source in {"nets": text, **modules}.items():
            (package / f"{name}.py").write_text(source)
        metadata = site / "acme_plants-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(
            "Metadata-Version: 2.1\nName: acme-plants\nVersion: 1.0\n"
            + "".join(f"Requires-Dist: {line}\n" for line in requires)
        )
        (metadata / "entry_points.txt").write_text(entry_points)
        monkeypatch.syspath_prepend(str(site))
        return site

    yield install
    for name in [name for name in sys.modules if name.startswith("acme_plants")]:
        del sys.modules[name]


def checkpoint(path):
    """Write the file of a Linear(4, 2), if there is torch; return its bytes."""
    torch = pytest.importorskip("torch")
    from dapi._loader import safetensors

    safetensors.write(path, torch.nn.Linear(4, 2).state_dict(), {})
    return path.read_bytes()


@pytest.fixture(autouse=True)
def own_registrations(monkeypatch):
    """Forget the builders that a test decorated."""
    from dapi._catalog import builders

    monkeypatch.setattr(builders, "_registered", dict(builders._registered))


@pytest.fixture
def own_imports(monkeypatch):
    """Forget what a test imports of a project."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(builders, "_registered", dict(builders._registered))
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "acme_flowers"]:
        del sys.modules[name]
