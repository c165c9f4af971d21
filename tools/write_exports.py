"""Export a model of each family in both formats, and write the table of docs/export.md.

Run: ``python tools/write_exports.py [NAME ...] [--all]``, or ``nox -s exports``. Without names, the
smallest model of each family is exported, with ``--all`` each model; with synthetic weights,
derived from the names of the tensors, so that nothing is downloaded, and scaled so that the outputs
of each layer have a deviation of one. Each model has a process of its own. Results are kept in
build/exports/: an interrupted run resumes, ``--again`` replaces them, and ``--table`` only writes
the table. A model that takes too long has no result; then the exit status is 1.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import re
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import dapi
from dapi import WeightEntry, Weights, catalog

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "build" / "exports"
PAGE = ROOT / "docs" / "export.md"
BEGIN, END = "<!-- begin: tools/write_exports.py -->", "<!-- end -->"
FORMATS = ("torch-export", "onnx")
LIBRARIES = ("torchaudio", "torchvision", "transformers", "onnxscript", "onnxruntime")
SECONDS = 900  # of one model in both formats, on a processor: a busy machine changes no result
LARGEST = 400_000_000  # parameters
LAYERS = re.compile(r"^Conv|Linear|Norm")  # whose output is proportional to their parameters


def main() -> int:
    """Export what is missing, then write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--all", action="store_true", help="each model, not one of each family")
    parser.add_argument("--again", action="store_true", help="replace earlier results")
    parser.add_argument("--table", action="store_true", help="write the table only")
    options = parser.parse_args()
    os.environ["DAPI_OFFLINE"] = "1"
    names = [] if options.table else options.names or chosen(every=options.all)
    for library in LIBRARIES if names else ():
        import_module(library)  # once, for all processes
    RESULTS.mkdir(parents=True, exist_ok=True)
    late: list[str] = []
    for name in names:
        result = RESULTS / f"{name}.json"
        if options.again or not result.exists():
            began = time.monotonic()
            found = in_process(name)
            print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)
            if found is None:
                late.append(name)
                continue
            unfinished = result.with_suffix(".part")
            unfinished.write_text(json.dumps(found, indent=1), encoding="utf-8")
            unfinished.replace(result)
    write_table()
    for name in late:
        print(f"{name} takes more than {SECONDS} s: it has no result", file=sys.stderr)
    return 1 if late else 0


def write_table() -> None:
    """Write the table of all results so far into the page."""
    results = {path.stem: json.loads(path.read_text("utf-8")) for path in RESULTS.glob("*.json")}
    head, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    tail = rest.partition(END)[2]
    text = "\n".join(table(results))
    PAGE.write_text(f"{head}{BEGIN}\n\n{text}\n\n{END}{tail}", encoding="utf-8")


def chosen(*, every: bool) -> list[str]:
    """Return the smallest model of each family, in the order of their sizes."""
    smallest: dict[str, tuple[int, str]] = {}
    for builder in catalog.builders():
        family = builder.name if every else builder.target.partition(":")[0]
        weights = template(builder.name)
        if weights is not None:
            size = weights.meta.get("num_params", 0)
            smallest[family] = min(smallest.get(family, (size, builder.name)), (size, builder.name))
    return [name for size, name in sorted(smallest.values()) if size <= LARGEST]


def template(name: str) -> Weights | None:
    """Return the weights whose transforms, postprocess and arguments a model is built with."""
    members = [each for each in dapi.list_weights(name) if each.status.state == "active"]
    return next((each for each in members if each.latest), members[0] if members else None)


def in_process(name: str) -> dict[str, Any] | None:
    """Export a model in a process of its own, which may crash; None if it takes too long."""
    context = multiprocessing.get_context("fork")
    receiving, sending = context.Pipe(duplex=False)

    def work() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
        sending.send(exported(name))

    process = context.Process(target=work)
    process.start()
    sending.close()
    found: dict[str, Any] | None = {"error": "it crashed"}
    with suppress(EOFError):
        found = receiving.recv()
    process.join()
    return None if process.exitcode in (-signal.SIGXCPU, -signal.SIGKILL) else found


