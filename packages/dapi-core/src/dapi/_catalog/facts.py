"""Facts: what people compare of weights, by the names of the commands' JSON."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from functools import partial
from typing import Any

from dapi._catalog import builders, metrics
from dapi._catalog.found import Found
from dapi._catalog.metrics import Metric
from dapi._values.file import File
from dapi._weights.entry import Status
from dapi._weights.enum import Weights


def facts(found: Found, cached: Sequence[str]) -> dict[str, Any]:
    """Return the costs, licence, metrics and status of weights.

    Args:
        found: The weights.
        cached: The hashes of the files in the cache, sorted.
    """
    sizes = [file.size or 0 for file in found.weights.files]
    return {
        "params": found.meta.get("num_params"),
        "gflops": found.meta.get("gflops"),
        "bytes": found.mib and round(found.mib * 2**20),
        "estimated": not all(sizes),
        "license": found.meta.get("license", "unknown"),
        "latest": found.weights.latest,
        "cached": is_cached(found.weights, cached),
        "metrics": [metric._asdict() for metric in metrics.read(found.meta)],
        **status(found.model, found.weights),
    }


def compared(
    name: str, found: Found, metric: Metric | None, cached: Sequence[str]
) -> dict[str, Any]:
    """Return the facts of weights with a name, their task and one metric."""
    return {
        "weights": name,
        "task": found.meta.get("task"),
        "metric": metric and metric._asdict(),
        **facts(found, cached),
    }


def status(model: str, weights: Weights | None) -> dict[str, Any]:
    """Return the status of weights, and their replacement; ``replaced`` is the builder's."""
    declared = weights.status if weights else Status()
    if declared.state != "active":
        return {"status": declared.state, "replacement": declared.replacement}
    builder = builders.listed().get(model)
    successor = builder and builders.successor(builder.name, builder.target.partition(":")[0])
    return {"status": "replaced" if successor else "active", "replacement": successor}


def cached_hashes() -> list[str]:
    """Return the hashes of the files in all caches, sorted; no file is read."""
    from dapi._store import cache  # a search alone does not need it

    return sorted(cache.digests())


def is_cached(weights: Weights, cached: Sequence[str]) -> bool:
    """Whether weights need no download, by the names in the cache alone; nothing is hashed."""
    from dapi._catalog.files import everything

    return all(map(partial(_is_there, cached=cached), everything(weights)))


def _is_there(file: File, *, cached: Sequence[str]) -> bool:
    if file.url.startswith(("file:", "package:")):
        return True
    digits = file.sha256 or ""
    place = bisect_left(cached, digits)
    is_likely = place < len(cached) and cached[place].startswith(digits)
    if file.is_pinned or not is_likely:
        return is_likely
    from dapi._store import trust  # reads a record, which takes 0.2 ms

    known = trust.find(file)
    return known is not None and known.sha256 in cached
