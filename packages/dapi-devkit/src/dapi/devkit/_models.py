"""Models on the meta device: build models for weights without memory."""

from __future__ import annotations

import inspect
import os
import warnings
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

from dapi import Build, File, Status, WeightEntry, Weights, catalog
from dapi.devkit._snapshots import Snapshots

if TYPE_CHECKING:
    from torch import Tensor, nn

    Schema = Mapping[str, tuple[str, tuple[int, ...]]]


# Models with more are not loaded unless that is asked for: a file of 40 MB in half a second.
MAX_PARAMETERS = 10_000_000


class Facts(NamedTuple):
    """The facts of a model that was built on meta.

    Attributes:
        num_params: The number of its parameters.
        schema: Type and shape of each tensor of its state dict, by key.
    """

    num_params: int
    schema: Schema

    @property
    def is_quantized(self) -> bool:
        """Whether weights are packed: no parameters, and no tensors that torch can make alone."""
        return any(dtype.startswith(("qint", "quint")) for dtype, _ in self.schema.values())


@dataclass(frozen=True)
class Workshop:
    """The place where models are built, with its limits.

    Attributes:
        max_parameters: Models with more are built on meta only, and load no file; None for all.
        may_fetch: Whether missing files may be downloaded.
        snapshots: The author's snapshots of state dicts.
        is_of_wheel: Whether a wheel is checked, while the project itself may be installed.
        unloaded: Tensors that did not receive a file's values, by builder and build.
    """

    max_parameters: int | None
    may_fetch: bool
    snapshots: Snapshots
    is_of_wheel: bool = False
    unloaded: dict[tuple[Callable[..., Any], Build], tuple[str, ...]] = field(default_factory=dict)
    _known: dict[tuple[Callable[..., Any], Build | None], Facts] = field(default_factory=dict)

    def facts(self, builder: Callable[..., Any], weights: Weights) -> Facts:
        """Build a model for some weights on meta; one of the same builder and arguments once."""
        key = builder, weights.build
        if key not in self._known:
            self._known[key] = _build(builder, weights=as_active(weights))
        return self._known[key]

    def bare_facts(self, builder: Callable[..., Any]) -> Facts:
        """Build a model without weights on meta, once.

        Arguments without a default come from the first of its weights.
        """
        if (builder, None) not in self._known:
            self._known[builder, None] = _build(builder, weights=None, **required(builder))
        return self._known[builder, None]

    def is_too_large(self, facts: Facts) -> bool:
        """Whether a model is larger than is built in memory."""
        return self.max_parameters is not None and facts.num_params > self.max_parameters


def workshop(
    options: Namespace, max_parameters: int | None = MAX_PARAMETERS, folder: Path | None = None
) -> Workshop:
    """Return the workshop for the options of a pytest run.

    Args:
        options: They override a class's attributes.
        max_parameters: As in ``Workshop``.
        folder: The directory of the snapshots.
    """
    limit = options.dapi_max_parameters
    return Workshop(
        max_parameters if limit is None else limit,
        options.dapi_fetch,
        Snapshots(folder, options.dapi_update_snapshots),
        options.dapi_wheel is not None,
    )


def _build(builder: Callable[..., nn.Module], **arguments: Any) -> Facts:
    """Build on meta, offline, and return the facts of the model."""
    with quiet():
        return facts_of(builder(**arguments, device="meta"))


def facts_of(model: nn.Module) -> Facts:
    """Return the facts of a model."""
    import torch

    schema = {
        key: (str(value.dtype).removeprefix("torch."), tuple(value.shape))
        for key, value in model.state_dict().items()
        if isinstance(value, torch.Tensor)
    }
    return Facts(sum(parameter.numel() for parameter in model.parameters()), schema)


def required(builder: Callable[..., Any]) -> dict[str, Any]:
    """Take the arguments without a default from the builder's first weights."""
    enums: tuple[type[Weights], ...] = builder.__dapi_builder__.weights  # type: ignore[attr-defined]
    builds = [member.build for enum in enums for member in enum]
    given = {**builds[0].defaults, **builds[0].config} if builds else {}
    return {
        name: given[name]
        for name, parameter in inspect.signature(builder).parameters.items()
        if parameter.default is parameter.empty and name in given
    }


@contextmanager
def quiet() -> Iterator[None]:
    """Prevent downloads, and suppress warnings, which are not part of the checks."""
    before = os.environ.get("DAPI_OFFLINE")
    os.environ["DAPI_OFFLINE"] = "1"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        del os.environ["DAPI_OFFLINE"]
        if before is not None:
            os.environ["DAPI_OFFLINE"] = before


def as_active(weights: Weights | WeightEntry) -> Weights | WeightEntry:
    """Return weights that load even where their publisher withdrew them."""
    if weights.status.state == "withdrawn":
        return replace(catalog.entry_of(weights), status=Status())
    return weights


def as_entry(file: File) -> WeightEntry:
    """Return an entry that fetches and verifies one file."""
    return WeightEntry(file.url, sha256=file.sha256, size=file.size, mirrors=file.mirrors)


@contextmanager
def checkpoint_of_ones(weights: Weights, schema: Schema) -> Iterator[WeightEntry]:
    """Write a file that fits a model, and return its entry with the other facts of the weights.

    Its keys are the model's own, so the steps that adapt the published keys are omitted, and it has
    those that the constructor computes.
    """
    import torch

    with TemporaryDirectory() as folder:
        path = Path(folder) / "ones.pth"
        ones: dict[str, Tensor] = {
            key: torch.ones(shape, dtype=getattr(torch, dtype))
            for key, (dtype, shape) in schema.items()
        }
        torch.save(ones, path)
        yield replace(
            catalog.entry_of(weights),
            url=path.as_uri(),
            sha256=None,
            size=None,
            mirrors=(),
            build=replace(weights.build, adapt=(), computed=()),
            status=Status(),
        )
