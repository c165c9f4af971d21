"""Cards: the facts of an entry, and of an enum, for a notebook. Imported when one is displayed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dapi._text import notebook

if TYPE_CHECKING:
    from dapi._values.file import File
    from dapi._weights.entry import WeightEntry


def of_entry(entry: WeightEntry, title: str) -> str:
    """Return the metadata, the status and the files of an entry."""
    facts = {
        "latest": entry.latest,
        "status": "" if entry.status == type(entry.status)() else vars(entry.status),
        "files": [*map(_file, entry.files)],
    }
    return notebook.card(title, {**entry.meta, **facts})


def _file(file: File) -> dict[str, Any]:
    facts = {"url": file.url, "size": file.size, "sha256": file.sha256}
    return {**facts, "prefix": file.prefix} if file.prefix else facts


def of_enum(enum: Any) -> str:
    """Return a table of the members of an enum."""
    return notebook.card(enum.__name__, {"members": [*map(_row, enum)]})


def _row(member: Any) -> dict[str, Any]:
    sizes = [file.size or 0 for file in member.files]
    metrics = member.meta.get("metrics")
    return {
        "member": member.name,
        "latest": member.latest,
        "metrics": [*map(_in_words, metrics)] if isinstance(metrics, list | tuple) else "",
        "params": member.meta.get("num_params"),
        "bytes": sum(sizes) if all(sizes) else None,
        "license": member.meta.get("license", "unknown"),
        "status": "" if member.status.state == "active" else member.status.state,
    }


def _in_words(metric: Any) -> str:
    """Return a published result; metadata may be anything."""
    if not isinstance(metric, Mapping):
        return str(metric)
    return " ".join(str(metric.get(key, "")) for key in ("dataset", "name", "value"))
