"""Licenses of torchvision's weights, where a publisher states one.

torchvision states none: by its README, terms may follow from the data sets that the models were
trained on, and the license of its repository is that of the code. timm publishes some of the
weights again, and its model cards state a license; that of any other file stays "unknown".
"""

from __future__ import annotations

from collections.abc import Mapping

_CARD = "https://huggingface.co/timm/{}"

# Files that timm's own table names by their URL, and the model that it has them as; those of VGG
# and DenseNet in its earlier releases, before it had copies of its own.
_BSD: Mapping[str, str] = {
    "regnet_x_16gf-ba3796d7.pth": "regnetx_160.tv2_in1k",
    "regnet_x_1_6gf-a12f2b72.pth": "regnetx_016.tv2_in1k",
    "regnet_x_32gf-6eb8fdc6.pth": "regnetx_320.tv2_in1k",
    "regnet_x_3_2gf-7071aa85.pth": "regnetx_032.tv2_in1k",
    "regnet_x_400mf-62229a5f.pth": "regnetx_004_tv.tv2_in1k",
    "regnet_x_800mf-94a99ebd.pth": "regnetx_008.tv2_in1k",
    "regnet_x_8gf-2b70d774.pth": "regnetx_080.tv2_in1k",
    "regnet_y_16gf-3e4a00f9.pth": "regnety_160.tv2_in1k",
    "regnet_y_1_6gf-0d7bc02a.pth": "regnety_016.tv2_in1k",
    "regnet_y_32gf-8db6d4b5.pth": "regnety_320.tv2_in1k",
    "regnet_y_3_2gf-9180c971.pth": "regnety_032.tv2_in1k",
    "regnet_y_400mf-e6988f5f.pth": "regnety_004.tv2_in1k",
    "regnet_y_800mf-58fc7688.pth": "regnety_008_tv.tv2_in1k",
    "regnet_y_8gf-dc2b1b54.pth": "regnety_080_tv.tv2_in1k",
    "resnet101-63fe2227.pth": "resnet101.tv_in1k",
    "resnet101-cd907fc2.pth": "resnet101.tv2_in1k",
    "resnet152-394f9c45.pth": "resnet152.tv_in1k",
    "resnet152-f82ba261.pth": "resnet152.tv2_in1k",
    "resnet18-f37072fd.pth": "resnet18.tv_in1k",
    "resnet34-b627a593.pth": "resnet34.tv_in1k",
    "resnet50-0676ba61.pth": "resnet50.tv_in1k",
    "resnet50-11ad3fa6.pth": "resnet50.tv2_in1k",
    "resnext101_32x8d-110c445d.pth": "resnext101_32x8d.tv2_in1k",
    "resnext101_32x8d-8ba56ff5.pth": "resnext101_32x8d.tv_in1k",
    "resnext101_64x4d-173b62eb.pth": "resnext101_64x4d.tv_in1k",
    "resnext50_32x4d-1a0047aa.pth": "resnext50_32x4d.tv2_in1k",
    "resnext50_32x4d-7cdf4587.pth": "resnext50_32x4d.tv_in1k",
    "wide_resnet101_2-32ee1156.pth": "wide_resnet101_2.tv_in1k",
    "wide_resnet101_2-d733dc28.pth": "wide_resnet101_2.tv2_in1k",
    "wide_resnet50_2-95faca4d.pth": "wide_resnet50_2.tv_in1k",
    "wide_resnet50_2-9ba9bcbe.pth": "wide_resnet50_2.tv2_in1k",
    "vgg11_bn-6002323d.pth": "vgg11_bn.tv_in1k",
    "vgg13_bn-abd245e5.pth": "vgg13_bn.tv_in1k",
    "vgg16-397923af.pth": "vgg16.tv_in1k",
    "vgg16_bn-6c64b313.pth": "vgg16_bn.tv_in1k",
    "vgg19-dcbb9e9d.pth": "vgg19.tv_in1k",
    "vgg19_bn-c79401a0.pth": "vgg19_bn.tv_in1k",
}

# EfficientNet-B0 to B4 were trained by timm's author. torchvision ported them: it first had them
# under names with timm's digits of a hash, as in efficientnet_b0_rwightman-3dd342df.pth.
_APACHE: Mapping[str, str] = {
    "densenet121-a639ec97.pth": "densenet121.tv_in1k",
    "densenet161-8d451a50.pth": "densenet161.tv_in1k",
    "densenet169-b2777c0a.pth": "densenet169.tv_in1k",
    "densenet201-c1103571.pth": "densenet201.tv_in1k",
    "efficientnet_b0_rwightman-7f5810bc.pth": "efficientnet_b0.ra_in1k",
    "efficientnet_b1_rwightman-bac287d4.pth": "efficientnet_b1.ft_in1k",
    "efficientnet_b2_rwightman-c35c1473.pth": "efficientnet_b2.ra_in1k",
    "efficientnet_b3_rwightman-b3899882.pth": "efficientnet_b3.ra2_in1k",
    "efficientnet_b4_rwightman-23ab8bcd.pth": "efficientnet_b4.ra2_in1k",
}


def stated(file: str) -> dict[str, str]:
    """Return the license of a file and where it is stated; "unknown" if it is not stated."""
    for license_, cards in (("BSD-3-Clause", _BSD), ("Apache-2.0", _APACHE)):
        if file in cards:
            return {"license": license_, "license_source": _CARD.format(cards[file])}
    return {"license": "unknown"}
