"""Export a model of each family in both formats, and write the table of docs/export.md.

Run: ``python tools/write_exports.py [NAME ...] [--all]``, or ``nox -s exports``. Without names, the
smallest model of each family is exported, with ``--all`` each model; with synthetic weights,
derived from the names of the tensors, so that nothing is downloaded. Each model has a process of
its own. Results are kept in build/exports/: an interrupted run resumes, ``--again`` replaces them,
and ``--table`` only writes the table.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
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
SECONDS = 900  # for one model in both formats
LARGEST = 400_000_000  # parameters


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
    for name in names:
        result = RESULTS / f"{name}.json"
        if options.again or not result.exists():
            found = in_process(name)
            unfinished = result.with_suffix(".part")
            unfinished.write_text(json.dumps(found, indent=1), encoding="utf-8")
            unfinished.replace(result)
            print(name, flush=True)
    write_table()
    return 0


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


def in_process(name: str) -> dict[str, Any]:
    """Export a model in a process of its own: it may take much memory, or crash."""
    context = multiprocessing.get_context("fork")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=lambda: sending.send(exported(name)))
    process.start()
    sending.close()
    try:
        late = {"error": f"it takes more than {SECONDS} s"}
        found: dict[str, Any] = receiving.recv() if receiving.poll(SECONDS) else late
    except EOFError:
        found = {"error": "it crashed"}
    process.kill()
    process.join()
    return found


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
    exporting.trace = remembered(exporting.trace)  # one trace is enough for both formats
    with tempfile.TemporaryDirectory() as folder:
        for each in FORMATS:
            try:
                report = exporting.export(model, format=each, output=folder)
                found[each] = {**report.facts(), "path": report.path.name}
                report.path.unlink()
            except Exception as error:  # noqa: BLE001 - as above
                found[each] = {"error": reason(error)}
    return found


def remembered(trace: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a function that traces each candidate of the one model of this process once."""
    known: dict[Any, Any] = {}

    def once(candidate: Any) -> Any:
        key = candidate.transforms, candidate.free
        if key not in known:
            known[key] = trace(candidate)
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
    return model.eval()


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
