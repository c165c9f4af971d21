"""``hf:`` URLs, ``hf://owner/name[@revision]/path``: files of the Hugging Face Hub.

huggingface_hub resolves the revision to a commit and knows the user's token; the bytes are fetched
by the store, so that they are verified. Needs the extra ``dapi-core[hf]``, except where the
revision is a commit already: the address of such a file is known, and costs no further request.
"""

from __future__ import annotations

import os
import re
from urllib.parse import quote

from dapi._plugins.hooks import FetchRequest
from dapi.exceptions import FetchError, MissingDependencyError

_GRAMMAR = re.compile(r"hf://(?P<repo>[^/@]+/[^/@]+)(?:@(?P<revision>[^/]+))?/(?P<path>[^?#]+)")
_COMMIT = re.compile("[0-9a-f]{40}")

# The Hub answers a login of .netrc with 401: it expects a token.
SIGN_IN = (
    "If the repository is gated or private, request access on its page, and sign in: "
    "hf auth login, or set HF_TOKEN. The token is sent for addresses that begin with hf: only."
)


def open_url(url: str) -> FetchRequest:
    """Return the URL of a file on the Hub at its current commit, and the user's authorization.

    Raises:
        FetchError: The file does not exist, or the user may not read it.
        HfHubHTTPError: A temporary failure of the Hub.
    """
    match = _GRAMMAR.fullmatch(url)
    if match is None:
        reason = "expected hf://owner/name@revision/path"
        raise FetchError(url, failures={url: reason})
    repo, revision, path = match["repo"], match["revision"], match["path"]
    if _COMMIT.fullmatch(revision or ""):
        return _request(f"{endpoint()}/{repo}/resolve/{revision}/{quote(path)}")
    try:
        from huggingface_hub import errors, get_hf_file_metadata, hf_hub_url
    except ModuleNotFoundError as cause:
        raise MissingDependencyError(
            f"{url} needs huggingface_hub", requirement="dapi-core[hf]"
        ) from cause
    try:
        found = get_hf_file_metadata(hf_hub_url(repo, path, revision=revision), timeout=8)
    except (errors.HfHubHTTPError, errors.HFValidationError) as cause:
        code = getattr(getattr(cause, "response", None), "status_code", 400)
        if code >= 500 or code in (408, 429):  # it may pass
            raise
        reason = str(cause).strip().splitlines()[0]
        raise FetchError(url, failures={url: f"{reason} (to sign in: hf auth login)"}) from cause
    return _request(hf_hub_url(repo, path, revision=found.commit_hash or revision))


def endpoint() -> str:
    """Return the address of the Hub."""
    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


def _request(url: str) -> FetchRequest:
    """Return a request with the token of the user; that of a sign-in needs huggingface_hub."""
    token = os.environ.get("HF_TOKEN", "").strip() or _token()
    return FetchRequest(url, {"Authorization": f"Bearer {token}"} if token else {})


def _token() -> str | None:
    """Return the token of a sign-in; the whole library is imported only if there was one."""
    try:
        from huggingface_hub.constants import HF_TOKEN_PATH

        if not os.path.exists(HF_TOKEN_PATH):  # noqa: PTH110 - a text
            return None
        from huggingface_hub import get_token
    except ModuleNotFoundError:
        return None
    return get_token()
