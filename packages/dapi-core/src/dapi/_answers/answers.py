"""Answers: a model's output for a fixed input, kept in a file of a distribution.

The file is JSON with one answer per line. For each tensor it has the dtype, the shape, the number
of finite values, their mean, standard deviation and l2 norm, and evenly spaced samples; for
integers, booleans and texts the values themselves, or their hash if they are many.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dapi._plugins import discovery
from dapi._values.frozen import FrozenDict
from dapi._values.record import Record
from dapi.exceptions import AnswersError

if TYPE_CHECKING:
    from torch import Tensor

FORMAT = 1
SAMPLES = 32  # samples of a stage's output
FEW = 4  # samples of an inner module's output

_SHORT = 64  # the maximum number of integers or texts that are kept verbatim
_MANY = 6  # the maximum number of separate leaves of a stage

Leaf = Mapping[str, Any]


class Answer(Record):
    """The recorded output of one model.

    Attributes:
        name: The builder's name, if its weights were synthetic, or the name of the weights.
        member: The weights whose build, transforms and postprocess were used; empty for none.
        config: Arguments of the builder that made the model smaller than published.
        dtype: The dtype in which the model computed.
        tolerance: The largest deviation that is noise, relative to the standard deviation, if it
            is larger than that of the type: a part computes in float32, or in float32 the noise
            was measured to be larger.
        input: A hash of the model's input bytes; if the current ones differ by rounding only, the
            model is compared as if it computed in float32.
        leaves: The recorded values, in the order in which they occurred.
        omitted: Stages that are not part of it, with reasons.
        recorded: The versions of the libraries that it was recorded with, and the kind of CPU.
    """

    name: str
    member: str = ""
    config: Mapping[str, Any] = FrozenDict()
    dtype: str = "float64"
    tolerance: float = 0.0
    input: str = ""
    leaves: tuple[Leaf, ...] = ()
    omitted: Mapping[str, str] = FrozenDict()
    recorded: Mapping[str, str] = FrozenDict()


class Answers:
    """The answers of a distribution, by name.

    Attributes:
        path: Their file; it need not exist.
        found: The answers.
        left_out: Names that could not be recorded, with reasons.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.found: dict[str, Answer] = {}
        self.left_out: dict[str, str] = {}

    @classmethod
    def read(cls, path: Path) -> Answers:
        """Read a file; without one there are no answers.

        Raises:
            AnswersError: It is damaged, or written by a newer dapi-core.
        """
        if not path.exists():
            return cls(path)
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeError as cause:
            raise AnswersError(path, "it is not text", "Install its distribution again.") from cause
        answers = cls.parse(text, path)
        answers.path = path
        return answers

    @classmethod
    def parse(cls, text: str, source: object) -> Answers:
        """Read the text of a file; ``source`` is named in errors.

        Raises:
            AnswersError: It is damaged, or written by a newer dapi-core.
        """
        answers = cls(Path())
        try:
            content = json.loads(text)
            if content["format"] != FORMAT:
                reason = f"its format is {content['format']}, but this dapi-core reads {FORMAT}"
                raise AnswersError(source, reason, "Upgrade: pip install --upgrade dapi-core")
            answers.left_out = dict(content["left_out"])
            for name, fields in content["answers"].items():
                by = FrozenDict(content["recorded"][fields.pop("by")])
                leaves = tuple(fields.pop("leaves"))
                if fields["dtype"] not in ("float64", "float32"):
                    raise ValueError(f"{name} has the type {fields['dtype']!r}")
                answers.found[name] = Answer(name, **fields, leaves=leaves, recorded=by)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as cause:
            if isinstance(cause, AnswersError):
                raise
            reason = f"it is damaged ({type(cause).__name__}: {str(cause)[:200]})"
            raise AnswersError(source, reason, "Install its distribution again.") from cause
        return answers

    def write(self) -> None:
        """Replace the file atomically."""
        unfinished = self.path.with_name(f".{os.getpid()}-{self.path.name}")
        try:
            unfinished.write_text(self.text(), encoding="utf-8")
            unfinished.replace(self.path)
        finally:
            unfinished.unlink(missing_ok=True)

    def text(self) -> str:
        """Return the content of the file: equal answers give equal text."""
        recorded: list[Mapping[str, str]] = []
        lines = []
        for name, answer in sorted(self.found.items()):
            if answer.recorded not in recorded:
                recorded.append(answer.recorded)
            fields = {
                "member": answer.member,
                "config": answer.config,
                "dtype": answer.dtype,
                "tolerance": answer.tolerance,
                "input": answer.input,
                "omitted": answer.omitted,
                "by": recorded.index(answer.recorded),
                "leaves": answer.leaves,
            }
            lines.append(f"{_json(name)}:{_json(fields)}")
        parts = {
            "format": str(FORMAT),
            "recorded": f"[{_lines(map(_json, recorded))}]",
            "left_out": _json(dict(sorted(self.left_out.items()))),
            "answers": f"{{{_lines(lines)}}}",
        }
        return f"{{{_lines(f'{_json(key)}:{part}' for key, part in parts.items())}}}\n"


def _lines(lines: Iterable[str]) -> str:
    return ",\n".join(lines)


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), default=dict, allow_nan=False)


