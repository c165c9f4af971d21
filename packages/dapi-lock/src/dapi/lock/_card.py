"""Card: weights as a model card of the Hugging Face Hub, with its block of metadata."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dapi import Weights, catalog
from dapi.catalog import printable
from dapi.lock.policy import is_spdx

# Names of datasets that are valid names of repositories.
_DATASET = re.compile(r"[\w.-]+(/[\w.-]+)?", re.ASCII)


def card(name: str, weights: Weights, version: str) -> str:
    """Return a model card as Markdown: metadata for the Hub, and text for people.

    Args:
        name: ``distribution/builder:member``.
        weights: Their installed metadata.
        version: The version of their distribution.
    """
    sections = [
        f"---\n{_yaml(_metadata(name, weights))}---",
        f"# {_text(name)}",
        "\n".join(_summary(name, weights, version)),
        f'## Use\n\n```python\nimport dapi\n\nmodel = dapi.get_model("{name}")\n```',
        _results(weights),
        _training(weights),
        _files(weights),
        _license(weights),
    ]
    return "\n\n".join(filter(None, sections)) + "\n"


def _metadata(name: str, weights: Weights) -> dict[str, Any]:
    meta = weights.meta
    found: dict[str, Any] = {}
    license_ = str(meta.get("license") or "unknown")
    if license_ != "unknown":
        is_simple = is_spdx(license_) and " " not in license_
        found["license"] = license_.lower() if is_simple else "other"
        if not is_simple:
            found["license_name"] = license_
        if meta.get("license_url"):
            found["license_link"] = str(meta["license_url"])
    if meta.get("language"):
        found["language"] = str(meta["language"])
    found["library_name"] = "dapi"
    task = str(meta.get("task") or "")
    if task:
        found["pipeline_tag"] = task
    found["tags"] = ["dapi", "pytorch"]
    datasets = [str(each) for each in meta.get("datasets", ()) if _DATASET.fullmatch(str(each))]
    if datasets:
        found["datasets"] = datasets
    results = list(_evaluations(weights, task))
    if results:
        found["model-index"] = [{"name": name, "results": results}]
    return found


def _evaluations(weights: Weights, task: str) -> Iterator[dict[str, Any]]:
    """Yield the metrics in the form of a model index: one result for each data set."""
    by_dataset: dict[str, list[dict[str, Any]]] = {}
    for metric in catalog.metrics(weights.meta):
        row = {"type": metric.name, "name": metric.name, "value": metric.value}
        by_dataset.setdefault(metric.dataset, []).append(row)
    for dataset, metrics in by_dataset.items():
        slug = re.sub(r"[^\w.-]+", "-", dataset.lower()).strip("-") or "unknown"
        yield {
            "task": {"type": task or "other"},
            "dataset": {"type": slug, "name": dataset},
            "metrics": metrics,
        }


def _yaml(value: Mapping[str, Any], indent: str = "") -> str:
    """Write YAML with scalars as in JSON, which is a subset of YAML."""
    lines = []
    for key, each in value.items():
        if isinstance(each, list) and all(isinstance(item, dict) for item in each):
            lines.append(f"{indent}{key}:\n")
            for item in each:
                block = _yaml(item, indent + "  ")
                lines.append(f"{indent}- {block[len(indent) + 2 :]}")
        elif isinstance(each, dict):
            lines.append(f"{indent}{key}:\n{_yaml(each, indent + '  ')}")
        else:
            lines.append(f"{indent}{key}: {_scalar(each)}\n")
    return "".join(lines)


def _scalar(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_scalar, value))}]"
    text = printable(value) if isinstance(value, str) else value
    return json.dumps(text, ensure_ascii=False)


def _summary(name: str, weights: Weights, version: str) -> Iterator[str]:
    distribution = name.partition("/")[0]
    task = weights.meta.get("task")
    what = f"Weights for {_text(task)}" if task else "Weights"
    count = weights.meta.get("num_params")
    size = f", {count:,} parameters" if isinstance(count, int) else ""
    yield f"{what}{size}; from {distribution} {version} (`pip install {distribution}`)."
    status = weights.status
    if status.state != "active":
        instead = f"; use {_text(status.replacement)}" if status.replacement else ""
        yield f"\n**They are {status.state}{instead}.**"


def _results(weights: Weights) -> str:
    rows = [(m.dataset, m.name, f"{m.value:g}") for m in catalog.metrics(weights.meta)]
    return _table("Results", ("Data", "Metric", "Value"), rows)


def _training(weights: Weights) -> str:
    meta = weights.meta
    facts = {
        "Data": ", ".join(map(str, meta.get("datasets", ()))),
        "Recipe": str(meta.get("recipe") or ""),
        "Publication": str(meta.get("paper") or ""),
    }
    lines = [f"- {key}: {_text(value)}" for key, value in facts.items() if value]
    return "\n".join(["## Training", "", *lines]) if lines else ""


def _files(weights: Weights) -> str:
    rows = [
        (file.name, "" if file.size is None else f"{file.size:,}", file.sha256 or "not published")
        for file in catalog.files(weights)
    ]
    return _table("Files", ("File", "Bytes", "sha256"), rows)


def _license(weights: Weights) -> str:
    meta = weights.meta
    text = f"## License\n\n{_text(meta.get('license') or 'unknown')}"
    source = meta.get("license_source")
    return f"{text} (stated in {_text(source)})" if source else text


def _table(title: str, head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    if not rows:
        return ""
    lines = [head, ("---",) * len(head), *rows]
    shown = "\n".join(f"| {' | '.join(map(_text, line))} |" for line in lines)
    return f"## {title}\n\n{shown}"


def _text(value: object) -> str:
    """Return untrusted text for Markdown: one line, no table, no HTML."""
    line = " ".join(printable(str(value)).split())
    return line.replace("|", "\\|").replace("<", "&lt;").replace("`", "'")
