"""Snapshots of state dicts: short, readable, and the same when they are read again."""

import pytest

from dapi.devkit._snapshots import Snapshots, folded

BLOCK = {"conv.weight": "float32 8x3x3x3", "norm.steps": "int64"}


def lines(*prefixes):
    return {f"{prefix}{key}": line for prefix in prefixes for key, line in BLOCK.items()}


@pytest.mark.parametrize(
    "kept",
    [
        lines("layer.0.", "layer.1.", "layer.2.", "layer.4."),
        lines("layer.9.", "layer.10.", "layer.11."),
        {"layer.0.weight": "float32 2", "layer.1.weight": "float32 3"},
        {"scales.0": "float32 1", "scales.1": "float32 1", "bias": "bfloat16 7"},
        {"encoder-layers.3x.weight": "float32 2", "": "float32"},
        {},
    ],
)
def test_snapshot_is_read_as_it_was_written(kept, tmp_path):
    """Whatever is folded unfolds to the same keys, types and shapes."""
    snapshots = Snapshots(tmp_path / "state_dicts")
    snapshots.write("net", kept)

    assert kept == snapshots.read("net")


def test_modules_that_are_alike_stand_once():
    """Those in a row only."""
    tree = folded(lines("layer.0.", "layer.1.", "layer.2.", "layer.4."))

    assert ["0-2", "4"] == list(tree["layer"])


def test_there_may_be_no_snapshot(tmp_path):
    """Of a builder, or of any."""
    assert Snapshots(tmp_path).read("net") is None
    assert Snapshots(None).read("net") is None
