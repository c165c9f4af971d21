"""The class that a distribution's tests inherit, run by pytest in a process of its own."""

import json
import os
import subprocess
import sys

import pytest

from dapi.devkit import Conformance
from dapi.devkit.exceptions import ConformanceError

TEST = """
from dapi.devkit import Conformance


class TestPlants(Conformance):
    distribution = "acme-plants"
{more}

    def test_of_its_own(self):
        pass
"""


def run(site, folder, *options, more=""):
    """Run a test file that inherits the suite."""
    (folder / "test_plants.py").write_text(TEST.format(more=more))
    return pytest_in(folder, site, "test_plants.py", *options)


def pytest_in(folder, site, *options):
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options]
    path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))
    variables = {**os.environ, "PYTHONPATH": path}
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True)


@pytest.fixture
def project(tmp_path):
    """A folder with nothing but a configuration of pytest."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pytest.ini").write_text("[pytest]\n")
    return folder


def test_subclass_checks_its_distribution(acme, project):
    """One test for each check of each thing, beside tests of the subclass's own."""
    result = run(acme(), project, "-v")

    assert 0 == result.returncode, result.stdout
    assert "test_plants.py::TestPlants::test_conformance[DAPI-C010-plantnet] PASSED" in (
        result.stdout
    )
    assert "TestPlants::test_of_its_own PASSED" in result.stdout


def test_snapshots_are_kept_beside_the_test_file(acme, project):
    """Written on request, then compared with."""
    site = acme()
    run(site, project, "--dapi-update-snapshots", "-k", "C051")

    kept = json.loads((project / "state_dicts" / "plantnet.json").read_text())
    assert {"weight": "float32 2x4", "bias": "float32 2"} == kept
    assert "1 passed" in run(site, project, "-k", "C051").stdout


def test_expected_failures_and_level_are_the_class_s(acme, project):
    """A reason makes an xfail of a failure; what is stated wrongly ends the collection."""
    site = acme(('"MIT"', '"Free"'))
    more = "    expected_failures = {'DAPI-C032': 'asked'}"

    assert "1 xfailed" in run(site, project, "-k", "C032", more=more).stdout
    assert "without a reason" in run(site, project, more=more.replace("asked", "")).stdout
    assert "requires level 99" in run(site, project, more="    level = 99").stdout


@pytest.mark.parametrize("name", ["test_conformance", "pytest_generate_tests", "__init_subclass__"])
def test_subclass_overrides_no_test(name):
    """Neither with another function nor with nothing."""
    with pytest.raises(ConformanceError, match=f"overrides {name}"):
        type("TestPlants", (Conformance,), {"distribution": "acme-plants", name: None})


def test_distribution_that_is_not_installed_fails_the_tests(acme, project):
    """A typo is no empty list of checks."""
    more = "    distribution = 'acme-plant'"
    result = run(acme(), project, more=more)

    assert 2 == result.returncode
    assert "Did you mean 'acme-plants'" in result.stdout
    unnamed = run(project, project, more="    distribution = ''")
    assert "TestPlants names no distribution. Write distribution =" in unnamed.stdout
