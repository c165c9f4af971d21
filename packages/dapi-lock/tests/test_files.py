"""Files that commands write: in one step, and never in place of a device or a pipe."""

import os
import stat
from pathlib import Path

import pytest

pytestmark = pytest.mark.usefixtures("zoo", "project")


@pytest.mark.parametrize("command", [["sbom"], ["card", "net"], ["bundle"]])
def test_device_or_pipe_is_not_replaced(run, command):
    """With root's rights, a rename would replace even /dev/null."""
    run("lock", "net")
    run("sync")
    os.mkfifo("pipe")

    status, printed = run(*command, "-o", "pipe")

    assert 1 == status and "it is not a regular file" in printed
    assert stat.S_ISFIFO(Path("pipe").stat().st_mode)


def test_output_below_a_file_is_refused_in_words(run):
    """Nothing can be written there, nor cleaned up."""
    run("lock", "net")

    status, printed = run("sbom", "-o", "dapi.lock/bill.json")

    assert 1 == status and "cannot be written (Not a directory)" in printed
