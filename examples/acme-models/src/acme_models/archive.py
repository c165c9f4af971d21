"""``acme:`` URLs: files in ACME's archive, which asks for a token."""

from __future__ import annotations

import os

from dapi.hooks import FetchRequest

__all__ = ["open_url"]

_SERVER = "https://archive.acme.example"


def open_url(url: str) -> FetchRequest:
    """Say what ``acme://folder/file`` is fetched from, and with which credentials.

    Reads the environment: ``ACME_SERVER`` is another server than ACME's own, ``ACME_TOKEN`` what
    it asks for. Does not touch the network itself: dapi fetches, resumes and verifies.

    Example:
        >>> open_url("acme://wine/wine-5f2c7e10.safetensors").url
        'https://archive.acme.example/wine/wine-5f2c7e10.safetensors'
    """
    server = os.environ.get("ACME_SERVER", _SERVER).rstrip("/")
    token = os.environ.get("ACME_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return FetchRequest(f"{server}/{url.removeprefix('acme://')}", headers)
