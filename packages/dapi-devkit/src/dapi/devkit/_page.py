"""The catalogue: one page that shows all weights, to browse, filter, sort and plot."""

from __future__ import annotations

import hashlib
import json
import math
import sys
import warnings
from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from html import escape
from importlib.resources import files
from typing import Any, NamedTuple

from dapi import File, FrozenDict, Weights, catalog
from dapi.exceptions import DapiError, PluginWarning

# How many items of a long list are shown, of categories above all.
_SHOWN = 12

# Metadata that has a place of its own on the page.
_PLACED = {
    "task", "license", "num_params", "gflops", "file_mib", "metrics", "datasets", "categories",
    "known_as",
}  # fmt: skip


class Offered(NamedTuple):
    """Weights, with the model they are for and the distribution that offers them."""

    model: str
    distribution: str
    weights: Weights

    @property
    def name(self) -> str:
        """The name that ``dapi.get_model`` takes."""
        listed = str(self.weights)
        return listed if ":" in listed else f"{self.model}:{self.weights.name}"


def installed() -> list[Offered]:
    """List the weights of every installed distribution, each under the first of its models."""
    firsts: dict[type[Weights], tuple[str, str]] = {}
    return [
        Offered(model, distribution, weights)
        for model, distribution, enum in catalog.all_enums()
        if firsts.setdefault(enum, (model, distribution)) == (model, distribution)
        for weights in enum
    ]


def page(found: Iterable[Offered], *, home: str | None = None) -> str:
    """Return the page, which needs no other files and no network.

    Metadata is untrusted: it is in a block of JSON that no markup can end, the script
    writes it as text, and the page's policy lets the browser run and load nothing else.

    Args:
        found: The weights to show.
        home: The target of the link to the documentation.
    """
    style, script = _part("page.css"), _part("page.js")
    policy = (
        f"default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"style-src {_hash(style)}; script-src {_hash(script)}"
    )
    link = f'<a href="{escape(home)}">Documentation</a>' if home else ""
    parts = {
        "policy": policy,
        "style": style,
        "home": link,
        "data": as_script(described(found)),
        "script": script,
    }
    page, *rest = _part("page.html").split("{{")
    for each in rest:  # one pass: inserted text is not searched again
        name, _, text = each.partition("}}")
        page += parts[name] + text
    return page


