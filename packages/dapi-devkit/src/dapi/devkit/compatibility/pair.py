"""Pair: an old image and a new one of a distribution, and queries on both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple

from dapi.devkit._snapshots import unfolded
from dapi.devkit.compatibility.image import Image
from dapi.devkit.compatibility.models import modules_of
from dapi.devkit.exceptions import ImageError

NOWHERE = "pyproject.toml:1"

# Errors that show that the machine lacks something, not that the code is wrong.
_OF_THE_MACHINE = ("ModuleNotFoundError", "MissingDependencyError", "MemoryError", "OSError")


class Member(NamedTuple):
    """Weights, as both images have them.

    Attributes:
        name: As in ``resnet50:ImageNet1K_RefV1``.
        old: The old declaration.
        new: The new declaration.
    """

    name: str
    old: Mapping[str, Any]
    new: Mapping[str, Any]

    @property
    def builder(self) -> str:
        """The name of the builder."""
        return self.name.partition(":")[0]

    @property
    def where(self) -> str:
        """Where it is declared now."""
        return str(self.new["where"])


class Pair:
    """Two images of one distribution.

    Attributes:
        old: The release that users have.
        new: The release that they will get.
    """

    def __init__(self, old: Image, new: Image) -> None:
        if old.name != new.name:
            reason = f"is an image of {old.name}, not of {new.name}"
            raise ImageError(old.source, reason, "Compare images of one distribution.")
        self.old, self.new = old, new

    @cached_property
    def members(self) -> list[Member]:
        """The weights that are in both."""
        old, new = members(self.old), members(self.new)
        return [Member(name, old[name], new[name]) for name in old if name in new]

    @property
    def builders(self) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
        """The builders that are in both."""
        old, new = self.old["builders"], self.new["builders"]
        return ((name, old[name], new[name]) for name in old if name in new)

    @property
    def built(self) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
        """The models that could be built in both, and are not equal."""
        old, new = self.old["built"], self.new["built"]
        for name, key in old.items():
            if name in new and new[name] != key:
                yield name, model(self.old, key), model(self.new, new[name])

    def is_same_model(self, name: str) -> bool:
        """Whether a model has the same tensors and modules in both."""
        old, new = self.old["built"].get(name), self.new["built"].get(name)
        if old is None or new is None:
            return False
        one, other = model(self.old, old), model(self.new, new)
        is_same = all(one[fact] == other[fact] for fact in ("schema", "transient", "tied"))
        return is_same and modules(self.old, one) == modules(self.new, other)

    def where(self, name: str) -> str:
        """Return where a builder, or weights, are declared now, or were."""
        for image in (self.new, self.old):
            if name in image["builders"]:
                return str(image["builders"][name]["where"])
            found = members(image).get(name)
            if found:
                return str(found["where"])
        return NOWHERE

    def claim_of(self, target: str) -> Mapping[str, Any]:
        """Return the claim that an old name can be imported.

        A file names it, which is untrusted: only the distribution's own packages count.
        """
        groups = self.new["entry_points"].values()
        own = {_package(each) for points in groups for each in points.values()}
        own |= {_package(facts["target"]) for facts in self.new["builders"].values()}
        if _package(target) in own:
            return {"kind": "import", "target": target}
        return {"kind": "none", "doubt": f"{target} is of another distribution"}

    def failure(self, what: str) -> str:
        """Return why something is missing in the new image; empty if the machine is to blame."""
        reason = str(self.new["missing"].get(what, ""))
        return "" if is_of_machine(reason) else reason


def _package(target: str) -> str:
    """Return the package that a target is in: the top one, or the second in ``dapi``."""
    parts = target.partition(":")[0].split(".")
    return ".".join(parts[: 1 + (parts[0] == "dapi")])


def is_of_machine(reason: str) -> bool:
    """Whether a failure says that this machine lacks something."""
    return any(kind in reason for kind in _OF_THE_MACHINE)


def members(image: Image) -> dict[str, Mapping[str, Any]]:
    """Return the weights of an image by the names under which users find them."""
    return {
        f"{builder.rpartition('/')[2]}:{name}": facts
        for enum in image["enums"].values()
        for builder in enum["builders"]
        for name, facts in enum["members"].items()
    }


def buried(image: Image, name: str) -> Mapping[str, str] | None:
    """Return the tombstone of a builder or of weights, if there is one."""
    tombstones = {key.rpartition("/")[2]: said for key, said in image["tombstones"].items()}
    found = tombstones.get(name) or tombstones.get(name.partition(":")[0])
    return dict(found) if found is not None else None


def texts(image: Image, value: Any) -> list[Any] | None:
    """Return a list of texts, which may be kept by its hash; None for all else."""
    if isinstance(value, dict) and value.keys() == {"texts"}:
        kept = image["texts"].get(value["texts"])
        return list(kept) if kept is not None else None
    return value if isinstance(value, list) else None


def model(image: Image, key: str) -> Mapping[str, Any]:
    """Return a model of an image."""
    found: Mapping[str, Any] = image["models"][key]
    return found


def lines(tree: Any) -> dict[str, str]:
    """Return the leaves of a model's tree by dotted keys."""
    return dict(unfolded(tree))


def modules(image: Image, found: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return class and attributes of each module of a model, by path."""
    kinds = modules_of(lines(found["modules"]))
    return {path: image["modules"][kind] for path, kind in kinds.items()}