def exported(name: str) -> dict[str, Any]:
    """Export a model with synthetic weights; return the reports, or the errors, by format."""
    weights = template(name)
    assert weights is not None
    found: dict[str, Any] = {"task": weights.meta.get("task", "")}
    try:
        model = built(name, weights)
    except Exception as error:  # noqa: BLE001 - one must not stop the others
        return {**found, "error": reason(error)}
    exporting: Any = import_module("dapi.export._exporting")
    proof: Any = import_module("dapi.export._proof")
    exporting.trace = remembered(exporting.trace)  # once for both formats
    proof.expect = remembered(proof.expect)
    with tempfile.TemporaryDirectory() as folder:
        for each in FORMATS:
            try:
                report = exporting.export(model, format=each, output=folder)
                found[each] = {**report.facts(), "path": report.path.name}
                report.path.unlink()
            except Exception as error:  # noqa: BLE001 - as above
                found[each] = {"error": reason(error)}
    return found


def remembered(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that runs once for each candidate of the one model of this process."""
    known: dict[Any, Any] = {}

    def once(candidate: Any, *more: Any) -> Any:
        key = candidate.transforms, candidate.free, more
        if key not in known:
            known[key] = function(candidate, *more)
        return known[key]

    return once


def built(name: str, weights: Weights) -> Any:
    """Build a model with synthetic weights, which `dapi check` uses too."""
    import torch

    from dapi._answers import synthetic

    sample: Any = next(
        point.load()(weights)
        for point in catalog.entry_points("dapi.samples")
        if point.name == weights.meta.get("task")
    )
    smaller = {key: value for key, value in sample.config.items() if key != "image_size"}
    chosen: Weights | WeightEntry = weights
    if smaller:
        build = replace(weights.build, config={**weights.build.config, **smaller})
        chosen = replace(weights.value, build=build)
    model = dapi.get_model(name, weights=chosen, device="meta")
    if any(str(getattr(each, "dtype", "")).startswith("torch.q") for each in model.state_dict()):
        raise ValueError("it is quantized")
    synthetic.fill(model, torch.float32)
    scale(model.eval(), dapi.weights_of(model))
    return model


def scale(model: Any, weights: Weights | WeightEntry) -> None:
    """Scale each layer so that its outputs on the task's sample have a deviation of one.

    Without trained statistics of normalization, activations grow through the layers: a detector's
    scores are then all 1.0, in no order, and rounding errors are as large as the outputs.
    """
    import torch

    from dapi.export import _calling

    def scaled(layer: Any, _: Any, output: Any) -> Any:
        handles.pop(layer).remove()  # a detector calls its head for several levels
        spread = output.std().item()
        if not 0 < spread < float("inf"):
            return output
        for name in ("weight", "bias"):
            if getattr(layer, name, None) is not None:
                getattr(layer, name).data.div_(spread)
        return output / spread

    handles = {
        each: each.register_forward_hook(scaled)
        for each in model.modules()
        if LAYERS.search(type(each).__name__) and "weight" in {**each._parameters, **each._buffers}
    }
    with torch.no_grad(), suppress(Exception):  # the export reports the error
        _calling.watch(model, weights)
    for handle in handles.values():
        handle.remove()


def reason(error: Exception) -> str:
    """Return why a model was not exported."""
    return str(getattr(error, "reason", "") or f"{type(error).__name__}: {error}")[:300]


def table(found: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of the table, and of the reasons below it."""
    yield "| model | task | torch.export | ONNX |"
    yield "|---|---|---|---|"
    notes: dict[str, int] = {}
    for name, result in sorted(found.items(), key=lambda item: (item[1].get("task", ""), item[0])):
        cells = [cell(result.get(each, result), notes) for each in FORMATS]
        yield f"| `{name}` | {result.get('task', '')} | {' | '.join(cells)} |"
    yield ""
    for text, number in notes.items():
        yield f"{number}. {text}"


def cell(result: dict[str, Any], notes: dict[str, int]) -> str:
    """Describe a result; its reason is a note."""
    why = result.get("error") or result.get("reason")
    note = f" ({notes.setdefault(sentence(why), len(notes) + 1)})" if why else ""
    if "error" in result:
        return f"no{note}"
    what = "with transforms" if result["transforms"] else "model alone"
    is_free = any(isinstance(size, str) for port in result["inputs"] for size in port["shape"])
    return f"{what}, {'any' if is_free else 'fixed'} size, {result['difference']:.1g}{note}"


def sentence(text: str) -> str:
    """Return a reason as one line without what Markdown interprets."""
    plain = " ".join(text.split()).replace("|", "/").replace("<", "").replace(">", "")
    return f"`{plain.replace('`', '')}`"


if __name__ == "__main__":
    sys.exit(main())
