"""The Hub: the files of a Hugging Face repository at a revision."""

from __future__ import annotations

import os
import re
import time
from typing import Any, NamedTuple

from dapi import cache
from dapi.exceptions import FetchError, MissingDependencyError
from dapi.lock.policy import spdx

_TIMEOUT = 10.0
_MAY_PASS = (408, 429, 500, 502, 503, 504)
_ATTEMPTS = 4
_LONGEST_WAIT = 60.0
_COMMIT, _SHA256 = re.compile("[0-9a-f]{40}"), re.compile("[0-9a-f]{64}")


class HubFile(NamedTuple):
    """One file of a repository.

    Attributes:
        name: Its path in the repository.
        size: In bytes.
        sha256: The hash of files in Git LFS; None for small files in Git itself.
        blob: The Git object id of the file, or of the pointer to it.
    """

    name: str
    size: int
    sha256: str | None
    blob: str


class Snapshot(NamedTuple):
    """A repository at one commit."""

    commit: str
    license: str
    files: tuple[HubFile, ...]


def snapshot(repository: str, revision: str) -> Snapshot:
    """List the files of a repository with one request to the Hub, without a download.

    Raises:
        MissingDependencyError: huggingface_hub is not installed.
        FetchError: There is no such repository or revision, or the request failed four times.
    """
    what = f"hf:{repository}@{revision}"
    if cache.is_offline():
        raise _failure(what, "DAPI_OFFLINE is set", "Lock it while online.")
    try:
        from huggingface_hub import HfApi
        from huggingface_hub.errors import HfHubHTTPError
    except ModuleNotFoundError as cause:
        needed = "dapi-lock[hf]"
        raise MissingDependencyError(f"{what} needs huggingface_hub", requirement=needed) from cause
    try:
        # The library reads the variable when it is imported, perhaps long before.
        api = HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None)
        return _read(_model_info(api, repository, revision), revision, what)
    except HfHubHTTPError as cause:
        login = "If it is private or gated, sign in: hf auth login"
        is_absent = getattr(cause.response, "status_code", 0) in (401, 403, 404)
        raise _failure(what, _line(cause), login if is_absent else "") from cause
    except FetchError:
        raise
    except Exception as cause:  # errors of its HTTP library, and of unexpected responses
        raise _failure(what, f"{type(cause).__name__}: {_line(cause)}") from cause


def _model_info(api: Any, repository: str, revision: str) -> Any:
    """Ask the server, and again after a pause while it is busy or refuses for its rate limit."""
    from huggingface_hub.errors import HfHubHTTPError

    for attempt in range(1, _ATTEMPTS):
        try:
            return api.model_info(
                repository, revision=revision, files_metadata=True, timeout=_TIMEOUT
            )
        except HfHubHTTPError as cause:
            asked = cause.response.headers.get("Retry-After", "")
            wait = float(asked) if asked.isdigit() else 2.0**attempt
            if cause.response.status_code not in _MAY_PASS or wait > _LONGEST_WAIT:
                raise
        time.sleep(wait)
    return api.model_info(repository, revision=revision, files_metadata=True, timeout=_TIMEOUT)


def _read(found: Any, revision: str, what: str) -> Snapshot:
    """Parse the server's response, which is untrusted."""
    is_other = _COMMIT.fullmatch(revision) and found.sha != revision
    if is_other or not _COMMIT.fullmatch(str(found.sha)):
        raise _failure(what, f"the server names the commit {found.sha!r}")
    files = []
    for each in found.siblings or ():
        lfs = each.lfs
        size, sha256 = (lfs.size, lfs.sha256) if lfs else (each.size, None)
        is_right = isinstance(size, int) and size >= 0 and _COMMIT.fullmatch(str(each.blob_id))
        if not is_right or (lfs and not _SHA256.fullmatch(str(sha256))):
            raise _failure(what, f"the server states no size and hash of {each.rfilename!r}")
        files.append(HubFile(each.rfilename, size, sha256, each.blob_id))
    return Snapshot(found.sha, _license(found.card_data), tuple(files))


def _license(card: Any) -> str:
    """Return the license of a model card as an SPDX expression, if possible."""
    named = getattr(card, "license", None)
    if named == "other":
        named = getattr(card, "license_name", None)
    each = [text for text in (named if isinstance(named, list) else [named]) if text]
    return " AND ".join(spdx(str(text)) for text in each) or "unknown"


def _line(cause: Exception) -> str:
    return " ".join(str(cause).split())[:300]


def _failure(what: str, reason: str, remedy: str = "") -> FetchError:
    return FetchError(what, failures={"the Hub": reason}, remedy=remedy)
