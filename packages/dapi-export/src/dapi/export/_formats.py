"""Formats: how a traced model is written, and how a file is run again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from dapi.exceptions import ArgumentError, MissingDependencyError
from dapi.export._tensors import Tensors
from dapi.export._tracing import Traced, renamed

# The file with the metadata inside of a program of torch.export.
METADATA = "dapi.json"

Run = Callable[..., Tensors]


class Format(NamedTuple):
    """A format of files.

    Attributes:
        name: Its name on the command line.
        suffix: Of its files.
        modules: What must be installed.
        write: Writes a traced model with its metadata.
        load: From the path of a file to a function that runs it.
    """

    name: str
    suffix: str
    modules: tuple[str, ...]
    write: Callable[[Traced, Path, Mapping[str, str], int | None], None]
    load: Callable[[Path, Traced], Run]

    def check(self) -> None:
        """Raise an error if a library is missing.

        Raises:
            MissingDependencyError: One is.
        """
        missing = [name for name in self.modules if find_spec(name) is None]
        if missing:
            what = f"Exporting to {self.name} needs {', '.join(missing)}"
            raise MissingDependencyError(what, requirement=f"dapi-export[{self.name}]")


def find(name: str) -> Format:
    """Return the format of a name.

    Raises:
        ArgumentError: There is none.
    """
    if name not in FORMATS:
        expected = f"one of: {', '.join(FORMATS)}"
        raise ArgumentError("dapi.export.export", "format", name, expected=expected)
    return FORMATS[name]


def _write_onnx(traced: Traced, path: Path, metadata: Mapping[str, str], opset: int | None) -> None:
    converted = torch.onnx.export(
        traced.program,
        dynamo=True,
        input_names=[port.name for port in traced.inputs],
        output_names=[port.name for port in traced.outputs],
        opset_version=opset,
        verbose=False,
    )
    assert converted is not None
    written = converted.model.opset_imports[""]
    if opset not in (None, written):  # PyTorch keeps its own version if it cannot convert it
        expected = f"{written}, or a version to which PyTorch can convert this model"
        raise ArgumentError("dapi.export.export", "opset", opset, expected=expected)
    _rename(converted.model, traced.dimensions)
    converted.model.metadata_props.update(metadata)
    converted.save(path, external_data=False)


def _rename(model: Any, names: Mapping[str, str]) -> None:
    """Give the free dimensions of a graph names that people know: height for s77."""
    import onnx_ir

    graph = model.graph
    values = [*graph.inputs, *graph.outputs, *(each for node in graph for each in node.outputs)]
    for value in values:
        if value.shape is None:
            continue
        for place, dimension in enumerate(value.shape):
            if not isinstance(dimension, int) and dimension.value is not None:
                value.shape[place] = onnx_ir.SymbolicDim(renamed(dimension.value, names))


def _load_onnx(path: Path, traced: Traced) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # a failure is the reason of our error
    options.intra_op_num_threads = torch.get_num_threads()  # not all processors of the machine
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = {each.name for each in session.get_inputs()}

    def run(*inputs: Tensor) -> Tensors:
        given = {
            port.name: tensor.numpy()
            for port, tensor in zip(traced.inputs, inputs, strict=True)
            if port.name in names  # an input that nothing depends on is dropped
        }
        outputs = zip(traced.outputs, session.run(None, given), strict=True)
        return {port.name: torch.from_numpy(value) for port, value in outputs}

    return run


def _write_program(
    traced: Traced, path: Path, metadata: Mapping[str, str], opset: int | None
) -> None:
    if opset is not None:
        raise ArgumentError("dapi.export.export", "opset", opset, expected="None: it is of ONNX")
    torch.export.save(traced.program, path, extra_files={METADATA: json.dumps(dict(metadata))})


def _load_program(path: Path, _: Traced) -> Run:
    module = torch.export.load(path).module()

    def run(*inputs: Tensor) -> Tensors:
        outputs: Tensors = module(*inputs)
        return outputs

    return run


FORMATS = {
    each.name: each
    for each in (
        Format("onnx", "onnx", ("onnx", "onnxscript", "onnxruntime"), _write_onnx, _load_onnx),
        Format("torch-export", "pt2", (), _write_program, _load_program),
    )
}