def path_of(distribution: str) -> Path:
    """Return the path of a distribution's answers: in the package that it advertises.

    Raises:
        AnswersError: It advertises no package, or one that does not exist.
    """
    for point in discovery.entry_points("dapi.answers"):
        if point.distribution == distribution:
            return _beside(point)
    reason = "their entry point names no file"
    line = '[project.entry-points."dapi.answers"]  answers = "its.package"'
    raise AnswersError(distribution, reason, f"Add to its pyproject.toml: {line}")


def _beside(point: discovery.EntryPoint) -> Path:
    try:
        spec = find_spec(point.target)
    except (ImportError, ValueError):
        spec = None
    for folder in (spec and spec.submodule_search_locations) or ():
        return Path(folder) / "answers.json"
    reason = f"the entry point names {point.target!r}, which is not a package"
    raise AnswersError(point.distribution, reason, "Name the package that holds answers.json.")


def of(distribution: str) -> Answers:
    """Read the answers of a distribution; empty if it advertises none."""
    named = {point.distribution for point in discovery.entry_points("dapi.answers")}
    return Answers.read(path_of(distribution)) if distribution in named else Answers(Path())


def describe(at: str, value: Any, samples: int = SAMPLES) -> list[Leaf]:
    """Describe a value: a leaf for each tensor in it, and one for all texts of one place."""
    tensors, plain = dict[str, list[Any]](), dict[str, list[Any]]()
    for path, leaf in walk(value):
        (tensors if is_tensor(leaf) else plain).setdefault(path, []).append(leaf)
    if len(tensors) > _MANY:
        tensors = _by_type(each for found in tensors.values() for each in found)
    leaves = [_of_tensor(at + path, _joined(found), samples) for path, found in tensors.items()]
    return leaves + [_of_plain(at + path, values, samples) for path, values in plain.items()]


def walk(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the leaves of a value with their paths; items of a list share one, except tensors."""
    if isinstance(value, Mapping | list | tuple) and not value:
        yield path, "nothing"
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from walk(item, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for place, item in enumerate(value):
            is_apart = isinstance(value, tuple) or is_tensor(item)
            yield from walk(item, f"{path}[{place if is_apart else '*'}]")
    elif value is None or isinstance(value, bool | int | float | str) or is_tensor(value):
        yield path, value


def is_tensor(value: Any) -> bool:
    return hasattr(value, "requires_grad") and not isinstance(value, type)


def _by_type(tensors: Iterable[Tensor]) -> dict[str, list[Tensor]]:
    """Group the very many tensors of a model's output."""
    kinds: dict[str, list[Tensor]] = {}
    for tensor in tensors:
        kinds.setdefault(f"[*].{str(tensor.dtype).removeprefix('torch.')}", []).append(tensor)
    return kinds


def _joined(tensors: list[Tensor]) -> Tensor:
    import torch

    if len(tensors) == 1:
        return tensors[0]
    return torch.cat([each.flatten() for each in tensors])


def _of_plain(at: str, values: list[Any], samples: int) -> Leaf:
    import torch

    numbers = [each for each in values if isinstance(each, float)]
    if numbers and all(isinstance(each, int | float) for each in values):
        return {**_of_tensor(at, torch.tensor(values, dtype=torch.float64), samples, 8),
                "dtype": "float"}  # fmt: skip
    return {"at": at, "shape": [len(values)], **_exact(values)}


def _exact(values: list[Any]) -> dict[str, Any]:
    values = [rounded(each, 17) if isinstance(each, float) else each for each in values]
    if len(values) <= _SHORT:
        return {"values": values}
    return {"values": values[:FEW], "sha256": sha256(_json(values).encode()).hexdigest()[:16]}


def _of_tensor(at: str, tensor: Tensor, samples: int, digits: int = 0) -> Leaf:
    import torch

    if tensor.is_quantized:
        tensor = tensor.dequantize()
    dtype = str(tensor.dtype).removeprefix("torch.")
    head = {"at": at, "dtype": dtype, "shape": list(tensor.shape)}
    if tensor.is_complex():
        tensor = torch.view_as_real(tensor)
    flat = tensor.detach().flatten()
    if not tensor.is_floating_point():
        return {**head, **_exact(flat.tolist())}
    flat = flat.double()
    finite = flat[flat.isfinite()]
    digits = digits or (12 if dtype == "float64" else 8)
    deviation = float(finite.std(correction=0)) if len(finite) else 0.0
    mean = float(finite.mean()) if len(finite) else 0.0
    return {
        **head,
        "count": len(finite),
        "mean": rounded(mean, digits),
        "std": rounded(deviation, digits),
        "l2": rounded(float(finite.norm()), digits),
        "samples": [rounded(each, digits) for each in _strided(flat, samples)],
    }


def _strided(flat: Tensor, samples: int) -> list[float]:
    import torch

    count = min(samples, len(flat))
    places = torch.arange(count) * (len(flat) - 1) // max(count - 1, 1)
    values: list[float] = flat[places].tolist()
    return values


def rounded(value: float, digits: int) -> float | str:
    """Round to the compared digits; JSON has no infinity."""
    rounded = float(f"{value:.{digits}g}")
    return rounded if rounded - rounded == 0 else str(rounded)
