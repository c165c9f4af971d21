"""Download: one URL into a partial file, with retries and resumption.

An interrupted attempt resumes where it stopped if the server reports the same version of the file.
If the server limits the rate of each connection, several ranges are downloaded in parallel. The
hash of the whole file decides; if it is wrong, the file is downloaded once more, in one piece.
"""

from __future__ import annotations

import time
from contextlib import suppress
from random import SystemRandom
from threading import Condition, Thread

from dapi._store import placeholder, schemes, verification
from dapi._store.partial import Partial
from dapi._store.progress import Progress
from dapi._store.settings import Settings
from dapi._store.transport import TELL, AttemptError
from dapi._values.file import File
from dapi.exceptions import CacheError, HashMismatchError

# The caller may have seeded Python's global generator.
_JITTER = SystemRandom()


def bring(
    url: str, file: File, partial: Partial, *, bar: Progress, reach: float, settings: Settings
) -> str:
    """Download a URL (the file's, or a mirror's) into a partial file; return the verified hash.

    Bytes that the partial file already holds are kept. Connecting may take ``reach`` seconds, over
    all attempts.

    Raises:
        AttemptError: The download failed.
        HashMismatchError: The bytes do not match the published hash.
        CacheError: The disk is full, or writing failed.
    """
    if partial.count:  # it is resumed, perhaps from another address
        bar.expect(partial.total, partial.count)
    try:
        return _bring_once(url, file, partial, bar, reach, settings)
    except HashMismatchError:
        _restart(partial, bar)
    return _bring_once(url, file, partial, bar, reach, settings, in_parts=False)


def _restart(partial: Partial, bar: Progress) -> None:
    partial.restart()
    bar.restart()


def _bring_once(
    url: str,
    file: File,
    partial: Partial,
    bar: Progress,
    reach: float,
    settings: Settings,
    *,
    in_parts: bool = True,
) -> str:
    patience = _Patience(partial, reach, settings)
    while True:
        try:
            source = schemes.source(url, file, settings)
            _Attempt(source, file, partial, bar, settings, in_parts).run(patience.reach)
            break
        except AttemptError as problem:
            in_parts = in_parts and not problem.must_restart
            if not in_parts:
                _restart(partial, bar)
            patience.after(problem)
    digest = partial.digest()
    verification.check(url, file, digest)
    return digest


class _Patience:
    """How often, and for how long, a URL is tried again."""

    def __init__(self, partial: Partial, reach: float, settings: Settings) -> None:
        self._partial, self._settings = partial, settings
        self._end = time.monotonic() + reach
        self._best, self._failures = partial.count, 0
        self.reach = min(reach, settings.connect)

    def after(self, problem: AttemptError) -> None:
        """Wait before the next attempt; raise the problem if no attempt is left."""
        if self._partial.count > self._best + self._settings.piece // 2:
            self._best, self._failures = self._partial.count, 0
        self._failures += 1
        if not problem.may_pass or self._failures >= self._settings.attempts:
            raise problem
        wait = self._settings.backoff * 2 ** (self._failures - 1)
        wait = max(problem.wait or 0.0, wait * _JITTER.uniform(0.7, 1.0))
        left = self._end - time.monotonic() - wait
        if problem.is_unreachable and left < self.reach:
            raise problem
        time.sleep(wait)


class _Segment:
    """A range that one connection fills."""

    def __init__(self, start: int, stop: int | None) -> None:
        self.position, self.stop = start, stop

    @property
    def left(self) -> int:
        """The number of missing bytes, if the total is known."""
        return 0 if self.stop is None else max(0, self.stop - self.position)


def _replaced(answer: schemes.Answer, file: File) -> AttemptError:
    """Describe a file that the server replaced by one of another size; retrying cannot help."""
    head: bytes | memoryview = b""
    if answer.start == 0:
        with suppress(AttemptError):  # a replaced file may also be cut
            head = next(answer.decoded(), b"")
    sizes = f"{answer.total:,} bytes are offered, {file.size:,} bytes were published"
    text = f"the file was replaced on the server: {sizes}"
    return _other_kind(head, file) or AttemptError(text, remedy=TELL, may_pass=False)


def _other_kind(head: bytes | memoryview, file: File) -> AttemptError | None:
    what = placeholder.recognize(head, file.name)
    if not what:
        return None
    remedy = TELL if "pointer" in what else ""
    return AttemptError(
        f"the server sent {what} instead of the file", remedy=remedy, may_pass=False
    )


