"""Loading beside the peers: their builders through ``build_model``, equal to the plain way.

The plain way is: construct, then ``load_state_dict(strict=True)`` with what the file holds.
"""

import copy
import logging
import warnings
from collections import OrderedDict
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import pytest

import dapi
from dapi import Build, WeightEntry, _store
from dapi._loader import construction
from dapi.exceptions import DapiWarning

torch = pytest.importorskip("torch")
safetensors_torch = pytest.importorskip("safetensors.torch")
torchvision = pytest.importorskip("torchvision")
models = torchvision.models

pytestmark = [
    pytest.mark.filterwarnings("ignore:The default weight initialization of"),
    pytest.mark.filterwarnings("ignore:.*torch.ao.quantization is deprecated"),
    pytest.mark.filterwarnings("ignore:Deprecated. torch.meshgrid"),
    pytest.mark.filterwarnings("ignore::dapi.exceptions.OutdatedWeightsWarning"),
    pytest.mark.filterwarnings("ignore::dapi.exceptions.ReplacedBuilderWarning"),
]
LAYOUTS = ("zip", "legacy", "safetensors")


def images(size, channels=3, batch=2):
    return lambda: (torch.rand(batch, channels, size, size),)


def clip(size, frames=8):
    return lambda: (torch.rand(1, 3, frames, size, size),)


def detection(size=64, channels=3):
    """An image and what is in it: losses in training mode, boxes in evaluation mode."""
    target = {
        "boxes": torch.tensor([[4.0, 4.0, 40.0, 50.0]]),
        "labels": torch.tensor([1]),
        "masks": torch.ones(1, size, size, dtype=torch.uint8),
        "keypoints": torch.rand(1, 17, 3) * 40 + 4,
    }
    return lambda: (list(torch.rand(2, channels, size, size)), [target, target])


def tokens(vocabulary=99, length=7):
    return lambda: (torch.randint(1, vocabulary, (2, length)),)


class Case:
    """A constructor, its arguments, and what it is given."""

    def __init__(self, constructor, inputs, **config):
        self.constructor, self.inputs, self.config = constructor, inputs, config

    def entry(self, path):
        """Describe a file as its publisher would; MNASNet refuses one without a version."""
        is_silent = path.suffix == ".safetensors" and "mnasnet" in str(self.constructor)
        build = Build(code_version={"": 2} if is_silent else {})
        local = WeightEntry.from_file(path)
        entry = WeightEntry(f"https://localhost:1/{path.name}", sha256=local.sha256, build=build)
        _store.add(path, entry.files[0], wanted=path.name)  # where it is mapped
        return entry

    def construct(self):
        return self.constructor(**self.config)


def torchvision_case(path, inputs=None, **config):
    """A builder of torchvision; tiny where the builder says how."""
    constructor = models
    for part in path.split("."):
        constructor = getattr(constructor, part)
    return Case(constructor, inputs or images(64), **config)


