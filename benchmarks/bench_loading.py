"""From a local file to a model that has answered once, beside the peers' own ways.

Each case runs in a process of its own, dapi and the peer in turn, with the same file on both sides
and the page cache warm. Quote the ratios, not the milliseconds. Page faults of mapped files fall
into the first forward, so that totals are the honest figure.

``safetensors`` is a file as ``dapi.save`` writes it, whose tensors are aligned and can be mapped.
``safetensors (unaligned)`` is what ``safetensors.torch.save_file`` writes, and ``pth (legacy)`` the
format before PyTorch 1.6. Neither can be mapped: dapi reads such a file twice, and makes an aligned
copy meanwhile, in two runs that are not counted; ``, read`` forbids the copy. ``pth`` is mapped,
and the second run keeps where its tensors are. dapi takes files from its cache; ``(local)`` is a
file of the user's own, which may be written to and is never mapped.

Run: ``nox -s benchmarks``, or
``python benchmarks/bench_loading.py [--runs N] [--models NAME ...] [--formats NAME ...] [--json]``
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

MODELS = {
    "resnet50": "torchvision",
    "vit_l_16": "torchvision",
    "swin_b": "torchvision",
    "convnext_large": "torchvision",
    "fasterrcnn_resnet50_fpn": "torchvision",
    "vit_large_patch16_224": "timm",
    "roberta_large": "transformers",
}
FORMATS = {
    "pth": "pytorch_model.bin",
    "safetensors": "model.safetensors",
    "safetensors (unaligned)": "unaligned/model.safetensors",
    "safetensors (unaligned), read": "unaligned/model.safetensors",
    "pth (legacy)": "legacy/pytorch_model.bin",
    "pth (legacy), read": "legacy/pytorch_model.bin",
    "safetensors (local)": "model.safetensors",
    "pth (local)": "pytorch_model.bin",
}
# Formats that are read twice, then by the aligned copy, or by the offsets of the tensors.
COPIED = ("safetensors (unaligned)", "pth (legacy)", "pth")


def main() -> None:
    """Measure, and print a table or JSON; or, with ``--case``, measure one case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="counted runs of each (default 5)")
    parser.add_argument("--models", nargs="*", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--formats", nargs="*", default=list(FORMATS)[:3], choices=list(FORMATS))
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--case", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        print(json.dumps(run_case(*options.case)))
        return
    rows = [
        row for model in options.models for row in measure(model, options.formats, options.runs)
    ]
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    print(f"{'model':<25}{'format':<32}{'build+load':>12}{'total':>8}{'peak memory':>13}")
    for row in rows:
        print(
            f"{row['model']:<25}{row['format']:<32}{row['loaded']:>11.1f}x{row['total']:>7.2f}x"
            f"{row['memory']:>13.2f}"
        )
    print("Times: the peer's by dapi's. Peak memory: dapi's by the peer's, torch included.")


def measure(model: str, formats: list[str], runs: int) -> list[dict[str, Any]]:
    """Write a model's files, then let dapi and the peer take turns on each."""
    rows = []
    with TemporaryDirectory() as folder:
        for name in formats:
            environment = {
                **os.environ,
                "BENCH_FOLDER": folder,
                "DAPI_CACHE": f"{folder}/cache",
                "DAPI_COPIES": str(int(not name.endswith("read"))),
                "PYTHONDONTWRITEBYTECODE": "",  # as pip leaves a wheel: compiled
            }
            child(model, name, "write", environment)
            taken: dict[str, list[dict[str, float]]] = {"dapi": [], "peer": []}
            before = 2 if name in COPIED else 1
            for run in range(before + runs):
                for side, results in taken.items():
                    result = child(model, name, side, environment)
                    if run >= before:
                        results.append(result)
            rows.append({"model": model, "format": name, **compare(taken)})
    return rows


def compare(taken: dict[str, list[dict[str, float]]]) -> dict[str, float]:
    """Compare pair by pair, and take the medians."""
    pairs = list(zip(taken["dapi"], taken["peer"], strict=True))
    return {
        "loaded": median(peer["loaded"] / ours["loaded"] for ours, peer in pairs),
        "total": median(peer["total"] / ours["total"] for ours, peer in pairs),
        "memory": median(ours["memory"] / peer["memory"] for ours, peer in pairs),
        "dapi_ms": 1000 * median(ours["loaded"] for ours, _ in pairs),
        "peer_ms": 1000 * median(peer["loaded"] for _, peer in pairs),
        "dapi_total_ms": 1000 * median(ours["total"] for ours, _ in pairs),
        "peer_total_ms": 1000 * median(peer["total"] for _, peer in pairs),
    }


def child(model: str, name: str, side: str, environment: dict[str, str]) -> dict[str, float]:
    """Run one case in a process of its own."""
    command = [sys.executable, __file__, "--case", model, name, side]
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def run_case(model: str, name: str, side: str) -> dict[str, float]:
    """Write the file, or build, load and run the model once."""
    import torch

    torch.manual_seed(0)  # how many boxes a detector finds, and takes time for, is chance
    folder = Path(os.environ["BENCH_FOLDER"])
    path = folder / FORMATS[name]
    if side == "write":
        write(model, path, name)
        return {}
    is_local = name.endswith("(local)")
    build = by_dapi(model, path, is_local) if side == "dapi" else by_peer(model, path)
    arguments = inputs(model)
    gc.collect()
    start = time.perf_counter()
    built = build()
    loaded = time.perf_counter() - start
    built.eval()
    with torch.inference_mode():
        built(*arguments)
    total = time.perf_counter() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"loaded": loaded, "total": total, "memory": memory}


