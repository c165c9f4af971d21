"""Conformance: the class whose subclass checks a distribution in its own tests."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from dapi.devkit import _suite
from dapi.devkit._models import MAX_PARAMETERS, Workshop, workshop
from dapi.devkit._suite import Case, Demands
from dapi.devkit.exceptions import ConformanceError

__all__ = ["Conformance"]


class Conformance:
    """Tests of dapi's promises for every builder and every set of weights.

    Inherit it in a test file; pytest then runs each check on each object that the distribution
    advertises, as in ``test_conformance[DAPI-C021-ResNet50Weights]``. Models are built on the meta
    device; those of up to ``max_parameters`` are loaded as well. Nothing is downloaded, unless
    ``--dapi-fetch`` is passed. Without torch, checks that need it are skipped.

    A subclass sets attributes and may add tests; it overrides none.

    Attributes:
        distribution: The name of the distribution for pip.
        level: The required version of the suite. Checks of later versions are skipped, so a new
            check never fails a distribution until it opts in.
        expected_failures: Known failures with reasons: by ``"DAPI-C010"`` (for every subject) or
            ``"DAPI-C010:resnet50"``. A check that passes anyway fails the tests.
        max_parameters: Models with more are not loaded; None loads all of them.
        snapshots: The directory with the snapshots of state dicts, which
            ``--dapi-update-snapshots`` writes; by default ``state_dicts`` next to the test file.

    Raises:
        ConformanceError: A subclass overrides a test; or, at collection, no distribution is named,
            or a failure is expected without a reason, or for an unknown check.

    Example:
        >>> from dapi.devkit import Conformance
        >>> class TestConformance(Conformance):
        ...     distribution = "acme-models"
        ...     expected_failures = {"DAPI-C032:plantnet:Plants_RefV1": "asked the authors, #12"}
    """

    distribution: ClassVar[str] = ""
    level: ClassVar[int] = 1
    expected_failures: ClassVar[Mapping[str, str]] = {}
    max_parameters: ClassVar[int | None] = MAX_PARAMETERS
    snapshots: ClassVar[str | Path | None] = None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name in vars(cls):
            if name in _FIXED:
                raise ConformanceError(
                    cls.__qualname__,
                    f"overrides {name}",
                    "State what may fail, and why, in expected_failures.",
                )

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Make a test of each check on each thing that the distribution advertises."""
        if not self.distribution:
            raise ConformanceError(
                type(self).__qualname__,
                "names no distribution",
                'Write distribution = "acme-models", the name that pip uses.',
            )
        if "conformance_case" in metafunc.fixturenames:
            found = _suite.cases(self.distribution, self._demands(), self._workshop(metafunc))
            metafunc.parametrize("conformance_case", found, ids=[case.id for case in found])

    def test_conformance(self, conformance_case: Case) -> None:
        """Check dapi's promises."""
        conformance_case.run()

    def _demands(self) -> Demands:
        return Demands(type(self).__qualname__, self.level, self.expected_failures)

    def _workshop(self, metafunc: pytest.Metafunc) -> Workshop:
        folder = Path(inspect.getfile(type(self))).parent / (self.snapshots or "state_dicts")
        return workshop(metafunc.config.option, self.max_parameters, folder)


_FIXED = frozenset(
    name
    for name, value in vars(Conformance).items()
    if inspect.isfunction(value) or isinstance(value, classmethod)
)
