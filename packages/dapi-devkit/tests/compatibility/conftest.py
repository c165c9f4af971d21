"""A distribution with one small net, whose sources a test changes from one release to the next."""

import gc
import sys
from contextlib import suppress
from hashlib import sha256

import pytest

FAMILY = '''
"""A family of one net."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dapi import Build, BuilderConfig, File, LegacyArgument, Status, WeightEntry, Weights
from dapi import lazy, register_model

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from leafy.parts import Leaf

NAMES = ["oak", "beech", "ash", "elm"]


class LeafWeights(Weights):
    """Weights of ``leafnet``."""

    Leaves_RefV1 = WeightEntry(
        "package:leafy/leaf.safetensors",
        sha256="DIGEST",
        size=SIZE,
        transforms=lazy("leafy.parts:Scale", mean=0.5, std=0.25),
        postprocess=lazy("leafy.parts:Names", categories=NAMES),
        build=Build(config={"num_classes": 4}, context={"leafy.parts:Norm": {"eps": 1e-3}}),
        meta={
            "task": "leaf-naming",
            "license": "MIT",
            "categories": NAMES,
            "metrics": [{"dataset": "Leaves", "name": "acc@1", "value": 91.0, "source": "here"}],
        },
        latest=True,
    )
    Leaves_RefV2 = WeightEntry(
        "https://example.org/leaf-2.pth",
        sha256="b" * 64,
        size=2000,
        transforms=lazy("leafy.parts:Scale", mean=0.5, std=0.25),
        postprocess=lazy("leafy.parts:Names", categories=NAMES),
        build=Build(config={"num_classes": 4}),
        meta={"task": "leaf-naming", "license": "MIT", "categories": NAMES},
    )


@register_model(weights=LeafWeights, head="fc")
def leafnet(
    *,
    weights: LeafWeights | WeightEntry | None = None,
    progress: bool = True,
    num_classes: int = 4,
    width: int = 8,
    **config: Unpack[BuilderConfig],
) -> Leaf:
    """Build a net."""
    from leafy.parts import Leaf

    return Leaf(num_classes, width)
'''

PARTS = '''
"""Its parts."""

from hashlib import shake_256

import torch
from torch import nn
from torch.nn import functional

from dapi import ContextParams, tasks


class Scale:
    def __init__(self, mean, std, clip=None):
        self.mean, self.std, self.clip = mean, std, clip

    def __call__(self, picture):
        return (picture.float() / 255 - self.mean) / self.std


class Names:
    def __init__(self, categories, ordered=True):
        self.categories = categories

    def __call__(self, logits):
        found = zip(self.categories, logits[0].softmax(0).tolist())
        return [sorted(found, key=lambda each: -each[1])]


class Norm(nn.BatchNorm2d):
    def __init__(self, channels):
        super().__init__(channels, eps=ContextParams.get(self, "eps", 1e-5), momentum=0.1)


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2, padding=1)
        self.bn = Norm(channels)
        self.act = nn.ReLU()

    def forward(self, x):
        return self.act(self.bn(self.conv(x)))


class Leaf(nn.Module):
    def __init__(self, num_classes, width):
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3)
        self.blocks = nn.Sequential(Block(width), Block(width))
        self.drop = nn.Dropout(0.2)
        self.fc = nn.Linear(width, num_classes)

    def forward(self, x):
        return self.fc(self.drop(self.blocks(self.stem(x)).mean((2, 3))))


def naming(model, weights):
    transforms, postprocess = weights.transforms(), weights.postprocess()

    def predict(picture):
        found = postprocess(model(tasks.place(transforms(picture).unsqueeze(0), model)))
        return tasks.Prediction({"leaf": found[0][0]})

    return tasks.Predictor(lambda path: [], predict)


def sample(weights):
    levels = bytearray(shake_256(b"leaf").digest(3 * 16 * 16))
    return tasks.Sample(torch.frombuffer(levels, dtype=torch.uint8).reshape(3, 16, 16))
'''