def constructor(model: str) -> Callable[..., Any]:
    """Return what constructs the model, at random."""
    from functools import partial

    if MODELS[model] == "timm":
        import timm

        return partial(timm.create_model, model)
    if MODELS[model] == "transformers":
        from transformers import RobertaModel

        return partial(RobertaModel, roberta())
    import torchvision

    return (
        partial(torchvision.models.get_model, model, weights_backbone=None, min_size=224)
        if "rcnn" in model
        else partial(torchvision.models.get_model, model)
    )


def roberta() -> Any:
    """Describe a RoBERTa large."""
    from transformers import RobertaConfig

    return RobertaConfig(
        vocab_size=50265,
        hidden_size=1024,
        num_hidden_layers=24,
        num_attention_heads=16,
        intermediate_size=4096,
        max_position_embeddings=514,
    )


def inputs(model: str) -> tuple[Any, ...]:
    """Return what the model is run on."""
    import torch

    if model == "roberta_large":
        return (torch.randint(5, 50000, (1, 32)),)
    return ([torch.rand(3, 224, 224)],) if "rcnn" in model else (torch.rand(1, 3, 224, 224),)


def write(model: str, path: Path, name: str) -> None:
    """Write the file of a model, and put it into dapi's cache as if it had been fetched."""
    import torch
    from safetensors.torch import save_file

    from dapi import _store
    from dapi._loader import safetensors

    path.parent.mkdir(exist_ok=True)
    state = constructor(model)().state_dict()
    if model == "roberta_large":
        roberta().save_pretrained(path.parent)
    if name.startswith("pth"):
        torch.save(state, path, _use_new_zipfile_serialization="legacy" not in name)
    elif "(unaligned)" not in name:
        safetensors.write(path, state, {"format": "pt"})
    else:
        save_file({key: value.clone() for key, value in state.items()}, path, {"format": "pt"})
    entry = describe(path)
    _store.add(path, entry.files[0], wanted=model)
    path.with_suffix(".sha256").write_text(entry.files[0].sha256 or "")


def describe(path: Path, digest: str = "") -> Any:
    """Return the entry that a publisher would have written."""
    import dapi

    if not digest:
        with path.open("rb") as stream:
            hashed = sha256()
            while block := stream.read(1 << 20):
                hashed.update(block)
        digest = hashed.hexdigest()
    return dapi.WeightEntry(f"https://example.org/{path.name}", sha256=digest)


def by_dapi(model: str, path: Path, is_local: bool) -> Callable[[], Any]:
    """Return the call that builds and loads through dapi, from its cache or a local file."""
    from dapi import WeightEntry, build_model, list_models

    list_models()  # bench_startup measures it; the peers' registries are filled by their imports
    construct = constructor(model)
    digest = path.with_suffix(".sha256").read_text()
    entry = WeightEntry(path.as_uri()) if is_local else describe(path, digest)
    return lambda: build_model(construct, weights=entry)


def by_peer(model: str, path: Path) -> Callable[[], Any]:
    """Return the call that builds and loads as the peer does."""
    import torch

    construct = constructor(model)
    if MODELS[model] == "timm":
        return lambda: construct(checkpoint_path=str(path))
    if MODELS[model] == "transformers":
        from transformers import RobertaModel

        is_pickle = path.suffix == ".bin"
        folder = path.parent
        return lambda: RobertaModel.from_pretrained(folder, use_safetensors=not is_pickle)

    def load() -> Any:
        built = construct()
        if path.suffix == ".bin":
            state = torch.load(path, map_location="cpu", weights_only=True)
        else:
            from safetensors.torch import load_file

            state = load_file(path)
        built.load_state_dict(state)
        return built

    return load


if __name__ == "__main__":
    main()
