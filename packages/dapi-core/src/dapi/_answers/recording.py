"""Recording: build a model with its weights or synthetic ones, and record its stages."""

from __future__ import annotations

import ctypes
import gc
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from math import isfinite
from platform import machine, python_version
from typing import TYPE_CHECKING

from dapi._answers import subject as subjects
from dapi._answers import synthetic
from dapi._answers.answers import Answer
from dapi._answers.differences import MIXED, ROUNDED, compare, stage_of
from dapi._answers.leaves import Leaf
from dapi._answers.stages import Run
from dapi._answers.subject import Subject, UncheckedError
from dapi._catalog import lookup
from dapi._plugins import discovery
from dapi._values.frozen import FrozenDict
from dapi._weights.entry import Status
from dapi._weights.enum import Weights, entry_of
from dapi.exceptions import AnswersError, DapiError

if TYPE_CHECKING:
    import torch
    from torch import nn

_MOST_BYTES = 1_600_000_000  # of parameters in float64; in float32, if those are more


def record_answer(name: str, *, synthetic: bool = False, remedy: str = "") -> Answer:
    """Run a model, and return its current answer.

    Args:
        name: A builder, which runs with synthetic weights; or weights whose files are in the cache.
        synthetic: Whether weights are replaced by synthetic ones: their build, transforms and
            postprocess are used, but none of their files.
        remedy: What a caller can do if it cannot be run, as a sentence.

    Raises:
        AnswersError: It cannot be run.
        DapiError: There is no such model.
    """
    try:
        return recorded(name, synthetic=synthetic)
    except UncheckedError as cause:
        raise AnswersError(name, str(cause), remedy) from cause


def recorded(name: str, *, accept: str = "", synthetic: bool = False) -> Answer:
    """Record the answer of a builder or of weights; see ``record_answer``.

    Raises:
        UncheckedError: It cannot be run.
        DapiError: There is no such model.
    """
    if synthetic and ":" in name:
        weights = lookup.get_weights(name)
        subject = Subject(lookup.find_offered(lookup.parse(name)), weights, True)
    else:
        subject = subjects.named(name)
    if subject.is_synthetic:
        subject = subject._replace(config=subject.sample().config)
    answer = record(subject, name.rpartition("/")[2])
    # In float64, noise is far below the tolerance; in float32, two libraries show how large it is.
    if answer.dtype != "float64":
        answer = _measured(subject, answer)
    by = {**answer.recorded, **({"accepted": accept} if accept else {})}
    return replace(answer, recorded=FrozenDict(by))


def _measured(subject: Subject, answer: Answer) -> Answer:
    """Widen the tolerance to ten times the noise between two libraries for float32.

    Values that must be equal exactly, and are not, are left out of the answer.
    """
    import torch

    with quiet(), torch.backends.mkldnn.flags(enabled=False):
        other = record(subject, answer.name)
    others = {leaf["at"]: leaf for leaf in other.leaves}
    kept = {
        leaf["at"]: leaf
        for leaf in answer.leaves
        if {"samples", "norms"} & leaf.keys() or leaf == others.get(leaf["at"])
    }
    lost = set(map(stage_of, answer.leaves)) - set(map(stage_of, kept.values()))
    omitted = {**answer.omitted, **dict.fromkeys(lost, "in float32, it is not stable")}
    answer = replace(answer, leaves=tuple(kept.values()), omitted=FrozenDict(omitted))
    other = replace(other, leaves=tuple(others[at] for at in kept if at in others))
    margin = compare(answer, other).margin
    if not isfinite(margin):
        raise UncheckedError("It runs in float32 only, and its outputs differ each time.")
    return replace(answer, tolerance=float(f"{10 * ROUNDED * margin:.2g}"))


def record(subject: Subject, name: str) -> Answer:
    """Build a model, run it, and record its outputs.

    Raises:
        UncheckedError: It cannot be run.
    """
    try:
        return _recorded(subject, name)
    finally:
        _give_memory_back()


