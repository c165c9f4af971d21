"""Models of every kind are built without initializing: with the oldest PyTorch and the newest."""

import logging
from functools import partial

import pytest

import dapi

torch = pytest.importorskip("torch")
torchvision = pytest.importorskip("torchvision")
pytest.importorskip("dapi.vision")

vision_transformer = partial(
    torchvision.models.VisionTransformer,
    image_size=32, patch_size=8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=32,
)  # fmt: skip
residual = partial(
    torchvision.models.ResNet, torchvision.models.resnet.Bottleneck, [1, 1, 1, 1], num_classes=10
)
OURS = [
    "resnet20_v2",
    "fcos_resnet20_fpn",
    "roberta_tiny",
    "transformer_ctc_tiny",
    "tacotron2_tiny",
]


def weights_of(constructor, folder):
    """Write what a constructor makes to a file, and describe it."""
    path = folder / "model.pth"
    torch.save(constructor().state_dict(), path)
    return dapi.WeightEntry.from_file(path)


@pytest.fixture
def drawn(monkeypatch):
    """List how many random numbers are drawn into memory, each time that some are."""
    sizes = []
    for name in ("normal_", "uniform_"):
        original = getattr(torch.Tensor, name)

        def draw(tensor, *args, original=original, **options):
            sizes.append(0 if tensor.is_meta else tensor.numel())
            return original(tensor, *args, **options)

        monkeypatch.setattr(torch.Tensor, name, draw, raising=False)
    return sizes


KINDS = [
    pytest.param(vision_transformer, id="transformer"),
    pytest.param(residual, id="residual"),
    *OURS,
]


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_initialised_only_to_be_overwritten(kind, tmp_path, caplog, drawn):
    """The log tells of no model built in the plain way, and next to no random number is drawn.

    Some are: a constructor may fill a tensor before it makes a parameter of it, and recurrent
    layers keep their own.
    """
    if isinstance(kind, str):
        if kind not in dapi.list_models():
            pytest.skip("its distribution is not installed")
        build = partial(dapi.get_model, kind)
    else:
        build = partial(dapi.build_model, kind, weights=weights_of(kind, tmp_path))
    caplog.set_level(logging.DEBUG, "dapi")
    drawn.clear()

    model = build()

    assert [] == [record.getMessage() for record in caplog.records]
    assert sum(drawn) < 0.1 * sum(each.numel() for each in model.parameters())
    assert not any(each.is_meta for each in model.parameters())
