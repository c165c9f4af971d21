"""Wheels, empty environments, and small distributions: what tests across distributions share."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import textwrap
import venv
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from types import MappingProxyType

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
OURS = (
    "dapi-core",
    "dapi-devkit",
    "dapi-vision",
    "dapi-text",
    "dapi-audio",
    "dapi-lock",
    "dapi-export",
)


def build_wheel(project: Path, output: Path) -> Path:
    """Build a project's wheel with its own backend."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(output)]
    subprocess.run(command, cwd=project, check=True, capture_output=True)
    return wheel_of(project.name, output)


def wheel_of(name: str, folder: Path) -> Path:
    """Return the wheel of a distribution."""
    return max(folder.glob(f"{name.replace('-', '_')}-*.whl"))


@pytest.fixture(scope="session")
def wheels(tmp_path_factory) -> dict[str, Path]:
    """The wheels of our distributions, built once for all workers of pytest-xdist."""
    base = tmp_path_factory.getbasetemp()
    output = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "wheels"
    with output.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the others wait for the one that builds
        if not output.exists():
            for name in OURS:
                build_wheel(ROOT / "packages" / name, output.with_suffix(".part"))
            output.with_suffix(".part").rename(output)
    return {name: wheel_of(name, output) for name in OURS}


@dataclass
class Environment:
    """A virtual environment without anything, and ways to put things into it."""

    path: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def python(self) -> Path:
        return self.path / "bin" / "python"

    @property
    def site(self) -> Path:
        return next(self.path.glob("lib/python*/site-packages"))

    def pip(self, *words: str | Path) -> str:
        """Run pip on this environment; nothing is asked of an index."""
        command = [sys.executable, "-m", "pip", "--python", self.python, *words]
        return self._run(command).stdout

    def install(self, *wheels: Path) -> None:
        """Install wheels as they are."""
        self.pip("install", "--no-index", "--no-deps", "--quiet", *wheels)

    def borrow(self, *requirements: str) -> set[str]:
        """Link in what some requirements need, from the environment that runs the tests.

        Returns:
            The names of the distributions, without our own.
        """
        names = closure(requirements)
        for name in names:
            for top in {file.parts[0] for file in metadata.files(name) or ()} - {
                "..",
                "__pycache__",
            }:
                source, link = metadata.distribution(name).locate_file(top), self.site / top
                if not link.exists():
                    link.symlink_to(source)
        return names

    def run(self, code: str, **variables: str) -> object:
        """Run code that prints JSON, and return what it prints."""
        command = [self.python, "-c", textwrap.dedent(code)]
        return json.loads(self._run(command, **variables).stdout)

    def dapi(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the ``dapi`` command, whatever it exits with."""
        return self._run([self.path / "bin" / "dapi", *words], check=False)

    def _run(self, command, *, check=True, **variables) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": "", **self.variables, **variables}
        result = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert not check or result.returncode == 0, result.stdout + result.stderr
        return result


def closure(requirements) -> set[str]:
    """Return the distributions that requirements need, directly or not, except our own."""
    found: set[str] = set()
    waiting = [Requirement(each) for each in requirements]
    while waiting:
        requirement = waiting.pop()
        name = requirement.name.lower().replace("_", "-")
        fresh = name in OURS or name not in found
        if not fresh:
            continue
        if name not in OURS:
            found.add(name)
        extras = requirement.extras or {""}
        for line in metadata.requires(name) or ():
            needed = Requirement(line)
            if not needed.marker or any(needed.marker.evaluate({"extra": e}) for e in extras):
                waiting.append(needed)
    return found


def make_environment(folder: Path) -> Environment:
    """Make an empty virtual environment of this Python."""
    path = folder / "environment"
    venv.EnvBuilder(symlinks=True, with_pip=False).create(path)
    return Environment(path, {"DAPI_CACHE": str(folder / "cache"), "DAPI_OFFLINE": "1"})


@pytest.fixture
def environment(tmp_path) -> Environment:
    """An empty virtual environment of this Python."""
    return make_environment(tmp_path)


@pytest.fixture(scope="module")
def shared_environment(tmp_path_factory) -> Environment:
    """An empty virtual environment that the tests of a module share."""
    return make_environment(tmp_path_factory.mktemp("shared"))


@pytest.fixture
def build_kept(tmp_path):
    """Build the wheel of a project that is kept in this repository: ``build_kept(folder)``."""
    return lambda project: build_wheel(project, tmp_path / "dist")


@pytest.fixture
def make_distribution(tmp_path):
    """Build a small distribution as its author would: sources, a pyproject, a wheel."""

    def make(
        name: str,
        *,
        entry_points: dict[str, dict[str, str]],
        requires: tuple[str, ...] = ("dapi-core",),
        files: Mapping[str, str] = MappingProxyType({}),
        **modules: str,
    ) -> Path:
        project = tmp_path / "projects" / name
        project.mkdir(parents=True)
        tables = "".join(
            f'[project.entry-points."{group}"]\n'
            + "".join(f'{key} = "{target}"\n' for key, target in points.items())
            for group, points in entry_points.items()
        )
        sources = {f"{module}.py": textwrap.dedent(text) for module, text in modules.items()}
        (project / "pyproject.toml").write_text(
            '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
            f'[project]\nname = "{name}"\nversion = "1.0"\n'
            f"dependencies = {list(requires)}\n{tables}"
            f"[tool.hatch.build.targets.wheel]\nonly-include = {[*sources, *files]}\n"
        )
        for name_of_file, text in {**sources, **files}.items():
            path = project / name_of_file
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        return build_wheel(project, tmp_path / "dist")

    return make
