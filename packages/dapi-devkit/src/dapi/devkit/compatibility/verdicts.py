"""Verdicts: what the answers of two images say of each set of weights, stage by stage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple

from dapi import Difference, catalog
from dapi.devkit.compatibility import pair as _pair
from dapi.devkit.compatibility.pair import Pair
from dapi.devkit.compatibility.recording import answer_of

STAGES = ("transforms", "model", "postprocess", "training")


class Verdict(NamedTuple):
    """What the answers of one set of weights say.

    Attributes:
        differences: The first difference of each stage.
        compared: The stages that both answers have, of code that ran for the new image.
    """

    differences: Mapping[str, Difference]
    compared: frozenset[str]

    def of_transforms(self) -> Verdict:
        """Return what holds whatever the weights are."""
        kept = {stage: each for stage, each in self.differences.items() if stage == STAGES[0]}
        return Verdict(kept, self.compared & {STAGES[0]})

    def is_equal(self, stage: str) -> bool:
        """Whether a stage was compared, and is the same."""
        return stage in self.compared and stage not in self.differences


class Behavior:
    """What the models of two images say."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair

    @cached_property
    def code(self) -> dict[str, Verdict]:
        """The verdicts on the code, with synthetic weights, by the names of the weights."""
        return dict(self._verdicts("code"))

    @cached_property
    def weights(self) -> dict[str, Verdict]:
        """The verdicts on weights with their files."""
        return dict(self._verdicts("weights"))

    def is_same(self, builder: str, stage: str) -> bool:
        """Whether a stage was compared for a builder, and is the same for all of its weights."""
        found = [v for name, v in self.code.items() if name.partition(":")[0] == builder]
        return bool(found) and all(verdict.is_equal(stage) for verdict in found)

    def differs(self, builder: str, stage: str) -> bool:
        """Whether a stage differs for any weights of a builder."""
        return any(
            stage in verdict.differences
            for name, verdict in self.code.items()
            if name.partition(":")[0] == builder
        )

    def _verdicts(self, kind: str) -> Iterator[tuple[str, Verdict]]:
        old, new = self.pair.old["answers"][kind], self.pair.new["answers"][kind]
        for name, key in old.items():
            if name not in new:
                continue
            if key == new[name]:
                stages = _stages(said(self.pair, "old", key))
                yield name, Verdict({}, stages if self._is_live(key) else frozenset())
                continue
            before, after = said(self.pair, "old", key), said(self.pair, "new", new[name])
            if (before["config"], before["dtype"]) != (after["config"], after["dtype"]):
                continue
            verdict = self._compared(name, before, after)
            if kind == "code" and not self._has_same_tensors(name):
                verdict = verdict.of_transforms()
            yield name, verdict

    def _has_same_tensors(self, name: str) -> bool:
        """Whether tensors have the names and shapes that synthetic weights follow from."""
        old, new = self.pair.old["built"].get(name), self.pair.new["built"].get(name)
        if old is None or new is None or old == new:
            return True
        schemas = (
            _pair.lines(_pair.model(image, key)["schema"])
            for image, key in ((self.pair.old, old), (self.pair.new, new))
        )
        return next(schemas) == next(schemas)

    def _is_live(self, key: str) -> bool:
        return bool(said(self.pair, "new", key)["live"])

    def _compared(self, name: str, before: dict[str, Any], after: dict[str, Any]) -> Verdict:
        old, new = answer_of(name, before), answer_of(name, after)
        # A kernel that computes in float32, in part, is no other result: the wider tolerance.
        old = replace(old, tolerance=max(old.tolerance, new.tolerance))
        check = catalog.compare_answers(old, new)
        found: dict[str, Difference] = {}
        for each in check.differences:
            if not _is_inside(each):
                found.setdefault(each.stage, each)
        shared = _stages(before) & _stages(after)
        return Verdict(found, frozenset(shared if after["live"] else ()))


def said(pair: Pair, which: str, key: str) -> dict[str, Any]:
    """Return an answer of the old image, or of the new one."""
    image = pair.old if which == "old" else pair.new
    found: dict[str, Any] = image["said"][key]
    return found


def _stages(answer: Mapping[str, Any]) -> frozenset[str]:
    texts = (str(leaf.get("at", "")) for leaf in answer["leaves"])
    return frozenset(stage for text in texts for stage in STAGES if text.startswith(stage))


def _is_inside(each: Difference) -> bool:
    """Whether it is of a module inside the model, whose outputs may change."""
    return each.stage == "model" and each.where[:1] not in ("", ".", "[")