POINTS = """
[dapi.models]
leafnet = leafy.nets:leafnet
[dapi.weights]
leafnet = leafy.nets:LeafWeights
[dapi.tasks]
leaf-naming = leafy.parts:naming
[dapi.samples]
leaf-naming = leafy.parts:sample
"""


class Leaves:
    """The distribution acme-leaves; what it has can be changed, and recorded as it is then."""

    def __init__(self, site):
        self.site = site
        self.package, self.metadata = site / "leafy", site / "acme_leaves-1.0.dist-info"
        for folder in (self.package, self.metadata):
            folder.mkdir(parents=True)
        self.requires = ["dapi-core~=0.1.0", "torch>=2.4"]
        self.version, self.points = "1.0", POINTS
        self.sources = {"__init__": "", "nets": FAMILY, "parts": PARTS}
        self.write()
        self.save_weights()

    def write(self):
        file = self.package / "leaf.safetensors"
        content = file.read_bytes() if file.exists() else b""
        for name, source in self.sources.items():
            text = source.replace("DIGEST", sha256(content).hexdigest())
            text = text.replace("SIZE", str(len(content)))
            (self.package / f"{name}.py").write_text(text)
        requires = "".join(f"Requires-Dist: {line}\n" for line in self.requires)
        (self.metadata / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: acme-leaves\nVersion: {self.version}\n"
            f"Requires-Python: >=3.10\n{requires}"
        )
        (self.metadata / "entry_points.txt").write_text(self.points)
        self.forget()

    @staticmethod
    def forget():
        from dapi._catalog import builders
        from dapi._plugins import discovery
        from dapi.devkit.compatibility import declarations

        for name in [name for name in sys.modules if name.partition(".")[0] == "leafy"]:
            del sys.modules[name]
        builders._registered.clear()
        declarations._positions.cache_clear()
        discovery.forget()

    def save_weights(self):
        """Write the file of the packaged weights: those of the net as it is now."""
        torch = pytest.importorskip("torch")
        import dapi
        from dapi._loader import safetensors

        torch.manual_seed(1)
        model = dapi.get_builder("leafnet")(weights=None)
        state = {key: value.contiguous() for key, value in model.state_dict().items()}
        safetensors.write(self.package / "leaf.safetensors", state, {})
        self.write()

    def change(self, *pairs):
        """Replace text in any of the sources, or in the entry points."""
        for old, new in pairs:
            before = {**self.sources, "points": self.points}
            self.sources = {name: text.replace(old, new) for name, text in self.sources.items()}
            self.points = self.points.replace(old, new)
            assert before != {**self.sources, "points": self.points}, old
        self.write()

    def image(self, **extent):
        """Record it in this process."""
        from dapi.devkit.compatibility import recording

        self.forget()
        return recording.record("acme-leaves", recording.Extent(**extent))


@pytest.fixture(scope="module", autouse=True)
def little_garbage():
    """Each answer collects garbage, for half a second if all of torch is looked through."""
    with suppress(ImportError):
        import torch  # noqa: F401
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def leaves(tmp_path, monkeypatch):
    """Install acme-leaves for this process."""
    from dapi._catalog import builders

    pytest.importorskip("torch")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(builders, "_registered", {})
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    distribution = Leaves(site)
    yield distribution
    distribution.forget()


def member(**changes):
    """Return an entry of an image."""
    return {
        "where": "acme/nets.py:10",
        "files": [
            {"url": "https://example.org/net.pth", "sha256": "a" * 64, "size": 9, "mirrors": []}
        ],
        "assets": {
            "vocabulary": [
                {"url": "https://example.org/v", "sha256": "e" * 64, "size": 5, "mirrors": []}
            ]
        },
        "transforms": {"target": "acme:T", "arguments": {"std": 0.5}, "defaults": {"mean": 0.5}},
        "postprocess": {"target": "acme:P", "arguments": {"categories": ["a", "b"]}},
        "build": {"config": {"classes": 2}, "context": {"acme:N": {"eps": 0.1}}, "adapt": []},
        "meta": {
            "task": "t", "license": "MIT", "categories": ["a", "b"], "min_size": 3, "metrics": [],
        },
        "latest": False,
        "status": {"state": "active", "replacement": None, "reason": ""},
        **changes,
    }  # fmt: skip


