"""The class ``starter_owner:Starter``, with weights in files of other distributions.

Imports only ``dapi``: listing models and their weights needs no PyTorch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dapi import (
    BuilderConfig,
    WeightEntry,
    Weights,
    WeightsLike,
    register_model,
)

if TYPE_CHECKING:
    from torch import nn
    from typing_extensions import Unpack

__all__ = [
    "AcmeStarterMLPWeights",
    "acme_starter_mlp",
]


class AcmeStarterMLPConfig(BuilderConfig, total=False):
    """The arguments of the class that have a default."""

    starter_option: Any


class AcmeStarterMLPWeights(Weights):
    """Weights of ``acme_starter_mlp``, in files of other distributions."""

    AcmeStarter_RefV1 = WeightEntry(url="https://example.org/starter.safetensors")


@register_model(weights=AcmeStarterMLPWeights)
def acme_starter_mlp(
    *,
    weights: WeightsLike[AcmeStarterMLPWeights] | None = None,
    progress: bool = True,
    starter_argument: Any,
    **config: Unpack[AcmeStarterMLPConfig],
) -> nn.Module:
    """Build ``starter_owner:Starter``.

    Args:
        weights: The weights to load; None initializes at random.
        progress: Show a progress bar while downloading, on a terminal.
        starter_argument: As of the class.
        **config: Other arguments of the class; ``device`` and ``dtype``, see
            ``dapi.BuilderConfig``.

    Returns:
        The model, in training mode unless its constructor says otherwise.

    Raises:
        DapiError: See ``dapi.build_model``.
    """
    from starter_owner import Starter

    arguments: dict[str, Any] = {
        **config,
        "starter_argument": starter_argument,
    }
    model: nn.Module = Starter(**arguments)
    return model
