"""Subject: the model that is exported, and whether it is still the published one."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

import dapi
from dapi import WeightEntry, Weights
from dapi.exceptions import ArgumentError, DapiError


class Subject(NamedTuple):
    """A model to export.

    Attributes:
        model: The model, in evaluation mode on the CPU.
        weights: The weights that it was built with.
        is_changed: Whether its parameters are no longer those of its weights.
    """

    model: nn.Module
    weights: Weights | WeightEntry
    is_changed: bool = False


def find(subject: Any) -> Subject:
    """Return the model of a name or of weights, or the given model.

    Raises:
        ArgumentError: It is none of them.
        DapiError: As in ``dapi.get_model`` and ``dapi.weights_of``.
    """
    if isinstance(subject, nn.Module):
        weights = dapi.weights_of(subject)
        is_ready = not subject.training and _is_on_cpu(subject)
        model = subject if is_ready else deepcopy(subject).cpu().eval()
        return Subject(model, weights, _is_changed(model, weights))
    if isinstance(subject, str | Weights):
        model = dapi.get_model(subject).eval()
        return Subject(model, dapi.weights_of(model))
    expected = "a name, weights, or a model"
    raise ArgumentError("dapi.export.export", "subject", subject, expected=expected)


def _is_on_cpu(model: nn.Module) -> bool:
    return all(each.device.type == "cpu" for each in (*model.parameters(), *model.buffers()))


def _is_changed(model: nn.Module, weights: Weights | WeightEntry) -> bool:
    """Whether a model has other values than its weights; true where that cannot be found out."""
    try:
        published = _published(weights)
    except DapiError:  # such as a file that is no longer in the cache, without a network
        return True
    own = {key: each for key, each in model.state_dict().items() if isinstance(each, Tensor)}
    computed = own.keys() - dict(model.named_parameters(remove_duplicate=False))
    missing = own.keys() - published.keys() - computed
    return bool(missing) or not all(
        _is_same(own[key], published[key]) for key in own if key in published
    )


def _published(weights: Weights | WeightEntry) -> dict[str, Tensor]:
    """Return the tensors of weights by the keys of the model."""
    if isinstance(weights, Weights):
        return dapi.get_model(weights).state_dict()
    # An entry does not know its builder, but the steps from its file to the keys of the model.
    tensors, build = weights.state_dict(), weights.build
    for step in build.adapt[1:] if build.take else build.adapt:  # state_dict has taken the first
        tensors = step(tensors, build.config)
    return tensors


def _is_same(own: Tensor, published: Tensor) -> bool:
    """Whether a tensor has the published values, in its own dtype."""
    return own.shape == published.shape and torch.equal(own, published.to(own.dtype))
