"""Subject: the model that is exported, and whether it is still the published one."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, NamedTuple

import torch
from torch import nn

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
    """Whether a tensor of a model is not that of its weights; true where this cannot be found out.

    An entry has no model of its own: its tensors are compared by the keys of its file.
    """
    own = model.state_dict()
    try:
        is_member = isinstance(weights, Weights)
        published = dapi.get_model(weights).state_dict() if is_member else weights.state_dict()
    except DapiError:  # such as a file that is no longer in the cache, without a network
        return True
    return not all(
        isinstance(tensor, torch.Tensor) and _is_same(tensor, published.get(key))
        for key, tensor in own.items()
    )


def _is_same(own: torch.Tensor, published: torch.Tensor | None) -> bool:
    """Whether a tensor has the published values, in its own dtype."""
    return (
        published is not None
        and own.shape == published.shape
        and torch.equal(own, published.to(own.dtype))
    )