def answer(**changes):
    """Return an answer of an image."""
    tensor = {"dtype": "float64", "shape": [2], "count": 2, "mean": 0.5, "std": 0.5, "l2": 1.0}
    stages = ("transforms", "model", "postprocess", "training")
    return {
        "member": "", "config": {}, "dtype": "float64", "tolerance": 0.0, "input": "i",
        "leaves": [{"at": stage, **tensor, "samples": [0.0, 1.0]} for stage in stages],
        "omitted": {}, "recorded": {"torch": "2.4"}, "live": True, **changes,
    }  # fmt: skip


@pytest.fixture
def content():
    """What an image holds of a distribution with one net and two sets of weights."""
    parameters = [
        {"name": "x", "kind": "positional_or_keyword", "required": False, "default": 1},
        {"name": "y", "kind": "positional_or_keyword", "required": False, "default": 2},
        {"name": "weights", "kind": "keyword_only", "required": False, "default": None},
        {"name": "drop", "kind": "config", "required": False, "default": None},
    ]
    norm = {"class": "torch.nn:BatchNorm2d", "attributes": {"eps": 0.1}}
    return {
        "format": 1,
        "distribution": "acme-nets",
        "version": "1.0",
        "recorded": {"python": "3.11.0"},
        "requires": {"python": ">=3.10", "packages": ["torch>=2.4"]},
        "entry_points": {"dapi.tasks": {"t": "acme:task"}, "dapi.models": {"net": "acme:net"}},
        "tombstones": {"oldnet": {"successor": "net", "last_version": "0.9", "reason": ""}},
        "builders": {
            "net": {
                "where": "acme/nets.py:20",
                "target": "acme.nets:net",
                "parameters": parameters,
                "returns": "Net",
                "enums": ["acme.nets:NetWeights"],
                "head": ["fc"],
                "legacy": {"pretrained": {"True": "NetWeights.Data_RefV1"}},
                "replaces": None,
            }
        },
        "enums": {
            "acme.nets:NetWeights": {
                "where": "acme/nets.py:5",
                "builders": ["net"],
                "members": {
                    "Data_RefV1": member(latest=True),
                    "Data_RefV2": member(
                        files=[
                            {
                                "url": "https://example.org/2",
                                "sha256": "b" * 64,
                                "size": 8,
                                "mirrors": [],
                            }
                        ]
                    ),
                },
            }
        },
        "models": {
            "one": {
                "schema": {"bn": {"weight": "float32 2"}, "fc": {"weight": "float32 2x2"}},
                "transient": {"table": "float32 4"},
                "modules": {"()": "top", "bn": {"()": "norm"}, "fc": {"()": "linear"}},
                "migrating": [],
                "tied": [["bn.weight", "fc.weight"]],
                "start": {"bn.weight": [1.0, 0.0, 2]},
            }
        },
        "built": dict.fromkeys(("net", "net:Data_RefV1", "net:Data_RefV2"), "one"),
        "tensors": {"net:Data_RefV1": "t"},
        "modules": {
            "top": {"class": "acme.nets:Net", "attributes": {"depth": 3}},
            "norm": norm,
            "linear": {"class": "torch.nn:Linear", "attributes": {"bias": False}},
        },
        "texts": {},
        "answers": {
            "code": {"net:Data_RefV1": "code", "net:Data_RefV2": "code"},
            "weights": {"net:Data_RefV1": "file"},
        },
        "said": {"code": answer(), "file": answer(member="Data_RefV1")},
        "stale": {},
        "missing": {},
    }
