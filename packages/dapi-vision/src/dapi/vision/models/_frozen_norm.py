"""FrozenBatchNorm2d with a default eps that weights can set."""

from __future__ import annotations

from torchvision.ops import FrozenBatchNorm2d as TorchvisionFrozenBatchNorm2d

from dapi import ContextParams


class FrozenBatchNorm2d(TorchvisionFrozenBatchNorm2d):  # type: ignore[misc]  # untyped
    """Batch norm whose statistics and affine parameters are buffers, and never change.

    The default of ``eps`` was 0 until 2020 and is 1e-5 since then (vision#2599, vision#2933).
    Models trained before keep 0 (vision#2940): their weights set it in a context.

    Args:
        num_features: Channels of the input ``(N, C, H, W)``.
        eps: Added to the variance; by default the value of ``dapi.ContextParams``, else 1e-5.
    """

    def __init__(self, num_features: int, eps: float | None = None) -> None:
        if eps is None:
            eps = ContextParams.get(self, "eps", 1e-5)
        super().__init__(num_features, eps=eps)
