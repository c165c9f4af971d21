"""The pytest plugin: ``pytest --dapi-conformance DISTRIBUTION`` needs no test file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dapi.exceptions import DapiError

if TYPE_CHECKING:  # every run of pytest imports this module, few run the suite
    from dapi.devkit._suite import Case, Demands
    from dapi.devkit._wheel import Wheel

if sys.version_info >= (3, 11):
    import tomllib
else:  # pytest itself needs it there
    import tomli as tomllib


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of conformance tests."""
    group = parser.getgroup("dapi", "conformance of distributions with models")
    group.addoption(
        "--dapi-conformance",
        action="append",
        default=[],
        metavar="DISTRIBUTION",
        help="check an installed distribution; may be given several times",
    )
    group.addoption(
        "--dapi-wheel",
        type=Path,
        metavar="FILE",
        help="check a wheel instead of the installation; with a path, run its tests on the wheel",
    )
    group.addoption(
        "--dapi-fetch",
        action="store_true",
        help="download and load the published files; a failed download fails the check",
    )
    group.addoption(
        "--dapi-max-parameters",
        type=int,
        metavar="N",
        help="load models with up to N parameters (by default 10 million)",
    )
    group.addoption(
        "--dapi-update-snapshots",
        action="store_true",
        help="write the snapshots of state dicts instead of comparing with them",
    )


_WHEEL: pytest.StashKey[Wheel] = pytest.StashKey()


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Put a wheel under test before installed packages, before conftest.py runs."""
    path = early_config.known_args_namespace.dapi_wheel
    if path is None:
        return
    from tempfile import TemporaryDirectory

    from dapi.devkit._wheel import Wheel

    folder = TemporaryDirectory(prefix="dapi-wheel-")
    early_config.add_cleanup(folder.cleanup)
    try:
        wheel = early_config.stash[_WHEEL] = Wheel(path, Path(folder.name).resolve())
    except DapiError as error:
        raise pytest.UsageError(str(error)) from error
    wheel.put_first()


def pytest_configure(config: pytest.Config) -> None:
    """Without a path on the command line, run the conformance tests alone."""
    named = config.args_source is pytest.Config.ArgsSource.ARGS
    if _WHEEL in config.stash and not named:
        config.option.dapi_conformance.append(config.stash[_WHEEL].name)
    if config.option.dapi_conformance and not named:
        config.args = []


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Add a test for each check of each distribution that was asked for."""
    from dapi.devkit import _models, _suite

    if _WHEEL in config.stash:
        try:
            config.stash[_WHEEL].check()
        except DapiError as error:
            raise pytest.UsageError(str(error)) from error
    for name in config.option.dapi_conformance:
        try:
            found = _suite.cases(name, _demands(config), _models.workshop(config.option))
        except DapiError as error:
            raise pytest.UsageError(str(error)) from error
        items.extend(
            ConformanceItem.from_parent(
                session, name=case.id, nodeid=f"{name}::test_conformance[{case.id}]", case=case
            )
            for case in found
        )


class ConformanceItem(pytest.Item):
    """One check of one thing, outside of any test file."""

    def __init__(self, *, case: Case, **options: Any) -> None:
        super().__init__(**options)
        self.case = case

    def runtest(self) -> None:
        """Run the check."""
        self.case.run()

    def reportinfo(self) -> tuple[Path, None, str]:
        """Return the name of the test in reports."""
        return self.path, None, self.name


def _demands(config: pytest.Config) -> Demands:
    """Read the settings of the project in the current directory from its pyproject.toml."""
    from dapi.devkit._suite import Demands

    path = config.rootpath / "pyproject.toml"
    stated: dict[str, Any] = {}
    if path.is_file():
        with path.open("rb") as stream:
            stated = tomllib.load(stream).get("tool", {}).get("dapi", {})
    return Demands("[tool.dapi]", stated.get("conformance", 1), stated.get("expected-failures", {}))
