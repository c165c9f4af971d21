"""Scenario 1: several weights for one version of the code, and a new version beside the old.

The case. In 2021 torchvision trained ``resnet50`` again, with a longer and better recipe. The code
did not change; accuracy on ImageNet rose from 76.130 to 80.674
(https://github.com/pytorch/vision/issues/3995). A builder with ``pretrained=True`` can name only
one of the two files. And newer is not better for everyone: a detector that was trained on top of
the new file by its old recipe fell from 40.3 to 35.5 mAP
(https://github.com/open-mmlab/mmdetection/issues/8497). So both files must keep a name, and a
default must not move silently.

What dapi does. Each builder has an enum of weights: new weights are a new member. New *code* is a
new builder with an enum of its own: ``resnet20_v2`` puts normalization and activation before the
convolutions, so the weights of ``resnet20`` cannot serve it.

The weights used here are inside the wheel of dapi-vision: nothing is downloaded.
"""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

import torch
from safetensors.torch import save_file

import dapi
from dapi.exceptions import ReplacedBuilderWarning
from dapi.vision import ResNet20V2Weights, ResNet20Weights, resnet20, resnet20_v2


def show_members() -> None:
    """Print the weights that the two builders have, and what was measured of each."""
    for member in [*ResNet20Weights, *ResNet20V2Weights]:
        measured = member.meta["metrics"][0]
        latest = "latest" if member.latest else ""
        print(f"  {member!s:28} {measured['name']} {measured['value']}  {latest}")


def load_older_weights() -> None:
    """Build with weights that have a later one: it works, and says so."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = resnet20(weights=ResNet20Weights.Digits_RefV1)
    print("built with", dapi.weights_of(model))
    for warning in caught:
        print(f"  {warning.category.__name__}: {warning.message}")


def try_weights_of_the_other_version() -> None:
    """Give one version's weights to the other: an error, before anything is built."""
    try:
        resnet20_v2(weights=ResNet20Weights.Digits_RefV2)  # type: ignore[arg-type]
    except TypeError as error:
        print(f"refused: {error}")


def give_an_entry() -> None:
    """Build with weights that no enum lists. An https:// address would do as well."""
    custom = dapi.WeightEntry(
        "package:dapi.vision/models/data/resnet20_digits_v1.safetensors",
        transforms=ResNet20Weights.Digits_RefV1.transforms,
        meta={"task": "image-classification", "recipe": "our own"},
        build=dapi.Build(config={"in_channels": 1, "num_classes": 10}),
    )
    model = resnet20(weights=custom)
    print("custom weights:", dapi.weights_of(model).meta["recipe"])


def load_from_a_file(folder: Path) -> None:
    """Give the network a head for two classes, save it, and describe the file in one call."""
    tuned = resnet20(weights=ResNet20Weights.Digits_RefV2, num_classes=2, new_head=True)
    path = folder / "even_or_odd.safetensors"
    save_file(tuned.state_dict(), path)  # after fine-tuning, which is left out here

    local = dapi.WeightEntry.from_file(
        path,
        transforms=ResNet20Weights.Digits_RefV2.transforms,
        meta={"categories": ("even", "odd")},
        build=dapi.Build(config={"in_channels": 1, "num_classes": 2}),
    )
    model = resnet20(weights=local).eval()
    scores = model(torch.zeros(1, 1, 32, 32))
    print("from a file:", local.meta["categories"], tuple(scores.shape))


def main() -> None:
    """Show each way to say which weights."""
    print("weights:")
    show_members()
    load_older_weights()
    warnings.simplefilter("ignore", ReplacedBuilderWarning)
    print("the new version:", dapi.weights_of(resnet20_v2(weights=ResNet20V2Weights.Digits_RefV1)))
    try_weights_of_the_other_version()
    give_an_entry()
    with tempfile.TemporaryDirectory() as folder:
        load_from_a_file(Path(folder))


if __name__ == "__main__":
    main()
