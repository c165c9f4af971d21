"""Digits: a model with real weights that is small enough to be exported in each test run."""

import pytest
import torch

import dapi


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Models are small: threads would mostly wait for each other."""
    torch.set_num_threads(1)


@pytest.fixture
def digits():
    """A classifier of digits, with its weights."""
    return dapi.get_model("resnet20_v2:Digits_RefV1").eval()


@pytest.fixture
def images():
    """Images of noise of several sizes, as the file takes them."""
    rng = torch.Generator().manual_seed(0)

    def make(*sizes, batch=1):
        return [
            torch.randint(0, 256, (batch, 3, *size), dtype=torch.uint8, generator=rng)
            for size in sizes
        ]

    return make