BACKBONE = {"weights_backbone": None}
SMALL = {"min_size": 64, "max_size": 64, "num_classes": 5}
QUICK = {
    "efficientnet_b0": (images(32), {}),
    "googlenet": (images(64), {"init_weights": True}),
    "mnasnet0_5": (images(32), {}),
    "mobilenet_v3_small": (images(32), {}),
    "resnet18": (images(32), {}),
    "regnet_y_400mf": (images(32), {}),
    "shufflenet_v2_x0_5": (images(32), {}),
    "squeezenet1_1": (images(64), {}),
    "swin_t": (images(32), {}),
    "detection.fasterrcnn_mobilenet_v3_large_320_fpn": (detection(), BACKBONE | SMALL),
    "detection.ssdlite320_mobilenet_v3_large": (detection(), BACKBONE | {"num_classes": 5}),
    "optical_flow.raft_small": (lambda: tuple(torch.rand(2, 1, 3, 128, 128)), {}),
    "quantization.mobilenet_v2": (images(32), {"quantize": False}),
    "segmentation.lraspp_mobilenet_v3_large": (images(64), BACKBONE),
}
SLOW = {
    "video.r3d_18": (clip(32), {}),
    "vit_b_16": (images(32), {"image_size": 32}),
    "densenet121": (images(32), {}),
    "convnext_tiny": (images(32), {}),
    "alexnet": (images(64), {}),
    "efficientnet_v2_s": (images(32), {}),
    "inception_v3": (images(299), {"init_weights": True}),
    "maxvit_t": (images(224, batch=1), {}),
    "mobilenet_v2": (images(32), {}),
    "regnet_x_400mf": (images(32), {}),
    "resnet50": (images(32), {}),
    "resnext50_32x4d": (images(32), {}),
    "swin_v2_t": (images(64), {}),
    "vgg11_bn": (images(32), {}),
    "vit_b_32": (images(64), {"image_size": 64}),
    "wide_resnet50_2": (images(32), {}),
    "detection.fasterrcnn_resnet50_fpn": (detection(), BACKBONE | SMALL),
    "detection.fasterrcnn_resnet50_fpn_v2": (detection(), BACKBONE | SMALL),
    "detection.fcos_resnet50_fpn": (detection(), BACKBONE | SMALL | {"score_thresh": 0.0}),
    "detection.keypointrcnn_resnet50_fpn": (
        detection(),
        BACKBONE | {"min_size": 64, "max_size": 64, "num_classes": 2},
    ),
    "detection.maskrcnn_resnet50_fpn": (detection(), BACKBONE | SMALL),
    "detection.retinanet_resnet50_fpn": (detection(), BACKBONE | SMALL),
    "detection.ssd300_vgg16": (detection(), BACKBONE | {"num_classes": 5}),
    "quantization.googlenet": (images(64), {"quantize": False, "init_weights": True}),
    "quantization.resnet18": (images(32), {"quantize": False}),
    "segmentation.deeplabv3_mobilenet_v3_large": (images(64), BACKBONE),
    "segmentation.fcn_resnet50": (images(64), BACKBONE | {"aux_loss": True}),
    "optical_flow.raft_large": (lambda: tuple(torch.rand(2, 1, 3, 128, 128)), {}),
    "video.mc3_18": (clip(32), {}),
    "video.mvit_v1_b": (clip(224, 16), {}),
    "video.r2plus1d_18": (clip(32), {}),
    "video.s3d": (clip(224, 14), {}),
    "video.swin3d_t": (clip(64), {}),
}
# The first runs a forward while it is constructed; the second puts a buffer where a parameter is.
NEEDS_VALUES = {"detection.ssdlite320_mobilenet_v3_large", "swin_tiny_patch4_window7_224"}

TIMM = {
    "resnet18": 32,
    "vit_tiny_patch16_224": 224,
    "convit_tiny": 224,
    "coatnet_0_rw_224": 224,
    "convnext_atto": 32,
    "deit_tiny_distilled_patch16_224": 224,
    "efficientnet_lite0": 32,
    "levit_128s": 224,
    "mixer_s32_224": 224,
    "swin_tiny_patch4_window7_224": 224,
}
QUICK_TIMM = {"vit_tiny_patch16_224", "convit_tiny"}


def parameters():
    for name, (inputs, config) in {**QUICK, **SLOW}.items():
        marks = [pytest.mark.slow] if name in SLOW else []
        yield pytest.param(
            partial(torchvision_case, name, inputs, **config),
            name not in NEEDS_VALUES,
            id=name,
            marks=marks,
        )
    for name, size in TIMM.items():
        marks = [] if name in QUICK_TIMM else [pytest.mark.slow]
        yield pytest.param(
            partial(timm_case, name, size), name not in NEEDS_VALUES, id=f"timm-{name}", marks=marks
        )
    for name, facts in TRANSFORMERS.items():
        yield pytest.param(
            partial(transformers_case, name, **facts), True, id=f"transformers-{name}"
        )


def timm_case(name, size):
    timm = pytest.importorskip("timm")
    return Case(partial(timm.create_model, name), images(size))


