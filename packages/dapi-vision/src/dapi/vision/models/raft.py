"""RAFT, which estimates the optical flow between two frames, with torchvision's weights."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from dapi import BuilderConfig, WeightEntry, Weights, WeightsLike, lazy, register_model
from dapi.vision.models._torchvision import pretrained, published

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import nn
    from torchvision.models.optical_flow import RAFT
    from typing_extensions import Unpack

    from dapi.vision import postprocess as postprocesses
    from dapi.vision.transforms import OpticalFlow


class RAFTConfig(BuilderConfig, total=False):
    """The parts of ``torchvision.models.optical_flow.RAFT``; by default, each is the paper's.

    Attributes:
        feature_encoder: Makes features of both frames.
        context_encoder: Makes features of the first frame, and the state that the recurrent block
            begins with.
        corr_block: Correlates the features of the frames; by its ``out_channels``, the default
            ``update_block`` is made.
        update_block: Improves the flow, once for each update.
        mask_predictor: Makes the masks by which the flow is enlarged.
    """

    feature_encoder: nn.Module | None
    context_encoder: nn.Module | None
    corr_block: nn.Module | None
    update_block: nn.Module | None
    mask_predictor: nn.Module | None


_ORIGINAL = "https://github.com/princeton-vl/RAFT"
_RECIPES = "https://github.com/pytorch/vision/tree/main/references/optical_flow"
_THINGS = ("FlyingChairs", "FlyingThings3D")
_SINTEL = (*_THINGS, "Sintel", "KITTI", "HD1K")


def _entry(
    model: str,
    file: str,
    *,
    datasets: Sequence[str],
    recipe: str,
    metrics: Mapping[str, Mapping[str, float]],
    **fields: Any,
) -> WeightEntry:
    """Describe a file; metrics are end-point errors in pixels, or outliers in percent."""
    return published(
        f"optical_flow.{model}",
        file,
        metrics=metrics,
        meta={
            "task": "optical-flow",
            "datasets": list(datasets),
            "min_size": (128, 128),
            "recipe": recipe,
        },
        transforms=lazy("dapi.vision.transforms:OpticalFlow"),
        postprocess=lazy("dapi.vision.postprocess:OpticalFlow"),
        **fields,
    )


_large = partial(_entry, "raft_large")
_small = partial(_entry, "raft_small")


class RaftLargeWeights(
    Weights, meta={"num_params": 5_257_536, "gflops": 211.007, "file_mib": 20.129}
):
    """Weights of ``raft_large``: torchvision's C_T, C_T_SKHT and C_T_SKHT_K, two of each.

    All are trained on FlyingChairs and FlyingThings3D. Those of Sintel are then tuned on a mix of
    Sintel, KITTI, HD1K and FlyingThings3D, and those of KITTI on KITTI after that. RefV1 is ported
    from the paper's, RefV2 trained by torchvision.
    """

    transforms: Callable[..., OpticalFlow]
    postprocess: Callable[..., postprocesses.OpticalFlow]

    Sintel_RefV1 = _large(
        "raft_large_C_T_SKHT_V1-0b8c9e55.pth",
        known_as="Raft_Large_Weights.C_T_SKHT_V1",
        datasets=_SINTEL,
        recipe=_ORIGINAL,
        metrics={
            "Sintel-Test-Cleanpass": {"epe": 1.94},
            "Sintel-Test-Finalpass": {"epe": 3.18},
        },
    )
    Sintel_RefV2 = _large(
        "raft_large_C_T_SKHT_V2-ff5fadd5.pth",
        sha256="ff5fadd56d26b40647388883af1547351ea17868b765c05b27231e72dd16a322",
        size=21106607,
        sources=5,
        known_as="Raft_Large_Weights.C_T_SKHT_V2",
        datasets=_SINTEL,
        recipe=_RECIPES,
        metrics={
            "Sintel-Test-Cleanpass": {"epe": 1.819},
            "Sintel-Test-Finalpass": {"epe": 3.067},
        },
        latest=True,
    )
    FlyingThings_RefV1 = _large(
        "raft_large_C_T_V1-22a6c225.pth",
        known_as="Raft_Large_Weights.C_T_V1",
        datasets=_THINGS,
        recipe=_ORIGINAL,
        metrics={
            "Sintel-Train-Cleanpass": {"epe": 1.4411},
            "Sintel-Train-Finalpass": {"epe": 2.7894},
            "Kitti-Train": {"per_image_epe": 5.0172, "fl_all": 17.4506},
        },
    )
    FlyingThings_RefV2 = _large(
        "raft_large_C_T_V2-1bb1363a.pth",
        known_as="Raft_Large_Weights.C_T_V2",
        datasets=_THINGS,
        recipe=_RECIPES,
        metrics={
            "Sintel-Train-Cleanpass": {"epe": 1.3822},
            "Sintel-Train-Finalpass": {"epe": 2.7161},
            "Kitti-Train": {"per_image_epe": 4.5118, "fl_all": 16.0679},
        },
        latest=True,
    )
    KITTI_RefV1 = _large(
        "raft_large_C_T_SKHT_K_V1-4a6a5039.pth",
        known_as="Raft_Large_Weights.C_T_SKHT_K_V1",
        datasets=_SINTEL,
        recipe=_ORIGINAL,
        metrics={
            "Kitti-Test": {"fl_all": 5.1},
        },
    )
    KITTI_RefV2 = _large(
        "raft_large_C_T_SKHT_K_V2-b5c70766.pth",
        known_as="Raft_Large_Weights.C_T_SKHT_K_V2",
        datasets=_SINTEL,
        recipe=_RECIPES,
        metrics={
            "Kitti-Test": {"fl_all": 5.19},
        },
        latest=True,
    )


@register_model(weights=RaftLargeWeights, legacy=pretrained(RaftLargeWeights.Sintel_RefV2))
def raft_large(
    *,
    weights: WeightsLike[RaftLargeWeights] | None = None,
    progress: bool = True,
    **config: Unpack[RAFTConfig],
) -> RAFT:
    """Build a RAFT, which estimates the optical flow between two frames.

    `RAFT: Recurrent All-Pairs Field Transforms for Optical Flow
    <https://arxiv.org/abs/2003.12039>`_, Teed and Deng, 2020. The model takes two batches of float
    images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, whose height and width are
    multiples of 8 and 128 or more, and ``num_flow_updates``, by default 12. It returns a list of
    flows ``(N, 2, H, W)``, to the right and down in pixels, each better than the one before.

    Args:
        weights: The weights to load, downloaded on first use. None downloads nothing.
        progress: Show a progress bar while downloading, on a terminal.
        **config: Other parts, see ``RAFTConfig``.

    Returns:
        The model, in training mode.

    Raises:
        DapiError: See ``dapi.build_model``.

    Example:
        >>> from dapi.vision import raft_large
        >>> model = raft_large(weights=None, device="meta")
        >>> model.corr_block.radius
        4
    """
    from torch.nn import BatchNorm2d
    from torchvision.models.optical_flow.raft import MaskPredictor, ResidualBlock

    return _raft(
        block=ResidualBlock,
        features=(64, 64, 96, 128, 256),
        context=(64, 64, 96, 128, 256),
        context_norm=BatchNorm2d,
        radius=4,
        correlation_layers=(256, 192),
        flow_layers=(128, 64),
        motion_channels=128,
        hidden_size=128,
        kernels=((1, 5), (5, 1)),
        paddings=((0, 2), (2, 0)),
        flow_head=256,
        # The paper scales the gradient of the upsampler.
        upsampler=partial(MaskPredictor, hidden_size=256, multiplier=0.25),
        **config,
    )


class RaftSmallWeights(Weights, meta={"num_params": 990_162, "gflops": 47.655, "file_mib": 3.821}):
    """Weights of ``raft_small``: torchvision's C_T_V1 and C_T_V2.

    Both are trained on FlyingChairs and FlyingThings3D. RefV1 is ported from the paper's, RefV2
    trained by torchvision.
    """

    transforms: Callable[..., OpticalFlow]
    postprocess: Callable[..., postprocesses.OpticalFlow]

    FlyingThings_RefV1 = _small(
        "raft_small_C_T_V1-ad48884c.pth",
        known_as="Raft_Small_Weights.C_T_V1",
        datasets=_THINGS,
        recipe=_ORIGINAL,
        metrics={
            "Sintel-Train-Cleanpass": {"epe": 2.1231},
            "Sintel-Train-Finalpass": {"epe": 3.279},
            "Kitti-Train": {"per_image_epe": 7.6557, "fl_all": 25.2801},
        },
    )
    FlyingThings_RefV2 = _small(
        "raft_small_C_T_V2-01064c6d.pth",
        sha256="01064c6dba73b0fc9fc8edf772248560a00a3acfd62ac6677e9eeebad9680e27",
        sources=4,
        known_as="Raft_Small_Weights.C_T_V2",
        datasets=_THINGS,
        recipe=_RECIPES,
        metrics={
            "Sintel-Train-Cleanpass": {"epe": 1.9901},
            "Sintel-Train-Finalpass": {"epe": 3.2831},
            "Kitti-Train": {"per_image_epe": 7.5978, "fl_all": 25.2369},
        },
        latest=True,
    )


@register_model(weights=RaftSmallWeights, legacy=pretrained(RaftSmallWeights.FlyingThings_RefV2))
def raft_small(
    *,
    weights: WeightsLike[RaftSmallWeights] | None = None,
    progress: bool = True,
    **config: Unpack[RAFTConfig],
) -> RAFT:
    """Build the small RAFT, which enlarges its flow by interpolation.

    Takes two batches of float images ``(N, 3, H, W)`` as ``weights.transforms()`` makes them, of
    128 pixels or more a side, and ``num_flow_updates``. Returns a list of flows ``(N, 2, H, W)``,
    to the right and down in pixels, each better than the one before.
    """
    from torchvision.models.optical_flow.raft import BottleneckBlock

    return _raft(
        block=BottleneckBlock,
        features=(32, 32, 64, 96, 128),
        context=(32, 32, 64, 96, 160),
        context_norm=None,
        radius=3,
        correlation_layers=(96,),
        flow_layers=(64, 32),
        motion_channels=82,
        hidden_size=96,
        kernels=(3,),
        paddings=(1,),
        flow_head=128,
        upsampler=None,
        **config,
    )


def _raft(
    *,
    block: type[nn.Module],
    features: Sequence[int],
    context: Sequence[int],
    context_norm: type[nn.Module] | None,
    radius: int,
    correlation_layers: Sequence[int],
    flow_layers: Sequence[int],
    motion_channels: int,
    hidden_size: int,
    kernels: Sequence[Any],
    paddings: Sequence[Any],
    flow_head: int,
    upsampler: Callable[..., nn.Module] | None,
    **given: Any,
) -> RAFT:
    """Construct a RAFT.

    Args:
        block: Of both encoders.
        features: Channels of the feature encoder's layers.
        context: Channels of the context encoder's layers; the last holds the state that the
            recurrent block begins with, too.
        context_norm: Normalization in the context encoder.
        radius: How far, in pixels, correlations are looked up on each of four levels.
        correlation_layers: Channels of the motion encoder's layers over correlations.
        flow_layers: The same over the flow.
        motion_channels: Channels of the motion encoder's output.
        hidden_size: Channels of the recurrent block's state.
        kernels: Its convolutions' kernels.
        paddings: Their paddings.
        flow_head: Channels inside the layers that predict the flow.
        upsampler: Module that enlarges the flow; None interpolates.
        **given: Parts of the caller's, see ``RAFTConfig``.
    """
    from torch.nn import InstanceNorm2d
    from torchvision.models.optical_flow import raft

    # As in torchvision, None selects the default. A default that the caller replaces is not built.
    parts = {name: part for name, part in given.items() if part is not None}
    encoder = partial(raft.FeatureEncoder, block=block)
    correlation = parts.get("corr_block") or raft.CorrBlock(num_levels=4, radius=radius)

    def update_block() -> nn.Module:
        motion = raft.MotionEncoder(
            in_channels_corr=correlation.out_channels,
            corr_layers=correlation_layers,
            flow_layers=flow_layers,
            out_channels=motion_channels,
        )
        recurrent = raft.RecurrentBlock(
            input_size=motion.out_channels + context[-1] - hidden_size,
            hidden_size=hidden_size,
            kernel_size=kernels,
            padding=paddings,
        )
        head = raft.FlowHead(in_channels=hidden_size, hidden_size=flow_head)
        update: nn.Module = raft.UpdateBlock(
            motion_encoder=motion, recurrent_block=recurrent, flow_head=head
        )
        return update

    return raft.RAFT(
        feature_encoder=parts.get("feature_encoder")
        or encoder(layers=features, norm_layer=InstanceNorm2d),
        context_encoder=parts.get("context_encoder")
        or encoder(layers=context, norm_layer=context_norm),
        corr_block=correlation,
        update_block=parts.get("update_block") or update_block(),
        mask_predictor=parts.get("mask_predictor")
        or (upsampler and upsampler(in_channels=hidden_size)),
    )
