"""Transforms go to the spawned workers of a DataLoader, and preprocess there."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import pytest
import torch

import dapi

INTEGRATION = "DataLoader"
DISTRIBUTION = "torch"


def example():
    import torch
    from PIL import Image
    from torch.utils.data import DataLoader, Dataset

    import dapi

    class Pictures(Dataset):
        def __init__(self, pictures, preprocess):
            self.pictures, self.preprocess = pictures, preprocess

        def __len__(self):
            return len(self.pictures)

        def __getitem__(self, index):
            return self.preprocess(self.pictures[index])

    if __name__ == "__main__":
        model = dapi.get_model("resnet20_v2").eval()
        preprocess = dapi.weights_of(model).transforms()
        pictures = [Image.new("L", (40, 40), shade) for shade in range(0, 256, 8)]
        loader = DataLoader(
            Pictures(pictures, preprocess),
            batch_size=8,
            num_workers=2,
            multiprocessing_context="spawn",
        )
        with torch.inference_mode():
            print(sum(len(model(images)) for images in loader))


def test_workers_are_spawned(run_example):
    """All pictures come back, preprocessed."""
    assert "32\n" == run_example()


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("efficientnet_lite0", (torch.full((3, 300, 200), 7, dtype=torch.uint8),)),
        ("roberta_tiny", ("How do I bake bread?",)),
        ("transformer_ctc_tiny", (torch.ones(1, 16000), 16000)),
    ],
)
def test_transforms_are_the_same_in_a_worker(name, given):
    """Of pictures, texts and sounds, in a process that imported nothing yet."""
    transforms = dapi.list_weights(name)[-1].transforms()

    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        there = pool.submit(transforms, *given).result()

    torch.testing.assert_close(there, transforms(*given), rtol=0, atol=0)