TRANSFORMERS = {
    "BertModel": {"config": "BertConfig"},
    "RobertaForMaskedLM": {"config": "RobertaConfig"},
    "GPT2LMHeadModel": {"config": "GPT2Config", "n_embd": 32, "n_head": 4, "n_layer": 2},
    "ViTModel": {"config": "ViTConfig", "inputs": images(32), "image_size": 32, "patch_size": 8},
    "T5EncoderModel": {"config": "T5Config", "d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2},
}
SIZES = {
    "vocab_size": 99,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
}


def transformers_case(name, config, inputs=None, **sizes):
    transformers = pytest.importorskip("transformers")
    own = {"vocab_size": 99} if config in ("GPT2Config", "T5Config") else SIZES
    described = getattr(transformers, config)(**own, **sizes)
    return Case(partial(getattr(transformers, name), described), inputs or tokens())


def state_of(construct):
    """Return a state dict without zeros: a head that is initialized to zero hides all else."""
    torch.manual_seed(0)
    model = construct()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.numel() and parameter.eq(parameter.flatten()[0]).all():
                parameter.normal_(mean=parameter.flatten()[0].item(), std=0.02)
        for module in model.modules():
            if isinstance(getattr(module, "running_var", None), torch.Tensor):
                module.running_mean.normal_(std=0.1)
                module.running_var.uniform_(0.5, 1.5)
    return model.state_dict()


def write(folder, layout, state):
    if layout == "safetensors":
        path = folder / "net.safetensors"
        safetensors_torch.save_file({key: value.clone() for key, value in state.items()}, path)
    else:
        path = folder / f"{layout}.pth"
        torch.save(state, path, _use_new_zipfile_serialization=layout == "zip")
    return path


def plain(case, path):
    """Construct and load as a peer's user would."""
    model = case.construct()
    if path.suffix == ".safetensors":
        state = OrderedDict(safetensors_torch.load_file(path))
        versions = case.entry(path).build.code_version
        if versions:
            state._metadata = {key: {"version": value} for key, value in versions.items()}
    else:
        state = torch.load(path, weights_only=True)
    model.load_state_dict(state, strict=True)
    return model


def facts(tensor):
    return tensor.dtype, tensor.device, tuple(tensor.stride()), tensor.requires_grad


def assert_same(expected, found):
    """Every parameter and buffer is equal to the bit, and of the same kind."""
    for members in ("named_parameters", "named_buffers", "state_dict"):
        one, other = getattr(expected, members)(), getattr(found, members)()
        one, other = dict(one), dict(other)
        assert list(one) == list(other)
        for key in one:
            assert facts(one[key]) == facts(other[key]), key
            assert torch.equal(one[key], other[key]), key
            assert not other[key].is_cpu or other[key].data_ptr() % 64 == 0, key


def tensors(output):
    """Yield the tensors in whatever a model returns."""
    if isinstance(output, torch.Tensor):
        yield output
    elif isinstance(output, dict):
        for value in output.values():
            yield from tensors(value)
    elif isinstance(output, list | tuple):
        for value in output:
            yield from tensors(value)


def run(model, inputs, *, training=False):
    """Run a model with the same random numbers each time."""
    torch.manual_seed(1)
    arguments = copy.deepcopy(inputs())
    torch.manual_seed(2)
    with warnings.catch_warnings():  # waveforms of noise are not normalized
        warnings.simplefilter("ignore", DapiWarning)
        return list(tensors(model.train(training)(*arguments)))


def assert_equal_outputs(expected, found, inputs):
    one, other = run(expected, inputs), run(found, inputs)
    assert len(one) == len(other) > 0
    assert any(each.numel() and each.float().abs().sum() > 0 for each in one)
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def train_once(model, inputs):
    """Make one training step."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    outputs = run(model, inputs, training=True)
    losses = [each.float().pow(2).mean() for each in outputs if each.requires_grad]
    sum(losses).backward()
    optimizer.step()


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Threads that wait for each other on a busy machine cost more than they save."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def constructed_plainly(caplog):
    """What the log says of models that were constructed in the plain way."""
    caplog.set_level(logging.DEBUG, "dapi")
    return lambda: [record.getMessage() for record in caplog.records if record.name == "dapi"]


@pytest.mark.parametrize(("make_case", "without_values"), list(parameters()))
def test_loaded_model_equals_the_plain_way(
    make_case, without_values, tmp_path, constructed_plainly
):
    """From every layout, in value and kind; and so do casts, copies and a training step."""
    case = make_case()
    state = state_of(case.construct)
    for layout in LAYOUTS:
        path = write(tmp_path, layout, state)
        content = path.read_bytes()
        entry = case.entry(path)
        expected = plain(case, path)
        found = dapi.build_model(case.constructor, weights=entry, **case.config)

        assert expected.training == found.training
        assert_same(expected, found)
        if layout == "legacy":
            continue
        assert_same(expected, copy.deepcopy(found))
        assert_equal_outputs(expected, found, case.inputs)
        cast = {"dtype": torch.bfloat16}
        assert_same(
            plain(case, path).to(**cast),
            dapi.build_model(case.constructor, weights=entry, **cast, **case.config),
        )
        train_once(expected, case.inputs)
        train_once(found, case.inputs)
        assert_same(expected, found)
        found.load_state_dict(state)
        assert all(torch.equal(state[key], value) for key, value in found.state_dict().items())
        assert content == entry.fetch().read_bytes()
    assert without_values == (not constructed_plainly())


def own_members():
    """The first weights of each builder in this repository; the larger models are slow.

    Those of quantized builders are packed: theirs are compared beside them. The largest are of the
    classes of smaller ones.
    """
    for name in dapi.list_models(module="dapi"):
        members = [
            each for enum in dapi.get_builder(name).__dapi_builder__.weights for each in enum
        ]
        size = members[0].meta["num_params"]
        if size < 200e6 and not name.startswith("quantized_"):
            marks = [] if size < 1.3e6 else [pytest.mark.slow]
            yield pytest.param(name, members[0], id=name, marks=marks)


def sounds(*shapes):
    """Waveforms, or spectrograms of them."""
    return lambda: tuple(torch.rand(shape) - 0.5 for shape in shapes)


def lengths(*numbers):
    return torch.tensor(numbers)


# What a model is given: by the beginning of its builder's name, or else by its task.
BY_NAME = {
    "conv_tasnet": sounds((1, 1, 4000)),
    "emformer_rnnt": lambda: (
        *(torch.rand(2, 20, 80), lengths(20, 16)),
        *(torch.randint(4096, (2, 3)), lengths(3, 2)),
    ),
    "fcos_resnet20": detection(channels=1),
    "hdemucs": sounds((1, 2, 22050)),
    "inception_v3": images(299),  # its auxiliary head takes no less
    "mvit": clip(224, 16),
    "resnet20": images(32, channels=1),
    "s3d": clip(224, 14),
    "squim_objective": sounds((2, 8000)),
    "squim_subjective": sounds((2, 8000), (2, 5000)),
}
BY_TASK = {
    "automatic-speech-recognition": sounds((2, 4000)),
    "feature-extraction": tokens(),
    "forced-alignment": sounds((2, 4000)),
    "image-feature-extraction": images(64),
    "image-segmentation": images(64),
    "instance-segmentation": detection(),
    "keypoint-detection": detection(),
    "object-detection": detection(),
    "optical-flow": lambda: tuple(torch.rand(2, 1, 3, 128, 128)),
    "sentence-similarity": tokens(),
    "text-classification": tokens(),
    "text-to-speech": lambda: (
        *(torch.randint(30, (2, 7)), lengths(7, 5)),
        *(torch.randn(2, 80, 20), lengths(20, 12)),
    ),
    "text2text-generation": lambda: (*tokens()(), torch.ones(2, 7), *tokens()()),
    "video-classification": clip(64),
    "vocoder": sounds((2, 1, 550), (2, 1, 80, 6)),
    "voice-activity-detection": sounds((2, 4000)),
}


def inputs_of(name, member):
    """Return what makes inputs for a builder's model: few and small, but real."""
    for beginning, inputs in BY_NAME.items():
        if name.startswith(beginning):
            return inputs
    if name.startswith(("wav2vec2", "hubert", "wavlm")):
        return sounds((2, 4000))
    if member.meta["task"] == "image-classification":
        return images(max(64, *member.meta["min_size"]))
    return BY_TASK[member.meta["task"]]


def quick(name):
    """Return with which arguments a detector finds something, soon."""
    few, small = {"score_thresh": 0.0, "detections_per_img": 3}, {"min_size": 64, "max_size": 64}
    if "rcnn" in name:
        return {**{f"box_{key}": value for key, value in few.items()}, **small}
    if name.startswith(("fcos_resnet50", "retinanet")):
        return {**few, **small}
    return few if name.startswith(("fcos", "ssd")) else {}


def answering(model):
    """Return what gives tensors: a search for words is around a transducer."""
    return model.model if type(model).__name__ == "RNNTBeamSearch" else model


@contextmanager
def plain_way():
    """Let models be constructed with values, on meta too, and torch copy into them."""

    def refuse(*args, **options):
        raise construction.CannotDeferError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(construction, "construct", refuse)
        patch.setattr(construction, "emptied", lambda model: model)
        yield


@pytest.mark.parametrize(("name", "member"), list(own_members()))
def test_every_builder_equals_the_plain_way(name, member, tmp_path):
    """From every layout, in value and kind; and so do casts, copies and a training step."""
    builder, inputs = dapi.get_builder(name), inputs_of(name, member)
    build_model = partial(builder, **quick(name))
    with plain_way():
        state = state_of(partial(build_model, weights=member, device="meta"))
    versions = {key: facts["version"] for key, facts in state._metadata.items()}
    for layout in LAYOUTS:
        path = write(tmp_path, layout, state)
        build = replace(member.build, adapt=(), code_version=versions)
        entry = replace(member.value, url=path.as_uri(), sha256=None, size=None, build=build)
        with plain_way():
            expected = build_model(weights=entry)
        found = build_model(weights=entry)

        assert expected.training == found.training
        assert_same(expected, copy.deepcopy(found))
        assert_same(expected, found)
        cast = {"dtype": torch.bfloat16}
        assert_same(copy.deepcopy(expected).to(**cast), build_model(weights=entry, **cast))
        if layout != "legacy":
            assert_equal_outputs(answering(expected), answering(found), inputs)
            train_once(answering(expected), inputs)
            train_once(answering(found), inputs)
            assert_same(expected, found)
        found.load_state_dict(state)
        assert all(torch.equal(state[key], value) for key, value in found.state_dict().items())
        path.unlink()


def test_the_sample_is_large_enough():
    """At least 30 builders of torchvision, 10 of timm, 4 classes of transformers."""
    assert 30 <= len({**QUICK, **SLOW})
    assert (10, 4) <= (len(TIMM), len(TRANSFORMERS))
