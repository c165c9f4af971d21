"""Process: run a distribution's code separately, so that a crash becomes an error."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Any, NamedTuple

from dapi.devkit.compatibility.image import Image
from dapi.devkit.compatibility.recording import WHOLE, Extent, Tell
from dapi.devkit.exceptions import RecordingError, UnknownDistributionError

PATIENCE = 600.0  # seconds without news; the largest model of dapi-vision takes 30

_SHOWN = 300  # length of the tail of the process's output


class Job(NamedTuple):
    """A function of this package, as ``"module:function"``, and its input."""

    target: str
    given: Mapping[str, Any]


def snapshot(
    distribution: str,
    *,
    extent: Extent = WHOLE,
    tell: Tell = lambda *_: None,
    patience: float = PATIENCE,
) -> Image:
    """Make an image of an installed distribution, in a process of its own.

    Args:
        distribution: Its name.
        extent: As in ``recording.record``.
        tell: As in ``recording.record``.
        patience: Seconds without progress after which it is terminated.

    Raises:
        UnknownDistributionError: It is not installed, or has no entry points of dapi.
        RecordingError: Its code crashed, exited, or did not end.
    """
    job = Job("recording", {"name": distribution, "extent": extent._asdict()})
    return Image.parse(work(distribution, job, tell=tell, patience=patience))


def testify(distribution: str, claims: Sequence[Mapping[str, Any]]) -> list[str]:
    """Try claims with the installed distribution; return for each why it does not hold.

    Raises:
        RecordingError: Its code crashed, exited, or did not end.
    """
    said = json.loads(work(distribution, Job("witnesses", {"claims": list(claims)})))
    return [str(each) for each in said]


def work(
    distribution: str, job: Job, *, tell: Tell = lambda *_: None, patience: float = PATIENCE
) -> bytes:
    """Run a job in a process, and return its output.

    Raises:
        UnknownDistributionError: As ``snapshot``.
        RecordingError: As ``snapshot``.
    """
    with tempfile.TemporaryDirectory() as folder:
        result, output = Path(folder) / "result", Path(folder) / "output"
        reading, writing = os.pipe()
        with output.open("wb") as stream:
            process = subprocess.Popen(  # noqa: S603 - this very module
                [sys.executable, "-m", __name__, job.target, str(writing), str(result)],
                stdin=subprocess.PIPE,
                stdout=stream,
                stderr=stream,
                pass_fds=(writing,),
                cwd=folder,
                env=_environment(),
                start_new_session=True,
            )
        os.close(writing)
        try:
            last = _watch(process, reading, json.dumps(job.given), tell, patience)
        finally:
            _end(process)
        if last.get("unknown"):
            raise UnknownDistributionError(distribution, available=last["available"])
        if process.returncode or not last.get("done") or not result.is_file():
            reason = _reason(process.returncode, last, patience)
            raise RecordingError(distribution, reason, output=_tail(output))
        return result.read_bytes()


def _watch(
    process: subprocess.Popen[bytes], reading: int, given: str, tell: Tell, patience: float
) -> dict[str, Any]:
    """Pass news on until the process is done; return the last."""
    news: Queue[dict[str, Any] | None] = Queue()
    Thread(target=_read, args=(reading, news), daemon=True).start()
    assert process.stdin is not None
    with suppress(BrokenPipeError), process.stdin as stream:
        stream.write(given.encode())
    last: dict[str, Any] = {}
    while True:
        try:
            found = news.get(timeout=patience)
        except Empty:
            return {**last, "hangs": True}
        if found is None:
            with suppress(subprocess.TimeoutExpired):  # it closed its end, and may go on
                process.wait(timeout=min(patience, 10.0))
            return last
        last = found
        if "what" in found:
            tell(found["what"], found["number"], found["total"])


def _read(reading: int, news: Queue[dict[str, Any] | None]) -> None:
    with os.fdopen(reading, encoding="utf-8", errors="replace") as stream:
        for line in stream:
            with suppress(ValueError):
                news.put(json.loads(line))
    news.put(None)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Terminate the process and its children."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _environment() -> dict[str, str]:
    path = os.pathsep.join(str(Path(each).absolute()) for each in sys.path if each)
    more = {"PYTHONPATH": path, "PYTHONSAFEPATH": "1", "DAPI_OFFLINE": "1"}
    return {**os.environ, **more}


def _reason(code: int, last: Mapping[str, Any], patience: float) -> str:
    where = f" at {last['what']}" if last.get("what") else ""
    if last.get("hangs"):
        return f"it made no progress for {patience:g} s{where}"
    if code < 0:
        return f"its process was ended by {_signal(-code)}{where}"
    if last.get("error"):
        return str(last["error"])
    return f"its process ended with the status {code}{where}"


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _tail(path: Path) -> str:
    text = path.read_text(encoding="utf-8", errors="replace").strip()
    return " ".join(text[-_SHOWN:].split())


def _main(target: str, writing: str, result: str) -> None:
    """Do a job: the side of the process."""
    from dapi.devkit.compatibility import recording, witnesses

    given = json.loads(sys.stdin.read())
    with os.fdopen(int(writing), "w", encoding="utf-8") as stream:

        def say(**news: Any) -> None:
            print(json.dumps(news), file=stream, flush=True)

        def tell(what: str, number: int, total: int) -> None:
            if number == 0:
                import torch  # noqa: F401

                gc.freeze()  # every answer looks for garbage: not among all of torch
            say(what=what, number=number, total=total)

        try:
            if target == "recording":
                extent = Extent(**given["extent"])
                recording.record(given["name"], extent, tell).write(Path(result))
            else:
                Path(result).write_text(json.dumps(witnesses.testify(given["claims"])))
        except UnknownDistributionError as error:
            say(unknown=True, available=list(error.available))
        except Exception as error:  # noqa: BLE001 - reported to the parent process
            say(error=f"{type(error).__name__}: {error}"[:500])
        else:
            say(done=True)


if __name__ == "__main__":
    _main(*sys.argv[1:])
