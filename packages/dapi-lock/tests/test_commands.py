"""The commands: what they say when there is nothing to work on."""

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
