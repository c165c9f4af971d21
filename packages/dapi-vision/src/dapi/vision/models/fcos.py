"""FCOS, a detector without anchors, with torchvision's weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dapi import Build, BuilderConfig, WeightEntry, Weights, WeightsLike, lazy, register_model
from dapi.vision.models._detection import DETECTION_RECIPES, DetectionWeights, detection
from dapi.vision.models._torchvision import pretrained, pretrained_backbone
from dapi.vision.models.cifar_resnet import DIGITS, DIGITS_SOURCE, NOT_TRAINED_ON, ResNet20Weights
from dapi.vision.models.resnet import ResNet50Weights

if TYPE_CHECKING:
    from torch import nn
    from torchvision.models.detection import FCOS
    from typing_extensions import Unpack

    from dapi.vision.postprocess import Detection
    from dapi.vision.transforms import GrayscaleDetection

_RECIPE = "recipes/fcos_resnet20_fpn_digits.py"
_DIGITS = ["__background__", *map(str, range(10))]


def _digits(file: str, *, sha256: str, size: int, ap: float, ap50: float) -> dict[str, Any]:
    """Return the fields of weights that detect digits, with their two precisions in percent."""
    scenes = {"dataset": "Scenes of digits, held out", "source": _RECIPE}
    return {
        "url": f"package:dapi.vision/models/data/{file}",
        "sha256": sha256,
        "size": size,
        "transforms": lazy("dapi.vision.transforms:GrayscaleDetection"),
        # Digits never overlap: if two labels compete for one, the higher score wins.
        "postprocess": lazy(
            "dapi.vision.postprocess:Detection", categories=_DIGITS, nms_threshold=0.5
        ),
        "meta": {
            "task": "object-detection",
            "license": "BSD-3-Clause",
            "license_source": "the LICENSE of this distribution: we trained them",
            "datasets": [DIGITS],
            "dataset_source": DIGITS_SOURCE,
            "not_trained_on": NOT_TRAINED_ON,
            "metrics": [
                {"name": "AP", "value": ap, **scenes},
                {"name": "AP@50", "value": ap50, **scenes},
            ],
            "recipe": _RECIPE,
            "hash_source": "measured from the file in this distribution",
            "categories": _DIGITS,
            "min_size": (1, 1),
        },
        "build": Build(
            config={
                "in_channels": 1,
                "num_classes": 11,
                "image_mean": [0.3061],
                "image_std": [0.3228],
            },
            defaults={"min_size": 96, "max_size": 960},
        ),
    }


class FCOSConfig(BuilderConfig, total=False):
    """More arguments of ``torchvision.models.detection.FCOS``, but those that make its head.

    Attributes:
        min_size: Length in pixels that the shorter side of an image is resized to.
        max_size: Maximum length of its longer side, in pixels.
        image_mean: Mean of each channel, which is subtracted first.
        image_std: Standard deviation of each channel, by which it is then divided.
        size_divisible: Height and width of a batch are padded to multiples of this.
        fixed_size: Width and height that every image is resized to instead.
        center_sampling_radius: Radius around an object's center that counts as positive, in strides
            of the level.
        score_thresh: Score below which boxes are dropped, in eval mode.
        nms_thresh: Overlap (IoU) above which the lower-scoring of two boxes is suppressed.
        detections_per_img: Maximum number of boxes per image.
        topk_candidates: Maximum number of boxes per level before non-maximum suppression.
    """

    min_size: int
    max_size: int
    image_mean: list[float] | None
    image_std: list[float] | None
    size_divisible: int
    fixed_size: tuple[int, int] | None
    center_sampling_radius: float
    score_thresh: float
    nms_thresh: float
    detections_per_img: int
    topk_candidates: int


class FCOSResNet50FPNConfig(FCOSConfig, total=False):
    """More arguments of ``torchvision.models.detection.FCOS``.

    Attributes:
        anchor_generator: Module that places one anchor at each position of a level.
        head: Module that predicts classes and boxes from features.
    """

    anchor_generator: nn.Module | None
    head: nn.Module | None


class FCOSResNet20FPNWeights(Weights, meta={"num_params": 467_328}):
    """Weights of ``fcos_resnet20_fpn``. Their files come with this distribution.

    They find handwritten digits, bright on dark or dark on bright, among other marks: in gray
    scenes that recipes/digit_scenes.py composes of scikit-learn's digits. RefV1 is trained from
    random numbers, and misses half of them. RefV2 starts from ``ResNet20Weights.Digits_RefV2``,
    sees more digits a scene, and is trained longer.
    """

    transforms: Callable[..., GrayscaleDetection]
    postprocess: Callable[..., Detection]

    Digits_RefV1 = WeightEntry(
        **_digits(
            "fcos_resnet20_fpn_digits_v1.safetensors",
            sha256="bbae9325ac5667785c86ea98be0acee1acb83e48cd6d918e0901904596d33aa7",
            size=1888864,
            ap=38.9,
            ap50=47.1,
        ),
    )
    Digits_RefV2 = WeightEntry(
        **_digits(
            "fcos_resnet20_fpn_digits_v2.safetensors",
            sha256="5b6093a70b38e757d72ac5449456ddfb7ff0646aa48840480386f4613a2c4b9d",
            size=1888864,
            ap=85.8,
            ap50=97.1,
        ),
        latest=True,
    )


@register_model(weights=FCOSResNet20FPNWeights, head=("head.classification_head.cls_logits",))
def fcos_resnet20_fpn(
    *,
    weights: WeightsLike[FCOSResNet20FPNWeights] | None = None,
    weights_backbone: WeightsLike[ResNet20Weights] | None = None,
    progress: bool = True,
    num_classes: int = 11,
    in_channels: int = 3,
    **config: Unpack[FCOSConfig],
) -> FCOS:
    """Build a small FCOS over a ResNet-20, which finds digits in milliseconds on a CPU.

    The pyramid has 64 channels and two levels, of 4 and 8 pixels a step, and each branch of the
    head two convolutions: half a million parameters. Nothing is ever frozen, and batch norm is
    plain. Does not touch the network: its weights come with the distribution.

    Takes a list of float images ``(in_channels, H, W)`` with values 0 to 1, and in eval mode
    returns for each a dict of ``boxes`` ``(N, 4)`` as x1, y1, x2, y2 in pixels, ``labels`` ``(N,)``
    and ``scores`` ``(N,)``, best first; in training mode it also takes a list of targets
    (``boxes`` and ``labels``), and returns a dict of losses.

    Args:
        weights: The weights to load; None initializes at random.
        weights_backbone: Weights of the ResNet-20 backbone; not loaded when ``weights`` are given.
        progress: Show a progress bar while downloading other weights, on a terminal.
        num_classes: Number of classes, including the background. A value other than the weights'
            requires ``new_head=True``.
        in_channels: Channels of the images; weights for digits fix it to 1. Other than 3 needs
            ``image_mean`` and ``image_std`` of that length.
        **config: More arguments, see ``FCOSConfig``. The weights set ``min_size``, which the
            shorter side of an image becomes, to 96, and know digits that are then 11 to 45 pixels
            high: for a row that fills its picture give 48, for small digits more.

    Returns:
        The model, in training mode.

    Raises:
        DapiError: See ``dapi.build_model``.

    Example:
        >>> from dapi.vision import FCOSResNet20FPNWeights, fcos_resnet20_fpn
        >>> model = fcos_resnet20_fpn(weights=FCOSResNet20FPNWeights.Digits_RefV2)
        >>> model.backbone.out_channels
        64
    """
    from torchvision.models.detection import FCOS
    from torchvision.models.detection.anchor_utils import AnchorGenerator
    from torchvision.models.detection.fcos import FCOSHead

    from dapi.vision.models._backbones import resnet20_fpn

    backbone = resnet20_fpn(weights_backbone, progress=progress, in_channels=in_channels)
    anchors = AnchorGenerator(sizes=((4,), (8,)), aspect_ratios=((1.0,), (1.0,)))
    head = FCOSHead(backbone.out_channels, 1, num_classes, num_convs=2)
    return FCOS(backbone, num_classes, anchor_generator=anchors, head=head, **config)


class FCOSResNet50FPNWeights(DetectionWeights, meta={"num_params": 32_269_600, "gflops": 128.207}):
    """Weights of ``fcos_resnet50_fpn``: torchvision's COCO_V1."""

    COCO_RefV1 = detection(
        "fcos_resnet50_fpn",
        "fcos_resnet50_fpn_coco-99b0c9b7.pth",
        sha256="99b0c9b7cfb1527d782db86b91d207f00547c792fb4103fc612b651d0a07b9e7",
        size=129612099,
        sources=4,
        known_as="FCOS_ResNet50_FPN_Weights.COCO_V1",
        average_precision={"box_map": 39.2},
        recipe=f"{DETECTION_RECIPES}#fcos-resnet-50-fpn",
        latest=True,
    )


