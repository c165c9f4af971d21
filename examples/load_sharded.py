"""Load one file into a model that is sharded over the processes of a node.

The model is constructed for its weights without memory for its parameters, sharded by PyTorch's
FSDP2, and filled by ``torch.distributed.checkpoint``, of which each process reads its own part.
Nothing here is dapi's but the model and the directory.

Run: ``torchrun --nproc-per-node 2 examples/load_sharded.py``
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed import checkpoint
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

import dapi

dcp: Any = checkpoint  # it exports by a star, which type checkers do not follow


def load_sharded(
    constructor: Any, weights: dapi.Weights | dapi.WeightEntry, **config: Any
) -> nn.Module:
    """Build a model whose parameters are spread over all processes.

    Args:
        constructor: A class, or a function that constructs.
        weights: Its weights, in safetensors files whose keys are those of the model.
        **config: Arguments of the constructor.
    """
    model: nn.Module = dapi.build_model(constructor, weights=weights, device="meta", **config)
    mesh = init_device_mesh("cpu", (dist.get_world_size(),))
    for child in model.children():
        if next(child.parameters(), None) is not None:
            fully_shard(child, mesh=mesh)
    fully_shard(model, mesh=mesh)
    allocate(model)
    reader = dcp.HuggingFaceStorageReader(path=str(fetch_once(weights)))
    state = model.state_dict()
    dcp.load(state, storage_reader=reader)
    model.load_state_dict(state)
    return model


def allocate(model: nn.Module) -> None:
    """Give memory to what is on meta; ``to_empty`` would wipe the buffers too."""
    anything: Any = model
    anything._apply(lambda each: torch.empty_like(each, device="cpu") if each.is_meta else each)


def fetch_once(weights: dapi.Weights | dapi.WeightEntry) -> Path:
    """Let one process of each node fetch; the others find the file in the cache."""
    if int(os.environ.get("LOCAL_RANK", "0")) == 0:
        weights.fetch(directory=True)
    dist.barrier()
    return weights.fetch(directory=True)


def main() -> None:
    """Load a small network from the file and hash that are given, and compare it."""
    dist.init_process_group("gloo")
    url, digest = sys.argv[1:]
    entry = dapi.WeightEntry(url, sha256=digest)
    model = load_sharded(network, entry)
    expected = dapi.build_model(network, weights=entry)
    shards: dict[str, Any] = model.state_dict()
    assert shards["0.weight"].to_local().shape[0] == 16 // dist.get_world_size()
    for key, whole in expected.state_dict().items():
        found = shards[key]
        assert torch.equal(whole, found.full_tensor() if hasattr(found, "full_tensor") else found)
    constants = (dict(each.named_buffers())["3.steps"] for each in (expected, model))
    assert torch.equal(*constants)
    images = torch.rand(4, 8)
    dist.broadcast(images, 0)
    assert torch.allclose(expected.eval()(images), model.eval()(images))
    if dist.get_rank() == 0:
        print("equal on", dist.get_world_size(), "processes")
    dist.barrier()  # a process that ends first could end what another still receives
    dist.destroy_process_group()


class Shift(nn.Module):
    """Adds what its constructor computed, which is in no file."""

    steps: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("steps", torch.arange(4.0), persistent=False)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Shift the values."""
        return values + self.steps


def network() -> nn.Sequential:
    """Construct a small network."""
    return nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.Linear(16, 4), Shift())


if __name__ == "__main__":
    main()