def _part(name: str) -> str:
    return (files("dapi.devkit") / "catalogue" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """Return the source expression of a policy for an inline block."""
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def as_script(value: Any) -> str:
    r"""Return JSON that stays one text inside a ``<script>``, whatever is in it.

    >>> as_script("</script><!--")
    '"\\u003c/script\\u003e\\u003c!--"'
    """
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def described(found: Iterable[Offered]) -> list[dict[str, Any]]:
    """Describe weights in JSON's terms; weights that cannot be read are left out with a warning."""
    everything = list(found)
    counts = Counter(each.name for each in everything)
    tasks = {point.name for point in catalog.entry_points("dapi.tasks")}
    successors = _successors()
    facts = []
    for each in everything:
        owner = f"{each.distribution}/" if counts[each.name] > 1 and "/" not in each.model else ""
        try:
            facts.append(
                {
                    **_facts(each, f"{owner}{each.name}"),
                    "runs": each.weights.meta.get("task") in tasks,
                    "replaced_by": successors.get((type(each.weights).__module__, each.model)),
                }
            )
        except Exception as error:  # noqa: BLE001 - the metadata of a plugin is of any kind
            text = f"{each.name} is omitted from the catalogue: {error!r}"
            warnings.warn(catalog.redact(text), PluginWarning, stacklevel=2)
    return facts


def _successors() -> dict[tuple[str, str], str]:
    """Return by module and name the builders that others replace; imports no other module."""
    found = {}
    for builder in catalog.builders():
        if builder.target.partition(":")[0] in sys.modules:
            with suppress(DapiError):  # a broken builder replaces nothing
                declared = catalog.declaration(builder.load())
                if declared.replaces:
                    found[declared.module, declared.replaces] = declared.name
    return found


def _facts(found: Offered, name: str) -> dict[str, Any]:
    weights, meta = found.weights, found.weights.meta
    enum = type(weights)
    sizes = [file.size or 0 for file in weights.files]
    size = sum(sizes) if all(sizes) else None
    return {
        "weights": name,
        "model": found.model,
        "distribution": found.distribution,
        "task": str(meta.get("task", "")),
        "license": str(meta.get("license", "unknown")),
        "latest": weights.latest,
        "status": {
            "state": weights.status.state,
            "replacement": weights.status.replacement,
            "reason": catalog.redact(weights.status.reason),
        },
        "params": _number(meta.get("num_params")),
        "gflops": _number(meta.get("gflops")),
        "mib": size / 2**20 if size else _number(meta.get("file_mib")),
        "bytes": size,
        "hash": _hash_state([file.sha256 for file in weights.files]),
        "metrics": list(_read_metrics(meta)),
        "datasets": _texts(meta.get("datasets")),
        "known_as": _texts(meta.get("known_as")),
        "files": [_file(file) for file in weights.files],
        "assets": {
            key: catalog.redact(str(getattr(asset, "url", asset)))
            for key, asset in weights.assets.items()
        },
        "transforms": _factory(weights.transforms),
        "postprocess": _factory(weights.postprocess),
        "categories": _some(meta.get("categories")),
        "config": _plain({**weights.build.defaults, **weights.build.config}),
        "context": _plain(weights.build.context),
        "enum": {"home": _home(enum), "name": enum.__qualname__, "member": weights.name},
        "builder": _builder(found.model, enum),
        "more": {key: _brief(value) for key, value in meta.items() if key not in _PLACED},
    }


def _factory(factory: Any) -> str | None:
    """Return a factory as its entry declares it; None if it declares none, which is false."""
    return catalog.redact(repr(factory)) if factory else None


def _file(file: File) -> dict[str, Any]:
    return {
        "url": catalog.redact(file.url),
        "bytes": file.size,
        "sha256": file.sha256,
        "mirrors": [catalog.redact(url) for url in file.mirrors],
    }


def _hash_state(digests: Sequence[str | None]) -> str:
    """Return how much of the sha256 is published; for several files, the least."""
    digits = min(len(digest or "") for digest in digests)
    return {0: "none", 64: "full"}.get(digits, f"{digits} digits")


def _read_metrics(meta: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    declared = meta.get("metrics")
    sources = {
        (str(each.get("dataset", "")), str(each.get("name", ""))): each.get("source", "")
        for each in (declared if isinstance(declared, list | tuple) else ())
        if isinstance(each, Mapping)
    }
    for metric in catalog.metrics(meta):
        value = _number(metric.value)
        if value is not None:
            yield {
                "dataset": metric.dataset,
                "name": metric.name,
                "value": value,
                "less_is_better": metric.merit != metric.value,
                "source": catalog.redact(str(sources.get((metric.dataset, metric.name), ""))),
            }


def _number(value: Any) -> float | None:
    """Return a number for JSON, which lacks infinity and NaN."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number and math.isfinite(value) else None


def _texts(value: Any) -> list[str]:
    """Return the texts of a list, or a single one."""
    texts = (value,) if isinstance(value, str) else value
    return [str(each) for each in texts] if isinstance(texts, list | tuple) else []


def _some(items: Any) -> dict[str, Any] | None:
    """Return how many items a long list has, and the first of them."""
    if not isinstance(items, Sequence) or isinstance(items, str) or not items:
        return None
    return {"count": len(items), "first": [str(items[n]) for n in range(min(_SHOWN, len(items)))]}


def _brief(value: Any) -> str:
    """Return a value of the metadata as a text, long lists shortened."""
    plain = _json(value)
    if isinstance(plain, list):
        more = f" and {len(plain) - _SHOWN} more" if len(plain) > _SHOWN else ""
        return catalog.redact(", ".join(map(_brief, plain[:_SHOWN]))) + more
    if isinstance(plain, dict):
        return catalog.redact(json.dumps(plain, ensure_ascii=False))
    return catalog.redact(str(plain))


def _plain(value: Mapping[str, Any]) -> dict[str, str]:
    """Return arguments in Python's notation, since JSON lacks some values."""
    return {key: catalog.redact(repr(_json(item))) for key, item in value.items()}


def _home(enum: type) -> str:
    """Return the shortest package that exports an enum, from which users import it."""
    parts = enum.__module__.split(".")
    for end in range(1, len(parts)):
        package = ".".join(parts[:end])
        if getattr(sys.modules.get(package), enum.__name__, None) is enum:
            return package
    return enum.__module__


def _builder(model: str, enum: type) -> str | None:
    """Return the name of a builder that is imported from where its enum is; None if it is not."""
    name = model.rpartition("/")[2]
    return name if hasattr(sys.modules.get(_home(enum)), name) else None


def _json(value: Any) -> Any:
    """Return a frozen value as dicts and lists."""
    return FrozenDict({"value": value}).to_dict()["value"]
