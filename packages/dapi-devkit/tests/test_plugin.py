"""The pytest plugin: checking a distribution without a test file."""

import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest


@pytest.fixture
def check(tmp_path):
    """Run pytest in a folder, with an installed distribution on the path."""
    folder = tmp_path / "elsewhere"
    folder.mkdir(exist_ok=True)

    def run(site, *options, pyproject=""):
        (folder / "pyproject.toml").write_text(pyproject)
        (folder / "test_others.py").write_text("def test_other():\n    pass\n")
        path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
        )

    return run


def test_option_checks_a_distribution(acme, check):
    """The checks alone; with a path, beside its tests."""
    site = acme(('"MIT"', '"Free"'))
    alone = check(site, "--dapi-conformance", "acme-plants", "-rf")

    assert 1 == alone.returncode
    failed = "FAILED acme-plants::test_conformance[DAPI-C032-plantnet:Plants_RefV1]"
    assert failed in alone.stdout
    assert "test_other" not in alone.stdout
    both = check(site, "--dapi-conformance", "acme-plants", "test_others.py", "-k", "other or C001")
    assert "2 passed" in both.stdout


def test_pyproject_states_level_and_expected_failures(acme, check):
    """As attributes of the class do."""
    site = acme(('"MIT"', '"Free"'))
    arguments = ("--dapi-conformance", "acme-plants", "-k", "C032")
    reason = '[tool.dapi.expected-failures]\n"DAPI-C032" = "asked, issue 12"\n'

    assert "1 xfailed" in check(site, *arguments, pyproject=reason).stdout
    wrong = check(site, *arguments, pyproject="[tool.dapi]\nconformance = 99\n")
    assert 4 == wrong.returncode
    assert "[tool.dapi] requires level 99" in wrong.stderr


def test_unknown_distribution_is_a_usage_error(acme, check):
    """With what is near, and no traceback."""
    result = check(acme(), "--dapi-conformance", "acme-plant")

    assert 4 == result.returncode
    assert "ERROR: 'acme-plant' is not installed" in result.stderr
    assert "Did you mean 'acme-plants'" in result.stderr


def test_plugin_costs_other_tests_next_to_nothing():
    """Every run of pytest imports it: it imports neither the suite nor the store."""
    code = "import sys, dapi.devkit.plugin; print(*sorted(m for m in sys.modules if 'dapi' in m))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout

    expected = {"dapi", "dapi.devkit", "dapi.devkit.plugin", "dapi.exceptions"}
    expected |= {"dapi._text", "dapi._text.untrusted", "dapi._text.urls"}  # of the errors
    assert expected == {name for name in printed.split() if not name.startswith("__editable__")}


@pytest.fixture
def wheel(acme, tmp_path):
    """Install ``acme-plants``, and make a wheel of it: all of it, or without some files."""

    site = acme()

    def make(*without):
        path = tmp_path / "elsewhere" / "dist" / "acme_plants-1.0-py3-none-any.whl"
        path.parent.mkdir(parents=True, exist_ok=True)
        with ZipFile(path, "w") as archive:
            for file in filter(Path.is_file, site.rglob("*")):
                if file.name not in without and "__pycache__" not in file.parts:
                    archive.write(file, file.relative_to(site))
        return site, path

    return make


def test_wheel_is_checked_in_place_of_what_is_installed(wheel, check):
    """What its project has beside it does not count: a wheel without its weights fails."""
    site, path = wheel()
    only = ("-k", "C001 or C035")
    whole = check(site, "--dapi-wheel", path, "-v", *only)
    assert 0 == whole.returncode, whole.stdout
    assert "acme-plants::test_conformance[DAPI-C001-acme-plants] PASSED" in whole.stdout
    assert "test_other" not in whole.stdout
    assert 0 == check(site, "--dapi-conformance", "acme-plants", *only).returncode

    site, path = wheel("net.safetensors")
    lacking = check(site, "--dapi-wheel", path, "-rf", *only)
    assert 1 == lacking.returncode
    assert "FAILED acme-plants::test_conformance[DAPI-C035-plantnet:Plants_RefV1]" in lacking.stdout


def test_other_tests_run_on_a_wheel(wheel, check):
    """With a path, its tests alone, and they import the wheel; whoever comes before it is told."""
    site, path = wheel()
    told = check(site, "--dapi-wheel", path, "test_others.py")
    assert "1 passed" in told.stdout

    (path.parents[1] / "conftest.py").write_text(f"import sys; sys.path.insert(0, {str(site)!r})")
    shadowed = check(site, "--dapi-wheel", path, "test_others.py")
    assert 4 == shadowed.returncode
    assert f"is not the code under test: acme_plants is imported from {site}" in shadowed.stderr


@pytest.mark.parametrize("content", [None, b"", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_wheel_is_a_usage_error(acme, check, tmp_path, content):
    """With how to build one."""
    path = tmp_path / "odd.whl"
    if content is not None:
        path.write_bytes(content)
    result = check(acme(), "--dapi-wheel", path)

    assert 4 == result.returncode
    assert "odd.whl" in result.stderr and "pip wheel --no-deps" in result.stderr