class _Attempt:
    """One attempt to download the missing ranges, over one connection or several.

    The first connection runs in the caller's thread. Each takes the first unassigned range, or
    else the second half of the longest assigned one, whose connection then stops earlier.
    """

    def __init__(
        self,
        source: schemes.Source,
        file: File,
        partial: Partial,
        bar: Progress,
        settings: Settings,
        in_parts: bool,
    ) -> None:
        self._source, self._file, self._partial = source, file, partial
        self._bar, self._settings, self._in_parts = bar, settings, in_parts
        self._open: list[_Segment] = []
        self._active: list[_Segment] = []
        self._helpers, self._reach = 0, 0.0
        self._changed = Condition()
        self._is_over, self._is_wide = False, False
        self._problem: AttemptError | CacheError | None = None

    def run(self, reach: float) -> None:
        """Download the missing ranges.

        Raises:
            AttemptError: Ranges are still missing.
        """
        self._reach = reach
        self._open = [_Segment(*gap) for gap in self._partial.missing()]
        if not self._open:
            return
        try:
            self._fill_first()
            while (segment := self._take()) or self._has_helpers():
                if segment:
                    self._fill(segment)
            if self._problem and self._partial.missing():
                raise self._problem
        finally:
            with self._changed:  # a helper that is still reading writes no more
                self._is_over = True

    def _fill_first(self) -> None:
        try:
            self._fill(self._take(), is_first=True)
        except AttemptError as problem:
            if problem.must_restart or not self._helpers:
                raise
            self._problem = problem  # keep the ranges of the other connections

    def _has_helpers(self) -> bool:
        """Wait until a helper ends or leaves something; false when there is none left."""
        with self._changed:
            if self._helpers and not self._open:
                self._changed.wait(self._settings.stall)
            return bool(self._helpers or self._open)

    def _take(self) -> _Segment | None:
        with self._changed:
            if self._open:
                segment = self._open.pop(0)
            else:
                longest = max(self._active, key=lambda each: each.left, default=None)
                if longest is None or longest.left < 2 * self._settings.piece:
                    return None
                middle = longest.position + longest.left // 2
                segment, longest.stop = _Segment(middle, longest.stop), middle
            self._active.append(segment)
            return segment

    def _fill(self, segment: _Segment | None, *, is_first: bool = False) -> None:
        assert segment is not None  # the first is always there
        try:
            self._read(segment, is_first=is_first)
        finally:
            with self._changed:
                self._active.remove(segment)
                if segment.left:
                    self._open.append(segment)
                self._changed.notify_all()

    def _read(self, segment: _Segment, *, is_first: bool) -> None:
        stop = segment.stop if self._partial.count else None
        version = self._partial.version
        with self._source(segment.position, stop, version, self._reach) as answer:
            self._check(answer, segment, is_first=is_first)
            self._copy(answer, segment, is_first=is_first)
        if segment.stop is None:
            self._partial.expect(segment.position, answer.version)
        elif segment.left and not self._is_over:
            raise AttemptError(f"the body ended {segment.left:,} bytes too early")

    def _copy(self, answer: schemes.Answer, segment: _Segment, *, is_first: bool) -> None:
        began, count, busy = time.monotonic(), 0, 0.0
        for block in answer.decoded():
            if not block:
                continue
            arrived = time.monotonic()
            if segment.position == 0 and (problem := _other_kind(block, self._file)):
                raise problem
            with self._changed:
                if self._is_over or not self._write(segment, block):
                    return
            count += len(block)
            now = time.monotonic()
            busy += now - arrived
            # More connections cannot help if they would wait for this machine instead.
            if is_first and answer.has_ranges and not self._is_wide and 2 * busy < now - began:
                self._widen(now - began, count)

    def _write(self, segment: _Segment, block: bytes | memoryview) -> bool:
        """Write a block at its offset; return False when the segment is complete."""
        if segment.stop is not None:
            block = block[: segment.left]
        self._partial.write(segment.position, block)
        segment.position += len(block)
        self._bar.advance(len(block))
        if segment.stop is None and segment.position > self._settings.largest:
            text = f"it sent more than {self._settings.largest:,} bytes without announcing a length"
            raise AttemptError(text, remedy=TELL, may_pass=False, must_restart=True)
        return segment.stop is None or segment.left > 0

    def _check(self, answer: schemes.Answer, segment: _Segment, *, is_first: bool) -> None:
        """Compare the announced size and version with the published and the resumed ones."""
        partial, size = self._partial, self._file.size
        if size is not None and answer.total not in (None, size):
            raise _replaced(answer, self._file)
        if not partial.count and answer.start == 0:
            self._begin(answer, segment)
        elif answer.start != segment.position or not self._is_same(answer):
            if not is_first or answer.start != 0:  # the whole, from zero on, is always allowed
                text = "the file changed on the server, or it serves no parts"
                raise AttemptError(text, must_restart=True)
            announced = partial.total if self._is_same(answer) else None
            _restart(partial, self._bar)
            self._open.clear()
            segment.position = 0
            self._begin(answer, segment, announced)

    def _is_same(self, answer: schemes.Answer) -> bool:
        """Whether the response continues the bytes held so far; the hash decides later."""
        if answer.version is None or not answer.version.startswith('"'):
            return answer.version == self._partial.version and self._file.sha256 is not None
        return answer.version == self._partial.version

    def _begin(
        self, answer: schemes.Answer, segment: _Segment, announced: int | None = None
    ) -> None:
        """Set the size from the response, the entry, or an earlier response."""
        known = (answer.total, self._file.size, announced)
        total = next((length for length in known if length is not None), None)
        segment.stop = total
        self._partial.expect(total, answer.version)
        self._bar.expect(total)

    def _widen(self, elapsed: float, count: int) -> None:
        """Open more connections after one has proved slow."""
        wish = self._settings
        if not self._in_parts or not self._partial.version or elapsed < wish.probe:
            return
        left = sum(segment.left for segment in (*self._active, *self._open))
        rate = count / elapsed
        if rate > wish.fast or left / rate < wish.worthwhile:
            return
        self._is_wide = True
        for _ in range(min(wish.connections - 1, left // wish.piece)):
            self._helpers += 1
            Thread(target=self._help, name="dapi-download", daemon=True).start()

    def _help(self) -> None:
        try:
            while not self._is_over and (segment := self._take()) is not None:
                self._fill(segment)
        except (AttemptError, CacheError) as problem:  # the other connections take over its range
            self._problem = problem
        finally:
            with self._changed:
                self._helpers -= 1
                self._changed.notify_all()
