"""The commands: what they say when there is nothing to work on."""

from pathlib import Path

import pytest


@pytest.mark.usefixtures("project", "zoo")
@pytest.mark.parametrize("words", [["sync"], ["audit"], ["verify", "--lock"], ["bundle", "-ox"]])
def test_missing_lock_is_told_with_the_command_that_writes_one(run, words):
    """Every command says it in the same words."""
    status, printed = run(*words)

    assert 1 == status and "there is no such lock file. To write one: dapi lock" in printed


def test_nothing_to_lock_is_an_error(project, run):
    """Neither names nor a project say what."""
    status, printed = run("lock")

    assert 1 == status and "weights = [" in printed


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="there is no /proc")
def test_project_that_cannot_be_read_is_told(project, run):
    """Not even root can read this file from its start."""
    (project("") / "pyproject.toml").unlink()
    Path("pyproject.toml").symlink_to("/proc/self/mem")

    status, printed = run("lock", "net")

    assert 1 == status and "pyproject.toml: it cannot be read" in printed


@pytest.mark.usefixtures("project", "zoo")
def test_lock_of_a_later_version_is_read_but_not_written(run):
    """What a later dapi-lock has noted would be lost."""
    assert 0 == run("lock", "net")[0] and 0 == run("sync")[0]
    later = Path("dapi.lock").read_text().replace('"1.0"', '"1.1"') + "\n[later]\nfact = 1\n"
    Path("dapi.lock").write_text(later)

    status, printed = run("lock", "net")

    assert 1 == status and "pip install --upgrade dapi-lock" in printed
    assert Path("dapi.lock").read_text() == later
    assert 0 == run("sync")[0] and 0 == run("lock", "--check")[0]
