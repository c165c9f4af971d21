"""Models: settings of modules are compared, values are not."""

import pytest

from dapi.devkit.compatibility.models import Modules

torch = pytest.importorskip("torch")


class Quantized(torch.nn.Module):
    """As torch's quantized layers: its scale is an attribute, and in the state dict."""

    def __init__(self, scale, size):
        super().__init__()
        self.scale, self.size = scale, size

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        super()._save_to_state_dict(destination, prefix, keep_vars)
        destination[f"{prefix}scale"] = torch.tensor(self.scale)


def test_numbers_in_the_state_dict_are_values():
    """They differ between two models of the same code."""
    modules = Modules()

    assert modules.key(Quantized(0.1, 2)) == modules.key(Quantized(0.2, 2))
    assert modules.key(Quantized(0.1, 2)) != modules.key(Quantized(0.1, 3))
