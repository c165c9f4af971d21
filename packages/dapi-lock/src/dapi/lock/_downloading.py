"""Downloading: many files in parallel, with one line of progress and all failures together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import NamedTuple

from dapi import File, cache
from dapi.exceptions import DapiError
from dapi.lock._terminal import Progress

# Number of parallel downloads. A large file opens more connections.
_THREADS = 8

_POLL = 0.05


class Job(NamedTuple):
    """A file to download, its purpose, and its size (0 if unknown)."""

    file: File
    wanted: str
    size: int = 0


class Outcome(NamedTuple):
    """The results of all downloads: the paths, and the errors of failed ones."""

    paths: Mapping[File, Path]
    failures: Mapping[File, DapiError]


def download(jobs: Sequence[Job], *, progress: bool) -> Outcome:
    """Download files in parallel; a failure does not stop the others."""
    with cache.connections_kept():
        return _Pool(jobs).run(progress=progress)


class _Pool:
    """Threads that share a queue. They are daemons: Ctrl-C ends the process immediately."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._sizes = {job.file: job.size for job in jobs}
        self._waiting: SimpleQueue[Job] = SimpleQueue()
        for job in jobs:
            self._waiting.put(job)
        self._active: dict[File, None] = {}
        self._paths: dict[File, Path] = {}
        self._failures: dict[File, DapiError] = {}
        self._crashes: list[BaseException] = []

    def run(self, *, progress: bool) -> Outcome:
        count, total = len(self._sizes), sum(self._sizes.values())
        threads = [Thread(target=self._work, daemon=True) for _ in range(min(_THREADS, count))]
        for thread in threads:
            thread.start()
        with Progress("Downloading", count, total, enabled=progress) as line:
            while threads:
                threads[0].join(_POLL)
                threads = [thread for thread in threads if thread.is_alive()]
                line.show(len(self._paths), self._arrived())
        if self._crashes:
            raise self._crashes[0]
        return Outcome(self._paths, self._failures)

    def _work(self) -> None:
        while not self._crashes:
            try:
                file, wanted, _ = self._waiting.get_nowait()
            except Empty:
                return
            self._active[file] = None
            try:
                self._paths[file] = cache.fetch(file, progress=False, wanted=wanted)
            except DapiError as error:
                self._failures[file] = error
            except BaseException as error:  # noqa: BLE001 - raised again by run()
                self._crashes.append(error)
            finally:
                self._active.pop(file, None)

    def _arrived(self) -> int:
        whole = sum(self._sizes[file] for file in [*self._paths])
        return whole + sum(map(cache.arrived, [*self._active]))
