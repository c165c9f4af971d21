"""Tracing: from a candidate to a program of torch.export, and the names of its dimensions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch.export import Dim, ExportedProgram

from dapi.export._candidates import Candidate
from dapi.export._traceable import traceable
from dapi.export.report import Port


class Traced(NamedTuple):
    """A traced model.

    Attributes:
        program: The program.
        inputs: Its inputs.
        outputs: Its outputs.
        dimensions: The names of its free dimensions, by their symbol in the program.
    """

    program: ExportedProgram
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    dimensions: Mapping[str, str]

    @property
    def free(self) -> tuple[tuple[int, ...], ...]:
        """The dimensions of each input that may have any size."""
        return tuple(
            tuple(place for place, size in enumerate(port.shape) if isinstance(size, str))
            for port in self.inputs
        )


def trace(candidate: Candidate) -> Traced:
    """Trace a candidate; a tracer decides which of the dimensions can have any size."""
    module, args, names, free, *_ = candidate
    # AUTO: a size that the code of the model fixes is fixed; DYNAMIC would be an error.
    shapes = tuple(
        {dim: Dim.AUTO if dim in dims else Dim.STATIC for dim in range(each.ndim)}
        for each, dims in zip(args, free, strict=True)
    )
    with torch.no_grad(), traceable():
        program = torch.export.export(module, args, dynamic_shapes={"inputs": shapes})
        outputs = [*module(*args)]  # the names of the outputs, which a program does not keep
    given = [
        node.meta["val"]
        for node in program.graph.nodes
        if node.op == "placeholder" and node.name in program.graph_signature.user_inputs
    ]
    results: Any = program.graph.output_node().args[0]
    values = [node.meta["val"] for node in results][-len(outputs) :]
    dimensions: dict[str, str] = {}
    inputs = [_port(*each, dimensions) for each in zip(names, given, strict=True)]
    named = [f"{name}_out" if name in names else name for name in outputs]
    return Traced(
        program,
        tuple(inputs),
        tuple(_port(*each, dimensions) for each in zip(named, values, strict=True)),
        dimensions,
    )


def _port(name: str, value: Any, dimensions: dict[str, str]) -> Port:
    """Describe a tensor of a program; its free dimensions get names at their first occurrence."""
    shape: list[int | str] = []
    for place, size in enumerate(value.shape):
        if isinstance(size, int):
            shape.append(size)
            continue
        symbol = str(size)
        if symbol.isidentifier() and symbol not in dimensions:
            dimensions[symbol] = _dimension(place, value.ndim, dimensions)
        shape.append(renamed(symbol, dimensions))
    return Port(name, str(value.dtype).removeprefix("torch."), tuple(shape))


def renamed(expression: str, dimensions: Mapping[str, str]) -> str:
    """Return an expression with the names of dimensions: height for s77.

    >>> renamed("2*s77 + s7", {"s7": "width", "s77": "height"})
    '2*height + width'
    """
    return re.sub(r"\w+", lambda found: dimensions.get(found[0], found[0]), expression)


def _dimension(place: int, count: int, taken: Mapping[str, str]) -> str:
    names = {count - 2: "height", count - 1: "width"} if count > 2 else {1: "length"}
    name = "batch" if place == 0 else names.get(place, f"dimension_{place}")
    return name if name not in taken.values() else f"{name}_{len(taken)}"