@register_model(
    weights=FCOSResNet50FPNWeights,
    head="head.classification_head.cls_logits",
    legacy=[
        pretrained(FCOSResNet50FPNWeights.COCO_RefV1),
        pretrained_backbone(ResNet50Weights.ImageNet1K_RefV1),
    ],
)
def fcos_resnet50_fpn(
    *,
    weights: WeightsLike[FCOSResNet50FPNWeights] | None = None,
    weights_backbone: WeightsLike[ResNet50Weights] | None = None,
    trainable_backbone_layers: int | None = None,
    progress: bool = True,
    num_classes: int = 91,
    **config: Unpack[FCOSResNet50FPNConfig],
) -> FCOS:
    """Build an FCOS with a ResNet-50 and a feature pyramid, which detects objects.

    `FCOS: Fully Convolutional One-Stage Object Detection <https://arxiv.org/abs/1904.01355>`_,
    Tian et al., 2019, with the centers of `FCOS: A simple and strong anchor-free object detector
    <https://arxiv.org/abs/2006.09214>`_. The model takes a list of float images ``(3, H, W)`` with
    values 0 to 1, of different sizes, and in training a list of targets (``boxes`` and
    ``labels``). In eval mode it returns for each image a dict of ``boxes`` ``(N, 4)`` as x1, y1,
    x2, y2 in pixels, ``labels`` ``(N,)`` and ``scores`` ``(N,)``, best first; in training mode a
    dict of losses.

    As in torchvision, the architecture depends on whether any weights are given: then the
    backbone's batch norm is frozen (FrozenBatchNorm2d), and of its layers the last three are
    trained; without weights everything is.

    Args:
        weights: The weights to load, downloaded on first use. None downloads nothing.
        weights_backbone: Weights of the ResNet-50 backbone; not downloaded when ``weights`` are
            given.
        trainable_backbone_layers: Number of trainable backbone layers, counted from the last: 0 to
            5; by default 3. Without weights it is ignored, and all are trainable.
        progress: Show a progress bar while downloading, on a terminal.
        num_classes: Number of classes, including the background. A value other than the weights'
            requires ``new_head=True``.
        **config: More arguments, see ``FCOSResNet50FPNConfig``.

    Returns:
        The model, in training mode.

    Raises:
        ValueError: ``trainable_backbone_layers`` is out of range.
        DapiError: See ``dapi.build_model``.

    Example:
        >>> from dapi.vision import fcos_resnet50_fpn
        >>> model = fcos_resnet50_fpn(weights=None, num_classes=3, device="meta")
        >>> model.head.classification_head.cls_logits.out_channels
        3
    """
    from torchvision.models.detection import FCOS

    from dapi.vision.models._backbones import resnet50_fpn

    backbone = resnet50_fpn(
        weights,
        weights_backbone,
        trainable_backbone_layers,
        progress=progress,
        further_from=256,
    )
    return FCOS(backbone, num_classes, **config)
