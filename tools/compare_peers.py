"""Compare what dapi-vision and dapi-audio state with the torchvision and torchaudio installed.

For a maintainer, after a release of theirs: tells which builders, weights and facts (URLs, metrics,
parameters of transforms, categories, labels, ...) they added, changed or removed. What is the same
on both sides is matched by ``known_as`` in the metadata. Differences that are meant stand in
``MEANT`` with their reason; one that is no longer there is told as well.

Exit status: 0 when nothing differs but what is meant, 1 otherwise.

Run: ``python tools/compare_peers.py [torchvision] [torchaudio] [--json]``
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from enum import Enum
from typing import Any, NamedTuple

import dapi
from dapi import File, Weights

# Facts by their name, of each builder and of all weights by their name.
Listing = dict[str, dict[str, Any]]

# (name, fact) in a peer's listing, and why ours is another.
MEANT: dict[str, dict[tuple[str, str], str]] = {
    "torchvision": {
        ("VGG16_Weights.IMAGENET1K_FEATURES", "metrics"): (
            "torchvision states NaN: these weights are for detectors, and classify nothing"
        ),
    },
    "torchaudio": {
        ("MMS_FA", "labels"): (
            "torchaudio adds a star that stands for any word and is no output of the model"
        ),
    },
}

# torchvision's keys of metadata that have another name here; _docs is prose.
_RENAMED = {"_ops": "gflops", "_file_size": "file_mib", "license": "license_url"}
_PROSE = {"_docs", "_metrics"}

_TORCHAUDIO = "https://download.pytorch.org/torchaudio/"
_WEIGHTS_OF_BUNDLES = ("_path", "_model_path", "_rnnt_path", "_tacotron2_path")


class Difference(NamedTuple):
    """Something that a peer has otherwise."""

    peer: str
    kind: str
    name: str
    fact: str
    theirs: Any
    ours: Any

    def __str__(self) -> str:
        what = f"{self.kind} {self.name}"
        if self.kind != "changed":
            return f"{self.peer}: {what}{f' ({self.fact})' if self.fact else ''}"
        return f"{self.peer}: {what} {self.fact}: {self.theirs!r}, here {self.ours!r}"


def compare(
    peer: str, theirs: Listing, ours: Listing, meant: Mapping[tuple[str, str], str]
) -> list[Difference]:
    """List what a peer added, removed or changed, and outdated declarations.

    Args:
        peer: The peer's name.
        theirs: Its listing.
        ours: The listing of what we say of it.
        meant: Why a fact of a name is another here.
    """
    added = [
        Difference(peer, "added", each, "", theirs[each], None) for each in theirs.keys() - ours
    ]
    gone = [
        Difference(peer, "removed", each, "", None, ours[each]) for each in ours.keys() - theirs
    ]
    changed = [
        Difference(peer, "changed", name, fact, value, ours[name].get(fact))
        for name in theirs.keys() & ours.keys()
        for fact, value in theirs[name].items()
        if value != ours[name].get(fact)
    ]
    found = {(each.name, each.fact) for each in changed}
    settled = [Difference(peer, "settled", *key, None, None) for key in meant.keys() - found]
    differing = [each for each in changed if (each.name, each.fact) not in meant]
    return sorted([*added, *gone, *differing, *settled], key=lambda each: each[:4])


def torchvision_listing() -> Listing:
    """List torchvision's builders and weights."""
    from torchvision import models

    listing: Listing = {}
    for name in models.list_models():
        enum: Any = models.get_model_weights(name)
        default = getattr(enum, "DEFAULT", None)
        listing[name] = {"weights": sorted(map(str, enum)), "default": default and str(default)}
        listing.update({str(member): _facts_of_torchvision(member) for member in enum})
    return listing


def _facts_of_torchvision(member: Any) -> dict[str, Any]:
    meta = {_RENAMED.get(k, k): v for k, v in member.meta.items() if k not in _PROSE}
    return {
        "url": member.url,
        "metrics": _plain(member.meta["_metrics"]),
        **{key: _plain(value) for key, value in meta.items()},
        **_parameters(member.transforms()),
    }


def our_torchvision_listing() -> Listing:
    """List the same facts as dapi-vision states them."""
    listing = _builders("dapi-vision")
    for alias, member in _published("dapi-vision"):
        metrics: dict[str, dict[str, float]] = {}
        for metric in member.meta["metrics"]:
            metrics.setdefault(metric["dataset"], {})[metric["name"]] = metric["value"]
        listing[alias] = {
            **{key: _plain(value) for key, value in member.meta.items()},
            "file_mib": _mib(member),
            "unquantized": _known_as(member.meta.get("unquantized")),
            "url": member.url,
            "metrics": metrics,
            **_parameters(member.transforms()),
        }
    return listing


def _mib(member: Weights) -> float | None:
    """Return the size of the files as the peer states it, to three digits."""
    sizes = [file.size or 0 for file in member.files]
    stated: float | None = member.meta.get("file_mib")
    return round(sum(sizes) / 2**20, 3) if all(sizes) else stated


