"""The oracle: torchvision's own builders, called with weights, on files that the tests make."""

import dataclasses
from collections import OrderedDict

import pytest
import torch

import dapi


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Images are small: threads would mostly wait for each other."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def recipe():
    """The script that trained the digit weights."""
    import resnet20_digits

    return resnet20_digits


@pytest.fixture(scope="session")
def randomized():
    """Give the tensors of a model, or of a state dict, values that a fresh model never has."""

    def randomize(model, seed=0):
        rng = torch.Generator().manual_seed(seed)
        state_dict = OrderedDict()
        for key, tensor in (model if isinstance(model, dict) else model.state_dict()).items():
            if key.endswith("num_batches_tracked"):
                state_dict[key] = torch.randint(1, 9999, (), generator=rng)
            elif not tensor.is_floating_point():
                state_dict[key] = tensor  # positions, not weights
            elif key.endswith("running_var") or (tensor.ndim == 1 and key.endswith("weight")):
                state_dict[key] = torch.rand(tensor.shape, generator=rng) + 0.5
            elif tensor.ndim == 1:
                state_dict[key] = torch.randn(tensor.shape, generator=rng) * 0.1
            else:
                # Keeps the scale of activations through the layers, and scores apart.
                scale = (2.0 / tensor[0].numel()) ** 0.5
                state_dict[key] = torch.randn(tensor.shape, generator=rng) * scale
        return state_dict

    return randomize


@pytest.fixture(scope="session")
def save():
    """Write a state dict, with the versions it carries or with none, and describe the file."""

    def save(state_dict, path, *, versions=None, legacy=False):
        whole = OrderedDict(state_dict)
        if versions is not None:
            whole._metadata = OrderedDict(
                {module: {"version": version} for module, version in versions.items()}
            )
        torch.save(whole, path, _use_new_zipfile_serialization=not legacy)
        return dapi.WeightEntry.from_file(path)

    return save


@pytest.fixture(scope="session")
def with_file():
    """A published entry with nothing replaced but its file."""

    def replace(member, local):
        return dataclasses.replace(
            member.value, url=local.url, sha256=local.sha256, size=local.size, mirrors=()
        )

    return replace


@pytest.fixture(scope="session")
def theirs():
    """Build torchvision's model with its own member, its download replaced by a local file."""

    def build(builder, local, **arguments):
        def load_state_dict_from_url(url, *args, **options):
            return torch.load(dapi.WeightEntry.fetch(local), weights_only=True)

        with pytest.MonkeyPatch.context() as patch:
            name = "torchvision.models._api.load_state_dict_from_url"
            patch.setattr(name, load_state_dict_from_url)
            return builder(**arguments)

    return build


def all_buffers(model):
    """Return the buffers by name, those outside the state dict as well."""
    return dict(model.named_buffers())


@pytest.fixture(scope="session")
def assert_same():
    """Assert that two models have the same parameters and buffers, in the same order."""

    def compare(ours, oracle):
        expected, actual = oracle.state_dict(), ours.state_dict()
        assert list(expected) == list(actual)
        for key in expected:
            assert expected[key].dtype == actual[key].dtype, key
            assert torch.equal(expected[key], actual[key]), key
        assert [(n, p.requires_grad) for n, p in oracle.named_parameters()] == [
            (n, p.requires_grad) for n, p in ours.named_parameters()
        ]
        assert all_buffers(oracle).keys() == all_buffers(ours).keys()
        for name, buffer in all_buffers(oracle).items():
            assert torch.equal(buffer, all_buffers(ours)[name]), name
        assert oracle.training == ours.training

    return compare


@pytest.fixture
def offline(monkeypatch):
    """Make every fetch an OfflineError: the cache is empty. Files in the wheel can be had."""
    monkeypatch.setenv("DAPI_OFFLINE", "1")


def attributes(module):
    """Return what a module keeps of its arguments, as text: some keep tensors in lists."""
    simple = bool | int | float | str | tuple | list
    return {
        name: repr(value)
        for name, value in vars(module).items()
        if isinstance(value, simple) and not name.startswith("_")
    }


@pytest.fixture(scope="session")
def structure():
    """Return all that can be compared of a model without its values."""

    def describe(model):
        tensors = [*model.named_parameters(), *model.named_buffers()]
        return {
            "modules": {n: (type(m).__name__, attributes(m)) for n, m in model.named_modules()},
            "tensors": [(n, t.shape, t.dtype, t.requires_grad) for n, t in tensors],
            "keys": list(model.state_dict()),
        }

    return describe