def _recorded(subject: Subject, name: str) -> Answer:
    import torch

    with quiet(), torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)  # so that the recording is deterministic
        run, leaves = _ran(subject)
    return Answer(
        name,
        member=subject.weights.name if isinstance(subject.weights, Weights) else "",
        config=FrozenDict(subject.config),
        dtype=str(run.dtype).removeprefix("torch."),
        tolerance=MIXED if run.is_mixed else 0.0,
        input=run.digest.hexdigest()[:16],
        leaves=tuple(leaves),
        omitted=FrozenDict(run.omitted),
        recorded=FrozenDict(versions(subject.model.distribution)),
    )


def _give_memory_back() -> None:
    """Free the memory of the model: the next one may need as much.

    A model that ran refers to itself. glibc keeps freed memory between used blocks: without
    ``malloc_trim``, checking all models of dapi-text took twice the memory of the largest one.
    """
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # not in musl
        if trim is not None:
            trim(0)


def _ran(subject: Subject) -> tuple[Run, list[Leaf]]:
    """Run the model in float64, or else in float32: its code may fix the dtype."""
    run = Run(subject)
    model, dtype = _built(subject)
    try:
        return run, run.all_stages(model, dtype)
    except RuntimeError:
        if subject.dtype or dtype.itemsize == 4:
            raise
        return _ran(subject._replace(dtype="float32"))


def versions(distribution: str) -> dict[str, str]:
    """Return the versions of all libraries in use, and the kind of CPU."""
    import torch

    installed = discovery.versions()
    plugin = next((each for each in discovery.discover() if each.name == distribution), None)
    names = {each.name for each in plugin.requirements()} if plugin else set()
    wanted = sorted(({*names, "torch"} & installed.keys()) - {discovery.CORE})
    return {
        distribution: installed.get(distribution, ""),
        **{name: installed[name] for name in wanted},
        "python": python_version(),
        "cpu": f"{machine()} {torch.backends.cpu.get_cpu_capability()}",
    }


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress warnings, such as of a newer builder, which are not part of the check."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _built(subject: Subject) -> tuple[nn.Module, torch.dtype]:
    """Return the model in evaluation mode, and its dtype."""
    model = deepcopy(subject.built) if subject.built is not None else _constructed(subject)
    dtype = _fitting(subject, model)
    if subject.is_synthetic:
        synthetic.fill(model, dtype)
    else:
        model.to("cpu", dtype)
    return model.eval(), dtype


def _constructed(subject: Subject) -> nn.Module:
    entry = replace(entry_of(subject.weights), status=Status())
    if subject.config:
        build = replace(entry.build, config={**entry.build.config, **subject.config})
        entry = replace(entry, build=build)
    options = {"device": "meta"} if subject.is_synthetic else {}
    model: nn.Module = subject.model.load()(weights=entry, **options)
    return model


def _fitting(subject: Subject, model: nn.Module) -> torch.dtype:
    """Choose float64 if the model and this machine's memory allow it."""
    import torch

    count = sum(parameter.numel() for parameter in model.parameters())
    values = (each for each in model.state_dict().values() if hasattr(each, "dtype"))
    if any(str(each.dtype).startswith(("torch.qint", "torch.quint")) for each in values):
        raise UncheckedError("It is quantized: its packed weights are not derived from names.")
    if subject.dtype:
        chosen: torch.dtype = getattr(torch, subject.dtype)
        return chosen
    for dtype in (torch.float64, torch.float32):
        if count * dtype.itemsize <= _MOST_BYTES:
            return dtype
    raise UncheckedError(f"It has {count:,} parameters: more than fit into the memory set aside.")


def reason_of(error: BaseException) -> str:
    """Return why a model could not be run: the message for people, or the error."""
    text = str(error).strip().partition("\n")[0]
    own = isinstance(error, UncheckedError | DapiError)
    return text if own and text else f"{type(error).__name__}: {text}"[:200]
