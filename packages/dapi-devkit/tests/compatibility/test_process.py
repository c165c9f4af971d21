"""Process: whatever the code of a distribution does, recording it ends in words."""

import time
from pathlib import Path

import pytest

from dapi.devkit.compatibility import process
from dapi.devkit.compatibility.recording import Extent
from dapi.devkit.exceptions import RecordingError, UnknownDistributionError
from dapi.exceptions import DapiError


@pytest.fixture
def plain(leaves):
    """The distribution, none of whose models are built."""

    def snapshot(**options):
        return process.snapshot("acme-leaves", extent=Extent(build=()), **options)

    leaves.snapshot = snapshot
    return leaves


def test_a_process_records_what_this_one_would(plain):
    """The same image, whatever the distribution prints meanwhile, and wherever it is."""
    plain.sources["nets"] += "\nprint('{\"done\": true}')\n"
    plain.write()

    found = plain.snapshot()

    assert plain.image(build=()).content == found.content
    assert {"leafnet"} == found["builders"].keys()


ENDS = {
    "exits": ("import os; os._exit(3)", "ended with the status 3"),
    "exits well": ("import os; os._exit(0)", "ended with the status 0"),
    "is killed": ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "ended by SIGKILL"),
    "aborts": ("import os, sys; print('bad luck', file=sys.stderr, flush=True); os.abort()",
               "ended by SIGABRT.*bad luck"),
    "hangs": ("import time; time.sleep(600)", "no progress for 4 s"),
}  # fmt: skip


@pytest.mark.parametrize("end", ENDS)
def test_a_crash_is_told(plain, end):
    """An error says how it ended, and what to do."""
    source, words = ENDS[end]
    plain.sources["nets"] += f"\n{source}\n"
    plain.write()

    with pytest.raises(RecordingError, match=f"acme-leaves.*{words}.*dapi doctor"):
        plain.snapshot(patience=4 if end == "hangs" else 60)


def test_what_a_distribution_started_ends_with_it(plain, tmp_path):
    """A process that its code leaves behind does not go on."""
    plain.sources["nets"] += f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open({str(tmp_path / "pid")!r}, "w").write(str(child.pid))
"""
    plain.write()
    plain.snapshot()
    status = Path(f"/proc/{(tmp_path / 'pid').read_text()}/status")

    ends = time.monotonic() + 10
    while status.exists() and "State:\tZ" not in status.read_text():
        assert time.monotonic() < ends
        time.sleep(0.05)


def test_an_error_of_the_code_is_part_of_the_image(leaves):
    """A module that cannot be imported hides no other fact."""
    leaves.sources["nets"] += "\n1 / 0\n"
    leaves.write()

    image = leaves.image()

    assert "ZeroDivisionError" in image["missing"]["leafnet"]
    assert {"leaf-naming"} == image["entry_points"]["dapi.tasks"].keys()


def test_an_unknown_distribution_is_suggested(plain):
    """The nearest name, or how to install it."""
    with pytest.raises(UnknownDistributionError, match="Did you mean 'acme-leaves'"):
        process.snapshot("acme-leafs", extent=Extent(build=()))


def test_errors_are_of_the_one_tree():
    """What a caller catches."""
    assert issubclass(RecordingError, DapiError)
    assert issubclass(RecordingError, RuntimeError)
