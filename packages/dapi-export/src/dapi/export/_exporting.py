"""export: write a model with its preprocessing and labels as one file, and prove it."""

from __future__ import annotations

import io
import logging
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from dapi import Weights, catalog
from dapi.exceptions import ArgumentError, DapiError, InputError
from dapi.export import _candidates, _describing, _formats, _proof, _subject
from dapi.export._calling import Call, watch
from dapi.export._candidates import Candidate
from dapi.export._formats import Format
from dapi.export._subject import Subject
from dapi.export._tracing import Traced, trace
from dapi.export.exceptions import ExportError, ExportExistsError, ProofError
from dapi.export.report import Export

_log = logging.getLogger("dapi")

_LARGEST = 2_000_000_000  # bytes of an ONNX file: protobuf's limit is 2 GiB


def export(
    subject: str | Weights | nn.Module,
    *,
    format: str = "onnx",  # noqa: A002
    output: str | Path = ".",
    transforms: bool = True,
    opset: int | None = None,
    dynamic_batch: bool = False,
    image_size: tuple[int, int] | Literal["any"] | None = None,
    overwrite: bool = False,
) -> Export:
    """Write a model with its preprocessing and labels as one file, and prove that it is equal.

    The model is called as its task calls it. Where the transforms of the weights can be traced, the
    file contains them, and takes images of uint8; otherwise it contains the model alone, and the
    report says why. The file is loaded again and compared with the model on synthetic inputs; it is
    kept only if the two are equal but for rounding. While this function runs, no other thread
    should use torchvision's transforms: some of them are replaced.

    Args:
        subject: The name of a model or of weights, or weights; or a model that dapi built, whose
            current parameters are exported. If they are not those of its weights, the name of the
            file ends in ``-changed``, and the file states the weights as its base, without hashes.
        format: ``"onnx"``, or ``"torch-export"``.
        output: The directory of the file.
        transforms: Whether to include the transforms.
        opset: The version of ONNX's operators; by default PyTorch's.
        dynamic_batch: Whether the batch may have any size. By default it is one.
        image_size: Height and width of all images; or ``"any"``. By default, images may have any
            size if the transforms make images of one size. Otherwise, as for detectors and
            segmenters, they must have the size of the task's small sample: state yours. For these,
            ``"any"`` takes several times as long, and is impossible for some: then their size is
            fixed, too. The report states a fixed size.
        overwrite: Whether to replace an existing file of that name.

    Returns:
        The report, with the largest difference.

    Raises:
        ExportError: The model cannot be exported in this format.
        ProofError: The file's outputs differ from those of the model.
        MissingDependencyError: A library of the format is not installed.
        UnknownTaskError: No installed distribution supports the task of the weights.
        ArgumentError: An argument has an impossible value.
        ExportExistsError: There is a file of that name.
        InputError: The directory cannot be made.
        NoWeightsError: A model was built without weights, or not by dapi.
        DapiError: As in ``dapi.get_model``. This function uses the cache and the network.
    """
    chosen = _formats.find(format)
    chosen.check()
    if not (image_size in (None, "any") or _is_size(image_size)):
        expected = "(height, width), as in (480, 640), or 'any'"
        raise ArgumentError("dapi.export.export", "image_size", image_size, expected=expected)
    found = _subject.find(subject)
    _check(chosen, found)
    path = _made(Path(output)) / f"{_stem(found)}.{chosen.suffix}"
    if path.exists() and not overwrite:
        raise ExportExistsError(path)
    with _quiet():
        call = _watched(chosen, found, image_size)
        reasons: list[str] = []
        for candidate in _candidates.candidates(
            found.model, call, transforms=transforms, batch=dynamic_batch, image_size=image_size
        ):
            attempt = _Attempt(chosen, found, call, candidate, opset)
            why_alone = _why_alone(candidate, call, transforms, reasons)
            try:
                return attempt.run(path, why_alone)
            except ExportError as error:
                _log.debug("an attempt to export %s failed", found.weights, exc_info=error)
                reasons.append(error.reason)
                last = error
    raise last


def _is_size(value: Any) -> bool:
    is_pair = isinstance(value, tuple | list) and len(value) == 2
    return is_pair and all(isinstance(each, int) and each > 0 for each in value)


def _check(chosen: Format, subject: Subject) -> None:
    """Refuse what no tracer can do, before anything runs.

    Raises:
        ExportError: The model is quantized, or too large for the format.
    """
    model, weights = subject.model, subject.weights
    if any(type(each).__module__.startswith("torch.ao.nn.") for each in model.modules()):
        reason = "it is quantized, and its packed weights are not tensors"
        remedy = "Export the model that it was quantized from."
        raise ExportError(str(weights), chosen.name, reason, remedy)
    size = sum(each.numel() * each.element_size() for each in model.parameters())
    if chosen.name == "onnx" and size > _LARGEST:
        reason = f"its parameters have {size / 1e9:.1f} GB, and an ONNX file at most 2 GB"
        remedy = f"Choose the other format: dapi export {weights} --format torch-export"
        raise ExportError(str(weights), chosen.name, reason, remedy)


