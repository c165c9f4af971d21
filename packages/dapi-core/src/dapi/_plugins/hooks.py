"""Hooks that several distributions can implement (pluggy, entry-point group ``dapi.hooks``).

A distribution names a module or an object with functions marked by ``dapi.hooks.hookimpl``::

    [project.entry-points."dapi.hooks"]
    acme = "acme.hooks"

The hooks are ``dapi_before_fetch``, ``dapi_file_fetched`` and ``dapi_model_built``, specified
below. Distributions are imported when a hook is first called, each separately: a broken one is
skipped with a PluginWarning.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from dapi._plugins.discovery import EntryPoint, entry_points
from dapi._text import urls
from dapi._values import notices
from dapi.exceptions import PluginWarning

if TYPE_CHECKING:
    from pluggy import PluginManager


class FetchRequest(NamedTuple):
    """The request for a file: its URL, and headers such as credentials.

    The headers are sent to the server of this URL only: neither to a server that it redirects to,
    nor to a mirror of ``DAPI_MIRROR``.
    """

    url: str
    headers: Mapping[str, str] = {}

    def __repr__(self) -> str:
        """Show no secret: not the values of headers, and the URL without password and query."""
        headers = f", headers of {', '.join(self.headers)}" if self.headers else ""
        return f"FetchRequest({urls.redacted(self.url)!r}{headers})"


class Specifications:
    """The signatures that implementations have."""

    def dapi_before_fetch(self, url: str) -> FetchRequest | str | None:
        """Return another URL for ``url``, or a request with headers; None changes nothing.

        The first result that is not None is used. The bytes are verified in any case, so that a
        mirror need not be trusted; for a file with fewer than 16 published digits of its sha256,
        another server is refused unless ``DAPI_TRUST_MIRROR=1``. An exception ends the fetch.
        """

    def dapi_file_fetched(self, url: str, path: Path) -> None:
        """Take note that the file of ``url`` was fetched, verified, and stored at ``path``."""

    def dapi_model_built(self, model: Any, builder: str, weights: Any) -> None:
        """Take note that ``builder`` made ``model`` with ``weights`` (a member or an entry)."""


def before_fetch(url: str) -> FetchRequest:
    """Ask the hooks how to fetch a URL."""
    manager = _manager(tuple(entry_points("dapi.hooks")))
    answer = manager.hook.dapi_before_fetch(url=url) if manager else None
    if isinstance(answer, str):
        return FetchRequest(answer)
    return FetchRequest(url) if answer is None else FetchRequest(*answer)


def file_fetched(url: str, path: Path) -> None:
    """Call the hooks for a fetched file."""
    _tell("dapi_file_fetched", url=url, path=path)


def model_built(model: Any, builder: str, weights: Any) -> None:
    """Call the hooks for a built model."""
    _tell("dapi_model_built", model=model, builder=builder, weights=weights)


def _tell(hook: str, **facts: Any) -> None:
    """Call an observing hook for each plugin on its own: one that raises disturbs no other."""
    manager = _manager(tuple(entry_points("dapi.hooks")))
    if manager is None:
        return
    plugins = manager.list_name_plugin()
    for name, plugin in plugins:
        # pluggy ends a call at the first exception, and the others would hear nothing.
        caller = manager.subset_hook_caller(hook, [p for _, p in plugins if p is not plugin])
        try:
            caller(**facts)
        except Exception as error:  # noqa: BLE001 - an observer's failure is its own
            notices.warn(f"{hook} of {name} failed: {error!r}. It was skipped.", PluginWarning)


def forget() -> None:
    """Load the implementations again at the next call: a broken one may have been fixed."""
    _manager.cache_clear()


@lru_cache(maxsize=1)
def _manager(points: tuple[EntryPoint, ...]) -> PluginManager | None:
    """Load the implementations; return None, without importing pluggy, if there are none."""
    if not points:
        return None
    from pluggy import HookspecMarker, PluginManager

    manager = PluginManager("dapi")
    mark = HookspecMarker("dapi")
    mark(firstresult=True)(Specifications.dapi_before_fetch)
    mark(Specifications.dapi_file_fetched)
    mark(Specifications.dapi_model_built)
    manager.add_hookspecs(Specifications)
    for point in points:
        name = f"{point.distribution}:{point.name}"
        try:
            manager.register(point.load(), name=name)
            manager.check_pending()
        except Exception as error:  # noqa: BLE001 - pluggy inspects a plugin's objects
            if manager.has_plugin(name):
                manager.unregister(name=name)
            notices.warn(f"The hooks of {point.distribution} were skipped. {error}", PluginWarning)
    return manager
