"""Measure how far answers move when nothing of the code changes: the margin to the tolerance.

Models of several families are run with synthetic weights: with two threads, with a batch of two,
in ``channels_last``, without oneDNN, and with fewer vector instructions. Other versions of Python
and PyTorch are measured by recording there what is said, and comparing here.

Usage::

    python benchmarks/measure_noise.py                       # print the table of this environment
    python benchmarks/measure_noise.py --record FILE         # in another environment
    python benchmarks/measure_noise.py --write FILE...       # compare, and write docs/answers.md
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import replace
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import nn

from dapi._answers import differences, leaves, recording, stages, tracing
from dapi._answers import subject as subjects
from dapi._answers.answers import Answer, Answers
from dapi._values.frozen import FrozenDict
from dapi._weights.enum import entry_of
from dapi.exceptions import DapiError

PAGE = Path(__file__).parents[1] / "docs" / "answers.md"
BEGIN, END = "<!-- noise: written by benchmarks/measure_noise.py -->", "<!-- end of noise -->"
TYPES = ("float64", "float32")
MODELS = (
    "dapi-vision/resnet18",
    "dapi-vision/vit_b_32",
    "dapi-vision/swin_t",
    "dapi-vision/ssdlite320_mobilenet_v3_large",
    "dapi-text/electra_small",
    "dapi-audio/transformer_ctc_tiny",
)
VECTORS = {
    "avx2": "AVX2 in place of AVX512 (`ATEN_CPU_CAPABILITY=avx2`)",
    "default": "no vector instructions (`ATEN_CPU_CAPABILITY=default`)",
}

Margins = dict[tuple[str, str], float]  # by the name of a model and its type


def main() -> None:
    """Record, or measure and print, or write."""
    parser = argparse.ArgumentParser(description="Measure the noise of answers.")
    parser.add_argument("--record", type=Path, metavar="FILE")
    parser.add_argument("--write", action="store_true", help="into docs/answers.md")
    parser.add_argument("files", nargs="*", type=Path, help="recorded in other environments")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.record:
        record(options.record)
        return
    text = table(dict(rows(options.files)))
    print(text)
    if options.write:
        page = PAGE.read_text("utf-8")
        before, after = page.partition(BEGIN)[0], page.partition(END)[2]
        PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", "utf-8")


def table(found: dict[str, Margins]) -> str:
    """Return the largest deviation of all models, for each change and type."""
    lines = ["| what was changed | float64 | float32 |", "|---|--:|--:|"]
    for what, margins in found.items():
        cells = [_cell(margins, kind) for kind in TYPES]
        lines.append(f"| {what} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(margins: Margins, kind: str) -> str:
    """Tell the largest deviation, and whose it is; detections may change places instead."""
    of_kind = {name.rpartition("/")[2]: each for (name, of), each in margins.items() if of == kind}
    moved = sorted(name for name, each in of_kind.items() if each == inf)
    worst = max(of_kind.keys() - moved, key=lambda name: of_kind[name], default="")
    told = [f"{of_kind[worst]:.1g} ({worst})"] if of_kind.get(worst) else ["0"] if worst else []
    return "; ".join([*told, *(f"detections of {name} change places" for name in moved)])


def rows(files: list[Path]) -> Iterator[tuple[str, Margins]]:
    """Measure one change after the other."""
    here = {key: _run(*key) for key in _keys()}
    conditions: dict[str, Callable[[], AbstractContextManager[Any]]] = {
        "nothing: it ran again": nullcontext,
        "2 threads": _two_threads,
        "oneDNN off": lambda: torch.backends.mkldnn.flags(enabled=False),
    }
    for what, condition in conditions.items():
        margins = {}
        for key, answer in here.items():
            with recording.quiet(), condition():
                margins[key] = differences.compare(answer, _run(*key)).margin
        yield what, margins
    yield "batch of 2", {key: _altered(*key, _doubled) for key in here}
    yield "`channels_last`", {key: _altered(*key, _channels_last) for key in here}
    with TemporaryDirectory() as folder:
        for capability, what in VECTORS.items():
            file = Path(folder) / capability
            _record_apart(file, {"ATEN_CPU_CAPABILITY": capability})
            yield what, _against(here, file)[1]
    for file in files:
        yield _against(here, file)


def _keys() -> Iterator[tuple[str, str]]:
    for name in MODELS:
        try:
            subjects.named(name)
        except DapiError:
            continue  # its distribution is not for this environment
        yield from ((name, dtype) for dtype in TYPES)


def _subject(name: str, dtype: str) -> subjects.Subject:
    subject = subjects.named(name)
    return subject._replace(dtype=dtype, config=subject.sample().config)


def _run(name: str, dtype: str) -> Answer:
    return recording.record(_subject(name, dtype), f"{name}/{dtype}")


class _two_threads(AbstractContextManager[None]):  # noqa: N801
    def __enter__(self) -> None:
        torch.set_num_threads(2)

    def __exit__(self, *_: object) -> None:
        torch.set_num_threads(1)


Alter = Callable[[nn.Module, tuple[Any, ...], dict[str, Any]], Any]


def _altered(name: str, dtype: str, alter: Alter) -> float:
    """Compare what the model says to its own input with what it says when that is altered."""
    subject = _subject(name, dtype)
    with recording.quiet(), torch.inference_mode():
        model, kind = recording._built(subject)
        calls: list[tuple[Any, ...]] = []
        hook = model.register_forward_hook(
            lambda _, args, kwargs, __: calls.append((args, kwargs)), with_kwargs=True
        )
        run = stages.Run(subject)
        run.model, run.dtype = model, kind
        with suppress(stages._Finished):  # what the task makes of it is not needed
            run._predict(run._noting(entry_of(subject.weights)))
        hook.remove()
        args, kwargs = calls[0]
        said, altered = model(*args, **kwargs), alter(model, args, kwargs)
    one, other = (
        Answer(name, dtype=dtype, leaves=tuple(leaves.describe("model", each)), recorded=_NONE)
        for each in (said, altered)
    )
    return differences.compare(one, other).margin


_NONE: FrozenDict[Any] = FrozenDict()


def _doubled(model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return what is said to the first of two equal inputs."""
    if isinstance(args[0] if args else None, list):  # detectors take a list of pictures
        return model([*args[0], *args[0]])[:1]
    twice, keywords = tracing.mapped((args, kwargs), _twice)
    return tracing.mapped(model(*twice, **keywords), lambda each: each[: max(len(each) // 2, 1)])


def _twice(tensor: torch.Tensor) -> torch.Tensor:
    return torch.cat([tensor, tensor]) if tensor.ndim else tensor


def _channels_last(model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    model = model.to(memory_format=torch.channels_last)
    return model(*tracing.mapped(args, _last), **tracing.mapped(kwargs, _last))


def _last(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.contiguous(memory_format=torch.channels_last) if tensor.ndim == 4 else tensor


def record(path: Path) -> None:
    """Write what all models say here."""
    kept = Answers(path)
    for name, dtype in _keys():
        kept.found[f"{name}/{dtype}"] = _run(name, dtype)
    kept.write()


def _record_apart(path: Path, variables: dict[str, str]) -> None:
    command = [sys.executable, __file__, "--record", str(path)]
    subprocess.run(command, check=True, env={**os.environ, **variables})


def _against(here: dict[tuple[str, str], Answer], path: Path) -> tuple[str, Margins]:
    """Compare with what was recorded elsewhere, and say where that was."""
    there = Answers.read(path).found
    margins = {
        key: differences.compare(answer, replace(there["/".join(key)], name=answer.name)).margin
        for key, answer in here.items()
        if "/".join(key) in there
    }
    return _environment(path, there.values(), here.values()), margins


def _environment(path: Path, there: Iterable[Answer], here: Iterable[Answer]) -> str:
    """Name the versions that differ."""
    was, now = ({k: v for each in some for k, v in each.recorded.items()} for some in (there, here))
    changed = [
        f"{'Python' if name == 'python' else name} {was[name]}"
        for name in ("python", "torch", "torchvision", "torchaudio", "transformers")
        if name in was and was[name] != now.get(name)
    ]
    return ", ".join(changed) or path.stem


if __name__ == "__main__":
    main()
