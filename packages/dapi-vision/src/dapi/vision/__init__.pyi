from .models.alexnet import AlexNetWeights as AlexNetWeights
from .models.alexnet import alexnet as alexnet
from .models.cifar_resnet import ResNet20V2Weights as ResNet20V2Weights
from .models.cifar_resnet import ResNet20Weights as ResNet20Weights
from .models.cifar_resnet import resnet20 as resnet20
from .models.cifar_resnet import resnet20_v2 as resnet20_v2
from .models.convnext import ConvNeXtBaseWeights as ConvNeXtBaseWeights
from .models.convnext import ConvNeXtLargeWeights as ConvNeXtLargeWeights
from .models.convnext import ConvNeXtSmallWeights as ConvNeXtSmallWeights
from .models.convnext import ConvNeXtTinyWeights as ConvNeXtTinyWeights
from .models.convnext import convnext_base as convnext_base
from .models.convnext import convnext_large as convnext_large
from .models.convnext import convnext_small as convnext_small
from .models.convnext import convnext_tiny as convnext_tiny
from .models.deeplabv3 import DeepLabV3MobileNetV3LargeWeights as DeepLabV3MobileNetV3LargeWeights
from .models.deeplabv3 import DeepLabV3ResNet50Weights as DeepLabV3ResNet50Weights
from .models.deeplabv3 import DeepLabV3ResNet101Weights as DeepLabV3ResNet101Weights
from .models.deeplabv3 import deeplabv3_mobilenet_v3_large as deeplabv3_mobilenet_v3_large
from .models.deeplabv3 import deeplabv3_resnet50 as deeplabv3_resnet50
from .models.deeplabv3 import deeplabv3_resnet101 as deeplabv3_resnet101
from .models.densenet import DenseNet121Weights as DenseNet121Weights
from .models.densenet import DenseNet161Weights as DenseNet161Weights
from .models.densenet import DenseNet169Weights as DenseNet169Weights
from .models.densenet import DenseNet201Weights as DenseNet201Weights
from .models.densenet import densenet121 as densenet121
from .models.densenet import densenet161 as densenet161
from .models.densenet import densenet169 as densenet169
from .models.densenet import densenet201 as densenet201
from .models.efficientnet import EfficientNetB0Weights as EfficientNetB0Weights
from .models.efficientnet import EfficientNetB1Weights as EfficientNetB1Weights
from .models.efficientnet import EfficientNetB2Weights as EfficientNetB2Weights
from .models.efficientnet import EfficientNetB3Weights as EfficientNetB3Weights
from .models.efficientnet import EfficientNetB4Weights as EfficientNetB4Weights
from .models.efficientnet import EfficientNetB5Weights as EfficientNetB5Weights
from .models.efficientnet import EfficientNetB6Weights as EfficientNetB6Weights
from .models.efficientnet import EfficientNetB7Weights as EfficientNetB7Weights
from .models.efficientnet import EfficientNetV2LWeights as EfficientNetV2LWeights
from .models.efficientnet import EfficientNetV2MWeights as EfficientNetV2MWeights
from .models.efficientnet import EfficientNetV2SWeights as EfficientNetV2SWeights
from .models.efficientnet import efficientnet_b0 as efficientnet_b0
from .models.efficientnet import efficientnet_b1 as efficientnet_b1
from .models.efficientnet import efficientnet_b2 as efficientnet_b2
from .models.efficientnet import efficientnet_b3 as efficientnet_b3
from .models.efficientnet import efficientnet_b4 as efficientnet_b4
from .models.efficientnet import efficientnet_b5 as efficientnet_b5
from .models.efficientnet import efficientnet_b6 as efficientnet_b6
from .models.efficientnet import efficientnet_b7 as efficientnet_b7
from .models.efficientnet import efficientnet_v2_l as efficientnet_v2_l
from .models.efficientnet import efficientnet_v2_m as efficientnet_v2_m
from .models.efficientnet import efficientnet_v2_s as efficientnet_v2_s
from .models.efficientnet_lite import EfficientNetLite0Weights as EfficientNetLite0Weights
from .models.efficientnet_lite import EfficientNetLite1Weights as EfficientNetLite1Weights
from .models.efficientnet_lite import EfficientNetLite2Weights as EfficientNetLite2Weights
from .models.efficientnet_lite import efficientnet_lite0 as efficientnet_lite0
from .models.efficientnet_lite import efficientnet_lite1 as efficientnet_lite1
from .models.efficientnet_lite import efficientnet_lite2 as efficientnet_lite2
from .models.faster_rcnn import (
    FasterRCNNMobileNetV3Large320FPNWeights as FasterRCNNMobileNetV3Large320FPNWeights,
)
from .models.faster_rcnn import (
    FasterRCNNMobileNetV3LargeFPNWeights as FasterRCNNMobileNetV3LargeFPNWeights,
)
from .models.faster_rcnn import FasterRCNNResNet50FPNV2Weights as FasterRCNNResNet50FPNV2Weights
from .models.faster_rcnn import FasterRCNNResNet50FPNWeights as FasterRCNNResNet50FPNWeights
from .models.faster_rcnn import (
    fasterrcnn_mobilenet_v3_large_320_fpn as fasterrcnn_mobilenet_v3_large_320_fpn,
)
from .models.faster_rcnn import (
    fasterrcnn_mobilenet_v3_large_fpn as fasterrcnn_mobilenet_v3_large_fpn,
)
from .models.faster_rcnn import fasterrcnn_resnet50_fpn as fasterrcnn_resnet50_fpn
from .models.faster_rcnn import fasterrcnn_resnet50_fpn_v2 as fasterrcnn_resnet50_fpn_v2
from .models.fcn import FCNResNet50Weights as FCNResNet50Weights
from .models.fcn import FCNResNet101Weights as FCNResNet101Weights
from .models.fcn import fcn_resnet50 as fcn_resnet50
from .models.fcn import fcn_resnet101 as fcn_resnet101
from .models.fcos import FCOSResNet20FPNWeights as FCOSResNet20FPNWeights
from .models.fcos import FCOSResNet50FPNWeights as FCOSResNet50FPNWeights
from .models.fcos import fcos_resnet20_fpn as fcos_resnet20_fpn
from .models.fcos import fcos_resnet50_fpn as fcos_resnet50_fpn
from .models.googlenet import GoogLeNetWeights as GoogLeNetWeights
from .models.googlenet import googlenet as googlenet
from .models.inception import InceptionV3Weights as InceptionV3Weights
from .models.inception import inception_v3 as inception_v3
from .models.keypoint_rcnn import KeypointRCNNResNet50FPNWeights as KeypointRCNNResNet50FPNWeights
from .models.keypoint_rcnn import keypointrcnn_resnet50_fpn as keypointrcnn_resnet50_fpn
from .models.lraspp import LRASPPMobileNetV3LargeWeights as LRASPPMobileNetV3LargeWeights
from .models.lraspp import lraspp_mobilenet_v3_large as lraspp_mobilenet_v3_large
from .models.mask_rcnn import MaskRCNNResNet50FPNV2Weights as MaskRCNNResNet50FPNV2Weights
from .models.mask_rcnn import MaskRCNNResNet50FPNWeights as MaskRCNNResNet50FPNWeights
from .models.mask_rcnn import maskrcnn_resnet50_fpn as maskrcnn_resnet50_fpn
from .models.mask_rcnn import maskrcnn_resnet50_fpn_v2 as maskrcnn_resnet50_fpn_v2
from .models.maxvit import MaxVitTWeights as MaxVitTWeights
from .models.maxvit import maxvit_t as maxvit_t
from .models.mnasnet import MNASNet0_5Weights as MNASNet0_5Weights
from .models.mnasnet import MNASNet0_75Weights as MNASNet0_75Weights
from .models.mnasnet import MNASNet1_0Weights as MNASNet1_0Weights
from .models.mnasnet import MNASNet1_3Weights as MNASNet1_3Weights
from .models.mnasnet import mnasnet0_5 as mnasnet0_5
from .models.mnasnet import mnasnet0_75 as mnasnet0_75
from .models.mnasnet import mnasnet1_0 as mnasnet1_0
from .models.mnasnet import mnasnet1_3 as mnasnet1_3
from .models.mobilenet_v2 import MobileNetV2Weights as MobileNetV2Weights
from .models.mobilenet_v2 import mobilenet_v2 as mobilenet_v2
from .models.mobilenet_v3 import MobileNetV3LargeWeights as MobileNetV3LargeWeights
from .models.mobilenet_v3 import MobileNetV3SmallWeights as MobileNetV3SmallWeights
from .models.mobilenet_v3 import mobilenet_v3_large as mobilenet_v3_large
from .models.mobilenet_v3 import mobilenet_v3_small as mobilenet_v3_small
from .models.mvit import MViTV1BWeights as MViTV1BWeights
from .models.mvit import MViTV2SWeights as MViTV2SWeights
from .models.mvit import mvit_v1_b as mvit_v1_b
from .models.mvit import mvit_v2_s as mvit_v2_s
from .models.quantized_googlenet import QuantizedGoogLeNetWeights as QuantizedGoogLeNetWeights
from .models.quantized_googlenet import quantized_googlenet as quantized_googlenet
from .models.quantized_inception import QuantizedInceptionV3Weights as QuantizedInceptionV3Weights
from .models.quantized_inception import quantized_inception_v3 as quantized_inception_v3
from .models.quantized_mobilenet_v2 import (
    QuantizedMobileNetV2Weights as QuantizedMobileNetV2Weights,
)
from .models.quantized_mobilenet_v2 import quantized_mobilenet_v2 as quantized_mobilenet_v2
from .models.quantized_mobilenet_v3 import (
    QuantizedMobileNetV3LargeWeights as QuantizedMobileNetV3LargeWeights,
)
from .models.quantized_mobilenet_v3 import (
    quantized_mobilenet_v3_large as quantized_mobilenet_v3_large,
)
from .models.quantized_resnet import QuantizedResNet18Weights as QuantizedResNet18Weights
from .models.quantized_resnet import QuantizedResNet50Weights as QuantizedResNet50Weights
from .models.quantized_resnet import (
    QuantizedResNeXt101_32x8dWeights as QuantizedResNeXt101_32x8dWeights,
)
from .models.quantized_resnet import (
    QuantizedResNeXt101_64x4dWeights as QuantizedResNeXt101_64x4dWeights,
)
from .models.quantized_resnet import quantized_resnet18 as quantized_resnet18
from .models.quantized_resnet import quantized_resnet50 as quantized_resnet50
from .models.quantized_resnet import quantized_resnext101_32x8d as quantized_resnext101_32x8d
from .models.quantized_resnet import quantized_resnext101_64x4d as quantized_resnext101_64x4d
from .models.quantized_shufflenet_v2 import (
    QuantizedShuffleNetV2X0_5Weights as QuantizedShuffleNetV2X0_5Weights,
)
from .models.quantized_shufflenet_v2 import (
    QuantizedShuffleNetV2X1_0Weights as QuantizedShuffleNetV2X1_0Weights,
)
from .models.quantized_shufflenet_v2 import (
    QuantizedShuffleNetV2X1_5Weights as QuantizedShuffleNetV2X1_5Weights,
)
from .models.quantized_shufflenet_v2 import (
    QuantizedShuffleNetV2X2_0Weights as QuantizedShuffleNetV2X2_0Weights,
)
from .models.quantized_shufflenet_v2 import (
    quantized_shufflenet_v2_x0_5 as quantized_shufflenet_v2_x0_5,
)
from .models.quantized_shufflenet_v2 import (
    quantized_shufflenet_v2_x1_0 as quantized_shufflenet_v2_x1_0,
)
from .models.quantized_shufflenet_v2 import (
    quantized_shufflenet_v2_x1_5 as quantized_shufflenet_v2_x1_5,
)
from .models.quantized_shufflenet_v2 import (
    quantized_shufflenet_v2_x2_0 as quantized_shufflenet_v2_x2_0,
)
from .models.raft import RaftLargeWeights as RaftLargeWeights
from .models.raft import RaftSmallWeights as RaftSmallWeights
from .models.raft import raft_large as raft_large
from .models.raft import raft_small as raft_small
from .models.regnet import RegNetX1_6GFWeights as RegNetX1_6GFWeights
from .models.regnet import RegNetX3_2GFWeights as RegNetX3_2GFWeights
from .models.regnet import RegNetX8GFWeights as RegNetX8GFWeights
from .models.regnet import RegNetX16GFWeights as RegNetX16GFWeights
from .models.regnet import RegNetX32GFWeights as RegNetX32GFWeights
from .models.regnet import RegNetX400MFWeights as RegNetX400MFWeights
from .models.regnet import RegNetX800MFWeights as RegNetX800MFWeights
from .models.regnet import RegNetY1_6GFWeights as RegNetY1_6GFWeights
from .models.regnet import RegNetY3_2GFWeights as RegNetY3_2GFWeights
from .models.regnet import RegNetY8GFWeights as RegNetY8GFWeights
from .models.regnet import RegNetY16GFWeights as RegNetY16GFWeights
from .models.regnet import RegNetY32GFWeights as RegNetY32GFWeights
from .models.regnet import RegNetY128GFWeights as RegNetY128GFWeights
from .models.regnet import RegNetY400MFWeights as RegNetY400MFWeights
from .models.regnet import RegNetY800MFWeights as RegNetY800MFWeights
from .models.regnet import regnet_x_1_6gf as regnet_x_1_6gf
from .models.regnet import regnet_x_3_2gf as regnet_x_3_2gf
from .models.regnet import regnet_x_8gf as regnet_x_8gf
from .models.regnet import regnet_x_16gf as regnet_x_16gf
from .models.regnet import regnet_x_32gf as regnet_x_32gf
from .models.regnet import regnet_x_400mf as regnet_x_400mf
from .models.regnet import regnet_x_800mf as regnet_x_800mf
from .models.regnet import regnet_y_1_6gf as regnet_y_1_6gf
from .models.regnet import regnet_y_3_2gf as regnet_y_3_2gf
from .models.regnet import regnet_y_8gf as regnet_y_8gf
from .models.regnet import regnet_y_16gf as regnet_y_16gf
from .models.regnet import regnet_y_32gf as regnet_y_32gf
from .models.regnet import regnet_y_128gf as regnet_y_128gf
from .models.regnet import regnet_y_400mf as regnet_y_400mf
from .models.regnet import regnet_y_800mf as regnet_y_800mf
from .models.resnet import ResNet18Weights as ResNet18Weights
from .models.resnet import ResNet34Weights as ResNet34Weights
from .models.resnet import ResNet50Weights as ResNet50Weights
from .models.resnet import ResNet101Weights as ResNet101Weights
from .models.resnet import ResNet152Weights as ResNet152Weights
from .models.resnet import ResNeXt50_32x4dWeights as ResNeXt50_32x4dWeights
from .models.resnet import ResNeXt101_32x8dWeights as ResNeXt101_32x8dWeights
from .models.resnet import ResNeXt101_64x4dWeights as ResNeXt101_64x4dWeights
from .models.resnet import WideResNet50_2Weights as WideResNet50_2Weights
from .models.resnet import WideResNet101_2Weights as WideResNet101_2Weights
from .models.resnet import resnet18 as resnet18
from .models.resnet import resnet34 as resnet34
from .models.resnet import resnet50 as resnet50
from .models.resnet import resnet101 as resnet101
from .models.resnet import resnet152 as resnet152
from .models.resnet import resnext50_32x4d as resnext50_32x4d
from .models.resnet import resnext101_32x8d as resnext101_32x8d
from .models.resnet import resnext101_64x4d as resnext101_64x4d
from .models.resnet import wide_resnet50_2 as wide_resnet50_2
from .models.resnet import wide_resnet101_2 as wide_resnet101_2
from .models.retinanet import RetinaNetResNet50FPNV2Weights as RetinaNetResNet50FPNV2Weights
from .models.retinanet import RetinaNetResNet50FPNWeights as RetinaNetResNet50FPNWeights
from .models.retinanet import retinanet_resnet50_fpn as retinanet_resnet50_fpn
from .models.retinanet import retinanet_resnet50_fpn_v2 as retinanet_resnet50_fpn_v2
from .models.s3d import S3DWeights as S3DWeights
from .models.s3d import s3d as s3d
from .models.shufflenet_v2 import ShuffleNetV2X0_5Weights as ShuffleNetV2X0_5Weights
from .models.shufflenet_v2 import ShuffleNetV2X1_0Weights as ShuffleNetV2X1_0Weights
from .models.shufflenet_v2 import ShuffleNetV2X1_5Weights as ShuffleNetV2X1_5Weights
from .models.shufflenet_v2 import ShuffleNetV2X2_0Weights as ShuffleNetV2X2_0Weights
from .models.shufflenet_v2 import shufflenet_v2_x0_5 as shufflenet_v2_x0_5
from .models.shufflenet_v2 import shufflenet_v2_x1_0 as shufflenet_v2_x1_0
from .models.shufflenet_v2 import shufflenet_v2_x1_5 as shufflenet_v2_x1_5
from .models.shufflenet_v2 import shufflenet_v2_x2_0 as shufflenet_v2_x2_0
from .models.squeezenet import SqueezeNet1_0Weights as SqueezeNet1_0Weights
from .models.squeezenet import SqueezeNet1_1Weights as SqueezeNet1_1Weights
from .models.squeezenet import squeezenet1_0 as squeezenet1_0
from .models.squeezenet import squeezenet1_1 as squeezenet1_1
from .models.ssd import SSD300VGG16Weights as SSD300VGG16Weights
from .models.ssd import ssd300_vgg16 as ssd300_vgg16
from .models.ssdlite import SSDLite320MobileNetV3LargeWeights as SSDLite320MobileNetV3LargeWeights
from .models.ssdlite import ssdlite320_mobilenet_v3_large as ssdlite320_mobilenet_v3_large
from .models.swin import SwinBWeights as SwinBWeights
from .models.swin import SwinSWeights as SwinSWeights
from .models.swin import SwinTWeights as SwinTWeights
from .models.swin import SwinV2BWeights as SwinV2BWeights
from .models.swin import SwinV2SWeights as SwinV2SWeights
from .models.swin import SwinV2TWeights as SwinV2TWeights
from .models.swin import swin_b as swin_b
from .models.swin import swin_s as swin_s
from .models.swin import swin_t as swin_t
from .models.swin import swin_v2_b as swin_v2_b
from .models.swin import swin_v2_s as swin_v2_s
from .models.swin import swin_v2_t as swin_v2_t
from .models.vgg import VGG11BNWeights as VGG11BNWeights
from .models.vgg import VGG11Weights as VGG11Weights
from .models.vgg import VGG13BNWeights as VGG13BNWeights
from .models.vgg import VGG13Weights as VGG13Weights
from .models.vgg import VGG16BNWeights as VGG16BNWeights
from .models.vgg import VGG16Weights as VGG16Weights
from .models.vgg import VGG19BNWeights as VGG19BNWeights
from .models.vgg import VGG19Weights as VGG19Weights
from .models.vgg import vgg11 as vgg11
from .models.vgg import vgg11_bn as vgg11_bn
from .models.vgg import vgg13 as vgg13
from .models.vgg import vgg13_bn as vgg13_bn
from .models.vgg import vgg16 as vgg16
from .models.vgg import vgg16_bn as vgg16_bn
from .models.vgg import vgg19 as vgg19
from .models.vgg import vgg19_bn as vgg19_bn
from .models.video_resnet import MC3_18Weights as MC3_18Weights
from .models.video_resnet import R2Plus1D18Weights as R2Plus1D18Weights
from .models.video_resnet import R3D18Weights as R3D18Weights
from .models.video_resnet import mc3_18 as mc3_18
from .models.video_resnet import r2plus1d_18 as r2plus1d_18
from .models.video_resnet import r3d_18 as r3d_18
from .models.video_swin import Swin3DBWeights as Swin3DBWeights
from .models.video_swin import Swin3DSWeights as Swin3DSWeights
from .models.video_swin import Swin3DTWeights as Swin3DTWeights
from .models.video_swin import swin3d_b as swin3d_b
from .models.video_swin import swin3d_s as swin3d_s
from .models.video_swin import swin3d_t as swin3d_t
from .models.vision_transformer import ViTB16Weights as ViTB16Weights
from .models.vision_transformer import ViTB32Weights as ViTB32Weights
from .models.vision_transformer import ViTH14Weights as ViTH14Weights
from .models.vision_transformer import ViTL16Weights as ViTL16Weights
from .models.vision_transformer import ViTL32Weights as ViTL32Weights
from .models.vision_transformer import vit_b_16 as vit_b_16
from .models.vision_transformer import vit_b_32 as vit_b_32
from .models.vision_transformer import vit_h_14 as vit_h_14
from .models.vision_transformer import vit_l_16 as vit_l_16
from .models.vision_transformer import vit_l_32 as vit_l_32
