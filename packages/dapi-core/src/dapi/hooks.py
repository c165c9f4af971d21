"""For distributions that implement dapi's hooks: the marker, and the types of the arguments.

Example:
    In ``acme/hooks.py``, advertised as ``acme = "acme.hooks"`` in ``dapi.hooks``::

        from dapi.hooks import FetchRequest, hookimpl

        @hookimpl
        def dapi_before_fetch(url: str) -> FetchRequest | None:
            return FetchRequest(url.replace("https://example.org", "https://mirror.acme.test"))
"""

from pluggy import HookimplMarker

from dapi._plugins.hooks import FetchRequest, Specifications

__all__ = ["FetchRequest", "Specifications", "hookimpl"]

hookimpl = HookimplMarker("dapi")