def _made(folder: Path) -> Path:
    """Make a directory, and return it.

    Raises:
        InputError: It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as cause:
        reason = f"it cannot be made ({cause.strerror})"
        raise InputError(str(folder), reason, expected="another directory: --output DIR") from cause
    return folder


def _watched(chosen: Format, subject: Subject, image_size: tuple[int, int] | str | None) -> Call:
    """Run the task once.

    Raises:
        ExportError: It fails, or does not call the model exactly once.
    """
    remedy = "Export the parts of the model with torch.export or torch.onnx."
    weights = subject.weights
    size = None if isinstance(image_size, str) else image_size
    try:
        call = watch(subject.model, weights, _distribution(weights), size)
    except DapiError:
        raise
    except Exception as cause:
        reason = f"its task fails on its sample ({type(cause).__name__}: {cause})"
        raise ExportError(str(weights), chosen.name, reason, remedy) from cause
    if call.times != 1:
        how = "in a loop" if call.times else "by a method other than forward"
        reason = f"its task calls the model {how}"
        raise ExportError(str(weights), chosen.name, reason, remedy)
    return call


def _distribution(weights: Any) -> str:
    """Return the distribution that offers the weights; empty if none does."""
    if not isinstance(weights, Weights):
        return ""
    points = catalog.entry_points("dapi.weights")
    return next((each.distribution for each in points if each.leads_to(type(weights))), "")


def _why_alone(candidate: Candidate, call: Call, wanted: bool, reasons: list[str]) -> str:
    """Return why a candidate does not contain the transforms."""
    if candidate.transforms:
        return ""
    if not wanted:
        return "transforms=False"
    if reasons:
        return f"with its transforms, {reasons[0]}"
    kinds = [
        "text" if isinstance(each, str) else type(each).__name__
        for each in call.source
        if not isinstance(each, torch.Tensor | int)
    ]
    if kinds or not call.source:  # a tokenizer that cannot be fetched is not called
        return f"its transforms take {', '.join(kinds) or 'text'}, not tensors"
    return "its task passes more to the model than its transforms return"


class _Attempt:
    """One attempt to export a candidate."""

    def __init__(
        self, chosen: Format, subject: Subject, call: Call, candidate: Candidate, opset: int | None
    ) -> None:
        self.format, self.subject, self.call, self.opset = chosen, subject, call, opset
        self.weights, self.candidate = subject.weights, candidate

    def run(self, path: Path, why_alone: str) -> Export:
        """Trace, write, load, compare, and only then give the file its name."""
        traced = self._explained("it cannot be traced", lambda: trace(self.candidate))
        metadata = _describing.describe(self.subject, self.call, self.candidate, traced)
        # Beside the file, since only within a file system is it replaced at once.
        unfinished = path.with_name(f".{os.getpid()}-{path.name}")
        try:
            self._explained(
                "it cannot be converted",
                lambda: self.format.write(traced, unfinished, metadata, self.opset),
            )
            proof = self._explained(
                "its file does not run", lambda: self._proved(unfinished, traced)
            )
            self._explained("it cannot be written", lambda: unfinished.replace(path))
        finally:
            unfinished.unlink(missing_ok=True)
        return Export(
            weights=str(self.weights),
            format=self.format.name,
            path=path,
            size=path.stat().st_size,
            transforms=self.candidate.transforms,
            reason=why_alone,
            inputs=traced.inputs,
            outputs=traced.outputs,
            changed=self.subject.is_changed,
            image_size=self.candidate.image_size,
            **proof._asdict(),
        )

    def _explained(self, what: str, step: Any) -> Any:
        """Run a step; whatever a library raises is the reason of an ExportError."""
        try:
            return step()
        except (ArgumentError, ExportError):
            raise
        except Exception as cause:
            root: BaseException = cause
            while root.__cause__ is not None:  # PyTorch's own errors say what to read next
                root = root.__cause__
            first = next(filter(None, map(str.strip, str(root).splitlines())), "")
            reason = f"{what} ({type(root).__name__}: {first[:200].rstrip('.')})"
            other = next(name for name in _formats.FORMATS if name != self.format.name)
            remedy = f"Try the other format: dapi export {self.weights} --format {other}"
            raise ExportError(str(self.weights), self.format.name, reason, remedy) from cause

    def _proved(self, path: Path, traced: Traced) -> _proof.Proof:
        expected = _proof.expect(self.candidate, traced.free)
        proof = _proof.prove(expected, self.format.load(path, traced))
        if proof.difference > proof.tolerance:
            raise ProofError(
                str(self.weights),
                self.format.name,
                difference=proof.difference,
                tolerance=proof.tolerance,
            )
        return proof


def _stem(subject: Subject) -> str:
    """Return a file name for a model: that of its weights; of an entry, that of its file."""
    weights = subject.weights
    is_member = isinstance(weights, Weights)
    name = str(weights) if is_member else Path(weights.files[0].name).stem
    plain = re.sub(r"[^\w.-]+", "-", name).strip("-.") or "model"
    return f"{plain}-changed" if subject.is_changed else plain


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress what tracers say about their own code; a failed one prints the whole graph."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript")]
    levels = [each.level for each in loggers]
    unread = io.StringIO()
    with warnings.catch_warnings(), redirect_stdout(unread), redirect_stderr(unread):
        warnings.simplefilter("ignore")
        for each in loggers:
            each.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for each, level in zip(loggers, levels, strict=True):
                each.setLevel(level)
