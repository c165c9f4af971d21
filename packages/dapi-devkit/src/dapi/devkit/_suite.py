"""The suite for one distribution: which checks run on which subjects, and their outcomes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib.util import find_spec

import pytest

from dapi import catalog
from dapi.devkit import _checks, _subjects
from dapi.devkit._checks import Check
from dapi.devkit._models import Workshop
from dapi.devkit._subjects import Subject
from dapi.devkit.exceptions import ConformanceError


@dataclass(frozen=True)
class Demands:
    """The settings of a distribution's author.

    Attributes:
        where: The location of the settings, for errors.
        level: Checks of later levels are not run.
        expected_failures: Reasons by ``"DAPI-C010"`` or ``"DAPI-C010:resnet50"``.
    """

    where: str
    level: int = 1
    expected_failures: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 1 <= self.level <= _checks.LEVEL:
            raise ConformanceError(
                self.where,
                f"requires level {self.level} of the suite, but level {_checks.LEVEL} is installed",
                "For a newer one: pip install --upgrade dapi-devkit",
            )
        for key, reason in self.expected_failures.items():
            if not (isinstance(reason, str) and reason.strip()):
                raise ConformanceError(
                    self.where, f"expects {key} to fail without a reason", "Write a sentence."
                )


@dataclass(frozen=True)
class Case:
    """One check of one subject."""

    check: Check
    subject: Subject
    demands: Demands

    @property
    def id(self) -> str:
        """The check's identifier, and the subject's name."""
        return f"{self.check.id}-{self.subject.name}"

    @property
    def keys(self) -> tuple[str, str]:
        """The keys of its expected failure."""
        return f"{self.check.id}:{self.subject.name}", self.check.id

    def run(self) -> None:
        """Run the check; the outcome is one of pytest's.

        Raises:
            BaseException: ``pytest.fail``, ``pytest.skip`` or ``pytest.xfail``.
        """
        self._skip_what_is_not_asked_for()
        problems = list(self._problems())
        reasons = [self.demands.expected_failures.get(key) for key in self.keys]
        reason = next(filter(None, reasons), None)
        if problems and reason:
            pytest.xfail(reason)
        if reason:
            remedy = f"Remove it from expected_failures of {self.demands.where}."
            pytest.fail(f"{self.id} was expected to fail ({reason}), but passes. {remedy}", False)
        if problems:
            pytest.fail(self._report(problems), pytrace=False)

    def _skip_what_is_not_asked_for(self) -> None:
        level, stated = self.check.level, self.demands.level
        if level > stated:
            pytest.skip(
                f"of level {level}; {self.demands.where} states {stated}: "
                f"raise the level to require it: {self.check.rule}"
            )
        if self.check.needs_torch and find_spec("torch") is None:
            pytest.skip("torch is not installed")

    def _problems(self) -> Iterator[str]:
        try:
            yield from self.check.test(self.subject)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the distribution's own code
            yield f"{type(error).__name__}: {error} ({_place(error)})"

    def _report(self, problems: Iterable[str]) -> str:
        return "\n".join(
            (
                f"{self.check.id} {self.subject.name}: {self.check.rule}",
                *(f"  {catalog.redact(problem)}" for problem in problems),  # reports are published
                f"  where:  {self.subject.where}",
                f"  why:    {self.check.reason}",
                f"  remedy: {self.check.remedy}",
            )
        )


def cases(name: str, demands: Demands, workshop: Workshop) -> list[Case]:
    """List the checks of an installed distribution; imports its advertised objects.

    Raises:
        UnknownDistributionError: It is not installed, or has no entry points of dapi.
        ConformanceError: An expected failure matches no check.
    """
    found = [
        Case(check, subject, demands)
        for subject in _subjects.subjects(_subjects.find(name, workshop))
        for check in _checks.CHECKS
        if isinstance(subject, check.of)
    ]
    known = {key for case in found for key in case.keys}
    for key in demands.expected_failures:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            raise ConformanceError(
                demands.where,
                f"expects {key} to fail, but there is no such check",
                f"Did you mean {near[0]!r}?" if near else "Write DAPI-C010, or DAPI-C010:resnet50.",
            )
    return found


def _place(error: BaseException) -> str:
    """Return the location where an error was raised."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is None:
        return "nowhere"
    return f"{traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno}"
