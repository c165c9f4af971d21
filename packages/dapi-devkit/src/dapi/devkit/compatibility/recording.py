"""Recording: make an image of an installed distribution.

This runs the distribution's own code, and is meant for a separate process. A failed part does not
stop others: the image lists missing parts with reasons.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from functools import partial
from hashlib import sha256
from importlib.metadata import version as version_of
from importlib.util import find_spec
from platform import python_version
from typing import Any, NamedTuple

from dapi import Weights, catalog
from dapi.devkit._models import as_active, quiet, required
from dapi.devkit.compatibility import declarations, models
from dapi.devkit.compatibility.image import FORMAT, Image

EVERYTHING = ("*",)

_FOLDERS = re.compile(r"(?<![\w:/.])/(?:[^/\s'\"]+/)+")  # of this machine, in an error's text

Tell = Callable[[str, int, int], None]


class Subject(NamedTuple):
    """Weights with the builder that they are for."""

    builder: str
    owner: str
    weights: Weights

    @property
    def name(self) -> str:
        """The name of the weights, without the distribution."""
        return f"{self.builder}:{self.weights.name}"

    @property
    def is_packaged(self) -> bool:
        """Whether all their files are in packages."""
        return all(file.url.startswith("package:") for file in catalog.files(self.weights))


class Extent(NamedTuple):
    """The parts of a distribution to record, in addition to its declarations.

    Attributes:
        build: Patterns of the builders whose models are built.
        run: Patterns of the builders whose models also run, so that the image has their current
            answers; for all others it has the distribution's own answers.
    """

    build: Sequence[str] = EVERYTHING
    run: Sequence[str] = EVERYTHING

    def builds(self, builder: str) -> bool:
        """Whether models of a builder are built."""
        return any(fnmatchcase(builder, pattern) for pattern in self.build)

    def runs(self, builder: str) -> bool:
        """Whether models of a builder run."""
        return self.builds(builder) and any(fnmatchcase(builder, each) for each in self.run)


WHOLE = Extent()


def record(name: str, extent: Extent = WHOLE, tell: Tell = lambda *_: None) -> Image:
    """Make an image of an installed distribution.

    Args:
        name: The distribution.
        extent: The parts to record.
        tell: Called before each part, with its name, the number of finished parts, and the total.

    Raises:
        UnknownDistributionError: It is not installed, or has no entry points of dapi.
    """
    return Recording(declarations.find(name), extent, tell).image()


class Recording:
    """One distribution that is recorded.

    Attributes:
        content: The image so far.
    """

    def __init__(self, plugin: catalog.Plugin, extent: Extent, tell: Tell) -> None:
        self.plugin, self.extent, self.tell = plugin, extent, tell
        self.texts, self.modules = declarations.Texts(), models.Modules()
        self.functions: dict[str, Callable[..., Any]] = {}
        self.subjects: list[Subject] = []
        self.content: dict[str, Any] = {
            "format": FORMAT,
            "distribution": plugin.name,
            "version": plugin.version,
            "recorded": _environment(),
            "requires": declarations.requirements(plugin),
            "entry_points": declarations.entry_points(plugin),
            "tombstones": {},
            "builders": {},
            "enums": {},
            "models": {},
            "built": {},
            "tensors": {},
            "answers": {"code": {}, "weights": {}},
            "said": {},
            "stale": {},
            "missing": {},
        }

    def image(self) -> Image:
        """Record everything."""
        self._declare()
        steps = list(self._steps())
        if steps and not find_spec("torch"):
            steps = []
            self.content["missing"]["models"] = "PyTorch is not installed."
        for number, (what, step) in enumerate(steps):
            self.tell(what, number, len(steps))
            self._attempt(what, step)
        self._read_answers()
        self.content["modules"] = self.modules.kept
        self.content["texts"] = self.texts.kept
        return Image(json.loads(json.dumps(self.content)))

    def _attempt(self, what: str, step: Callable[[], None]) -> None:
        try:
            step()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the distribution's own code
            first = str(error).strip().partition("\n")[0]
            text = catalog.redact(f"{type(error).__name__}: {first}")
            self.content["missing"][what] = _FOLDERS.sub("", text)[:300]

    def _declare(self) -> None:
        """Read the declarations; this imports all of them."""
        targets: dict[str, list[str]] = {}
        enums: dict[str, type[Weights]] = {}
        for point in self.plugin.entry_points:
            if point.group == "dapi.models":
                self._attempt(point.name, partial(self._declare_builder, point))
            elif point.group == "dapi.removed":
                self._attempt(f"tombstone of {point.name}", partial(self._bury, point))
            elif point.group == "dapi.weights":
                self._attempt(point.target, partial(self._find_enum, point, targets, enums))
        for target, enum in enums.items():
            self.content["enums"][target] = declarations.enum(enum, targets[target], self.texts)

    def _declare_builder(self, point: catalog.EntryPoint) -> None:
        function = catalog.load_builder(point)
        self.functions[point.name] = function
        self.content["builders"][point.name] = declarations.builder(function, self.texts)

    def _bury(self, point: catalog.EntryPoint) -> None:
        self.content["tombstones"][point.name] = declarations.tombstone(point)

    def _find_enum(
        self,
        point: catalog.EntryPoint,
        targets: dict[str, list[str]],
        enums: dict[str, type[Weights]],
    ) -> None:
        enum = catalog.load_enum(point)
        key = f"{enum.__module__}:{enum.__qualname__}"
        enums[key] = enum
        targets.setdefault(key, []).append(point.name)
        owner, _, builder = point.name.rpartition("/")
        self.subjects += [Subject(builder, owner, member) for member in enum]

    def _steps(self) -> Iterator[tuple[str, Callable[[], None]]]:
        """List the models to build, then those to run, each with its name."""
        extent = self.extent
        for name in filter(extent.builds, self.functions):
            yield name, partial(self._build, name)
        for first, *others in self._alike(lambda each: each.weights.build):
            if extent.builds(first.builder):
                yield first.name, partial(self._build_for, [first, *others])
        for first, *others in self._alike(self._facts_that_are_run):
            if extent.runs(first.builder):
                yield f"answer of {first.name}", partial(self._say, [first, *others])
        for each in self.subjects:
            if each.is_packaged and extent.builds(each.builder):
                yield from self._steps_with_file(each)

    def _steps_with_file(self, subject: Subject) -> Iterator[tuple[str, Callable[[], None]]]:
        yield f"tensors of {subject.name}", partial(self._read_tensors, subject)
        if self.extent.runs(subject.builder):
            yield f"answer of the weights {subject.name}", partial(self._say_weights, subject)

    def _alike(self, fact: Callable[[Subject], Any]) -> Iterable[list[Subject]]:
        """Group weights of one builder that share a fact."""
        groups: dict[Any, list[Subject]] = {}
        for each in self.subjects:
            groups.setdefault((each.builder, each.owner, fact(each)), []).append(each)
        return groups.values()

    def _facts_that_are_run(self, subject: Subject) -> str:
        facts = self._member(subject)
        kept = {key: facts[key] for key in ("build", "transforms", "postprocess", "assets")}
        kept["task"] = facts["meta"].get("task")
        return json.dumps(kept, sort_keys=True)

    def _member(self, subject: Subject) -> dict[str, Any]:
        enum = type(subject.weights)
        key = f"{enum.__module__}:{enum.__qualname__}"
        found: dict[str, Any] = self.content["enums"][key]["members"][subject.weights.name]
        return found

    def _build(self, name: str) -> None:
        """Build without weights, with the builder's own defaults."""
        function = self.functions[name]
        needed = required(function)
        with quiet():
            model = function(weights=None, device="meta", **needed)
            described = models.describe(model, self.modules)
            if models.is_small(model):
                described["start"] = models.start(partial(function, weights=None, **needed))
        self._keep(described, [name])

    def _build_for(self, subjects: Sequence[Subject]) -> None:
        """Build for weights; several of one build once."""
        first = subjects[0]
        function = self._function(first)
        with quiet():
            model = function(weights=as_active(first.weights), progress=False, device="meta")
        self._keep(models.describe(model, self.modules), [each.name for each in subjects])

    def _function(self, subject: Subject) -> Callable[..., Any]:
        own = self.functions.get(subject.builder)
        if own is not None and subject.owner in ("", self.plugin.name):
            return own
        name = f"{subject.owner}/{subject.builder}".lstrip("/")
        found: Callable[..., Any] = catalog.find(name).load()
        return found

    def _keep(self, described: dict[str, Any], names: Iterable[str]) -> None:
        key = _digest(described)
        self.content["models"][key] = described
        self.content["built"].update(dict.fromkeys(names, key))

    def _say(self, subjects: Sequence[Subject]) -> None:
        """Run the code for weights, with synthetic values."""
        answer = catalog.record_answer(self._full(subjects[0]), synthetic=True)
        for each in subjects:
            self._keep_answer("code", each.name, answer, live=True)

    def _say_weights(self, subject: Subject) -> None:
        answer = catalog.record_answer(self._full(subject))
        self._keep_answer("weights", subject.name, answer, live=True)

    def _read_tensors(self, subject: Subject) -> None:
        """Record the tensors of a file, which may be rewritten in another form."""
        self.content["tensors"][subject.name] = models.digest(subject.weights.state_dict())

    def _full(self, subject: Subject) -> str:
        return f"{self.plugin.name}/{subject.name}"

    def _keep_answer(self, kind: str, name: str, answer: catalog.Answer, *, live: bool) -> None:
        facts = {key: getattr(answer, key) for key in answer.__match_args__ if key != "name"}
        plain = json.loads(json.dumps({**facts, "live": live}, default=dict))
        plain["member"] = "" if kind == "code" else plain["member"]  # several may share it
        key = _digest(plain)
        self.content["said"][key] = plain
        self.content["answers"][kind][name] = key

    def _read_answers(self) -> None:
        """Add the distribution's own answers; report those that differ from the current ones."""
        self._attempt("answers", self._add_answers)

    def _add_answers(self) -> None:
        for name, answer in catalog.answers(self.plugin.name).found.items():
            is_of_weights = ":" in name
            kind = "weights" if is_of_weights else "code"
            key = name if is_of_weights else f"{name}:{answer.member}"
            today = self.content["answers"][kind].get(key)
            if today is None:
                self._keep_answer(kind, key, answer, live=False)
                continue
            found = catalog.compare_answers(answer, answer_of(name, self.content["said"][today]))
            if found.first:
                self.content["stale"][name] = str(found.first)


def answer_of(name: str, plain: dict[str, Any]) -> catalog.Answer:
    """Return an answer as it was before it became plain data."""
    facts = {key: value for key, value in plain.items() if key != "live"}
    return catalog.Answer(name, **{**facts, "leaves": tuple(facts["leaves"])})


def _digest(plain: Any) -> str:
    return sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:16]


def _environment() -> dict[str, str]:
    """Return the versions that an image is made with."""
    names = ("dapi-core", "dapi-devkit", "torch")
    found = {"python": python_version()}
    for name in names:
        try:
            found[name] = version_of(name)
        except ModuleNotFoundError:
            continue
    return found
