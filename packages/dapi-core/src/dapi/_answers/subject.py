"""Subject: a model whose outputs are recorded or compared, found by its name or in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from dapi._building import provenance
from dapi._catalog import builders, files, lookup
from dapi._catalog.builders import Builder
from dapi._plugins import discovery
from dapi._prediction.plan import for_task
from dapi._values.frozen import FrozenDict, freeze
from dapi._weights.entry import WeightEntry
from dapi._weights.enum import Weights
from dapi.exceptions import NoWeightsError
from dapi.tasks import Sample

if TYPE_CHECKING:
    from torch import nn

_NO_TASK = "It has no published weights, which would state its task."


class UncheckedError(Exception):
    """A model could not be run; the message has the reason and the remedy."""


class Subject(NamedTuple):
    """A model to run.

    Attributes:
        model: Its builder.
        weights: The weights whose transforms and postprocess are used.
        is_synthetic: Whether the parameters are derived from their names, not loaded.
        config: As in ``Answer``.
        dtype: As in ``Answer``; empty to choose one.
        trains: Whether a training step follows; None to decide by its cost.
        built: The model itself, if it is in memory.
    """

    model: Builder
    weights: Weights | WeightEntry
    is_synthetic: bool
    config: Mapping[str, Any] = FrozenDict()
    dtype: str = ""
    trains: bool | None = None
    built: nn.Module | None = None

    def sample(self) -> Sample:
        """Return the task's sample for these weights.

        Raises:
            UncheckedError: The task has no sample.
        """
        task = self.weights.meta.get("task")
        point = for_task("dapi.samples", task, self.model)
        if point is None:
            raise UncheckedError(
                f"No installed distribution has a sample of the task {task!r}. To provide one: "
                "the entry-point group dapi.samples"
            )
        sample: Sample = point(self.weights)
        return sample

    def task(self) -> Any:
        """Return the function that makes a predictor of the model; None if there is none."""
        return for_task("dapi.tasks", self.weights.meta.get("task"), self.model)

    def owner(self) -> str:
        """Return the distribution with the answers: that of the weights, or of the builder."""
        if not self.is_synthetic and isinstance(self.weights, Weights):
            for point in discovery.entry_points("dapi.weights"):
                if point.leads_to(type(self.weights)):
                    return point.distribution
        return self.model.distribution


def named(name: str) -> Subject:
    """Find the builder and the weights of a name.

    Raises:
        UncheckedError: It cannot be run here.
        DapiError: There is no such model.
    """
    parsed = lookup.parse(name)
    if parsed.member is not None:
        weights = lookup.get_weights(name)
        if files.missing(weights):
            raise UncheckedError(f"Its file is not in the cache. To fetch it: dapi fetch {name}")
        return Subject(lookup.find_offered(parsed), weights, False)
    model = lookup.find(name)
    return Subject(model, _template(model), True)


def _template(model: Builder) -> Weights:
    """Choose the weights whose build, transforms and postprocess a builder runs with."""
    try:
        enum = lookup.own_enum(model.load())
    except NoWeightsError as cause:
        raise UncheckedError(_NO_TASK) from cause
    members = [member for member in enum if member.status.state == "active"] or list(enum)
    if not members:
        raise UncheckedError(_NO_TASK)
    return next((member for member in members if member.latest), members[0])


def in_memory(model: nn.Module) -> tuple[Subject, str]:
    """Find the builder and the weights of a model in memory."""
    noted = provenance.find(model)
    builder = builders.find_target(noted.target) if noted else None
    if noted is None or builder is None:
        raise UncheckedError(
            "No registered builder made this model. Build it with dapi.get_model, or by a "
            "function that is decorated with dapi.register_model."
        )
    weights = noted.weights
    if isinstance(weights, Weights):
        name = f"{builder.name}:{weights.name}"
        return Subject(builder, weights, False, built=model), name
    template = weights or _template(builder)
    for name, value in template.build.config.items():
        if freeze(noted.config.get(name, value)) != value:
            given = noted.config[name]
            raise UncheckedError(f"It has {name}={given!r}, and its answers are of {value!r}.")
    return Subject(builder, template, True, built=model), builder.name