def _known_as(name: str | None) -> str | None:
    """Return the peer's name of weights of ours."""
    return name and dapi.get_weights(name).meta["known_as"][0]


def torchaudio_listing() -> Listing:
    """List torchaudio's bundles."""
    from torchaudio import pipelines

    bundles = {name: getattr(pipelines, name) for name in pipelines.__all__ if name.isupper()}
    return {name: dict(_facts_of_torchaudio(bundle)) for name, bundle in bundles.items()}


def _facts_of_torchaudio(bundle: Any) -> Iterator[tuple[str, Any]]:
    for attribute, path in vars(bundle).items():
        if attribute in _WEIGHTS_OF_BUNDLES:
            folder = "" if path.startswith("models/") else "models/"
            yield "url", path if path.startswith("https:") else f"{_TORCHAUDIO}{folder}{path}"
        elif attribute.endswith("_path"):
            yield f"asset {path.rpartition('/')[2]}", True
    if hasattr(bundle, "_sample_rate"):
        yield "sample_rate", bundle.sample_rate
    if hasattr(bundle, "_normalize_waveform"):
        yield "transforms.normalize", bundle._normalize_waveform
    if hasattr(bundle, "get_labels"):
        yield "labels", list(bundle.get_labels())


def our_torchaudio_listing() -> Listing:
    """List the same facts as dapi-audio states them."""
    return {
        alias: {
            "url": member.url,
            "sample_rate": member.meta.get("sample_rate"),
            "labels": _plain(member.meta.get("labels")),
            **{f"asset {name}": True for name in _assets(member)},
            **_parameters(member.transforms),
        }
        for alias, member in _published("dapi-audio")
    }


def _assets(member: Weights) -> Iterator[str]:
    """List the names of the further files that weights need."""
    for asset in member.assets.values():
        files = (asset,) if isinstance(asset, File) else asset.files
        yield from (file.name for file in files)


def _published(distribution: str) -> Iterator[tuple[str, Weights]]:
    """List the weights of a distribution of ours by their names at the peer."""
    for member in dapi.search(distribution=distribution):
        for alias in _names_at_peer(member):
            yield alias, member


def _names_at_peer(member: Weights) -> list[str]:
    """Return the names of weights at torchvision or torchaudio; others' are ids in lower case."""
    known = member.meta.get("known_as", ())
    return [name for name in known if "/" not in name and not name.islower()]


def _builders(distribution: str) -> Listing:
    """List the builders of which a peer has any weights, or whose name it has."""
    listing: Listing = {}
    for name in dapi.list_models(distribution=distribution):
        members = dapi.list_weights(name)
        aliases = [alias for member in members for alias in _names_at_peer(member)]
        default = next((m.meta.get("known_as", (None,))[0] for m in members if m.latest), None)
        if aliases or not members:
            listing[name] = {"weights": sorted(aliases), "default": default}
    return listing


def _parameters(transforms: Any) -> dict[str, Any]:
    """List the parameters of transforms: of an instance, or of a declared factory."""
    if hasattr(transforms, "kwargs"):
        values = dict(transforms.kwargs)
    elif hasattr(transforms, "__dataclass_fields__"):
        values = {field.name: getattr(transforms, field.name) for field in fields(transforms)}
    else:
        values = {k: v for k, v in vars(transforms).items() if not k.startswith("_")}
        values.pop("training", None)
    return {f"transforms.{name}": _parameter(value) for name, value in values.items()}


def _parameter(value: Any) -> Any:
    """Write a parameter in one form: torchvision's ``[224]`` is our 224."""
    plain = _plain(value)
    return plain[0] if isinstance(plain, list) and len(plain) == 1 else plain


def _plain(value: Any) -> Any:
    """Write a value as JSON has it, so that both sides have one form."""
    if isinstance(value, Enum):
        return value.value if isinstance(value.value, str | int) else str(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | None) else repr(value)


PEERS: dict[str, tuple[Callable[[], Listing], Callable[[], Listing]]] = {
    "torchvision": (torchvision_listing, our_torchvision_listing),
    "torchaudio": (torchaudio_listing, our_torchaudio_listing),
}


def main(arguments: list[str] | None = None) -> int:
    """Compare, print a list or JSON, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peers", nargs="*", default=[*PEERS], help=f"of {', '.join(PEERS)}")
    parser.add_argument("--json", action="store_true", help="print JSON instead of lines")
    options = parser.parse_args(arguments)
    differences: list[Difference] = []
    for peer in options.peers:
        theirs, ours = (listing() for listing in PEERS[peer])
        differences += compare(peer, theirs, ours, MEANT[peer])
    if options.json:
        print(json.dumps([each._asdict() for each in differences], indent=2))
    else:
        lines = [str(each) for each in differences]
        print(*lines or ["Nothing differs but what is meant."], sep="\n")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
