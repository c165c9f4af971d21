"""Checks of enums of weights and their members, without building a model.

Each function yields the problems of its subject, a sentence each.
"""

from __future__ import annotations

import copy
import inspect
import pickle
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from itertools import groupby

import pytest
from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

import dapi
from dapi import Asset, File, Weights, catalog
from dapi.devkit._models import as_entry
from dapi.devkit._packaged import unrequired
from dapi.devkit._schema import KEYS, is_number
from dapi.devkit._subjects import Enum, Member, documented
from dapi.exceptions import DapiError

_NAME = re.compile(r"[A-Z][A-Za-z0-9]*(_[A-Za-z0-9]+)*_RefV[1-9]\d*")
_SOURCE = re.compile(r"https://\S+( .+)?|[\w.-]+(/[\w.-]+)*\.[a-z]+")
_TRUST = re.compile(r"first use|first \d+ digits")
_QUOTED = re.compile(r"pinned .*by \d+")
# Tasks whose results are dicts by category; of lists, two items may have one name.
_BY_NAME = ("image-segmentation",)
_CLASSES = ("num_classes", "num_labels")


def enum_is_named_and_documented(enum: Enum) -> Iterator[str]:
    """Look at the class's name and docstring."""
    if not re.fullmatch(r"[A-Z]\w*Weights", enum.enum.__name__):
        yield f"the name {enum.enum.__name__!r} does not end in Weights, or begins in lower case"
    if not documented(enum.enum):
        yield "it has no docstring"


def latest_is_consistent(enum: Enum) -> Iterator[str]:
    """See whether each dataset has a latest, and no newer one of its recipe beside it."""
    active = [member for member in enum.enum if member.status.state == "active"]
    for member in enum.enum:
        if member.latest and member not in active:
            yield f"{member.name} is {member.status.state}, but marked latest"
    for dataset in dict.fromkeys(member.dataset for member in active):
        if not any(member.latest for member in active if member.dataset == dataset):
            yield f"no member of {dataset} is marked latest"
    for _, series in groupby(sorted(active, key=_version), key=lambda m: _version(m)[0]):
        *older, newest = series
        for member in older:
            if member.latest:
                yield f"{member.name} is marked latest, but {newest.name} is newer"


def _version(member: Weights) -> tuple[str, int]:
    """Split a member's name into its dataset and recipe, and its number."""
    series, _, number = member.name.rpartition("V")
    return (series, int(number)) if number.isdigit() else (member.name, 0)


def members_pickle(enum: Enum) -> Iterator[str]:
    """Pickle and copy each member and its entry."""
    for member in enum.enum:
        if pickle.loads(pickle.dumps(member)) is not member:  # noqa: S301
            yield f"{member.name} is a different object after pickling"
        if copy.deepcopy(member) is not member:
            yield f"{member.name} is a different object after copying"
        if pickle.loads(pickle.dumps(member.value)) != member.value:  # noqa: S301
            yield f"the entry of {member.name} is a different object after pickling"


def member_is_named(member: Member) -> Iterator[str]:
    """Check the form of the name."""
    if not _NAME.fullmatch(member.weights.name):
        yield f"the name {member.weights.name!r} is not of that form"


def meta_is_complete(member: Member) -> Iterator[str]:
    """Compare meta with the schema."""
    meta = member.entry.meta
    for key in KEYS:
        if key.name not in meta:
            if key.is_required:
                yield f"meta has no {key.name!r}: {key.expected}. {key.meaning}"
        elif key.is_right is not None and not key.is_right(meta[key.name]):
            yield f"meta[{key.name!r}] is {meta[key.name]!r}, not {key.expected}"


def license_is_known(member: Member) -> Iterator[str]:
    """Read the license as SPDX does."""
    license_ = member.entry.meta.get("license", "unknown")
    if license_ == "unknown":
        return
    try:
        found = canonicalize_license_expression(str(license_))
    except InvalidLicenseExpression:
        yield f"the license {license_!r} is not an SPDX expression"
    else:
        if found != license_:
            yield f"the license {license_!r} is written {found!r}"


def metrics_have_sources(member: Member) -> Iterator[str]:
    """Look at each metric."""
    for metric in member.entry.meta.get("metrics", ()):
        if not isinstance(metric, Mapping):
            yield f"the metric {metric!r} is not a mapping"
            continue
        for key in ("dataset", "name", "value", "source"):
            if key not in metric:
                yield f"the metric {dict(metric)} has no {key!r}"
        if not is_number(metric.get("value", 0)):
            yield f"the metric {dict(metric)} has a value that is not a number"
        if "source" in metric and not _SOURCE.fullmatch(str(metric["source"])):
            yield f"the source {metric['source']!r} is neither a page nor a script"


def files_are_pinned(member: Member) -> Iterator[str]:
    """Look at each file, those of assets included."""
    hash_source = str(member.entry.meta.get("hash_source", ""))
    for file in catalog.files(member.weights):
        if not file.is_pinned and not _TRUST.search(hash_source):
            yield f"{file.url} has no full sha256, and hash_source is {hash_source!r}"
        # Publishers that only quote a hash pinned by others may not know the size.
        if file.is_pinned and not file.size and not _QUOTED.search(hash_source):
            yield f"{file.url} has no size"


def packaged_files_are_right(member: Member) -> Iterator[str]:
    """Hash each file in a package; files of withdrawn weights may have been removed."""
    if member.entry.status.state == "withdrawn":
        pytest.skip("it is withdrawn: its file may no longer exist")
    for file in catalog.files(member.weights):
        if file.url.startswith("package:"):
            try:
                as_entry(file).fetch(progress=False)
            except DapiError as error:
                yield str(error)


def packages_are_required(member: Member) -> Iterator[str]:
    """Compare the packages behind ``package:`` addresses with the metadata."""
    plugin, modules = member.of.distribution.plugin, {*member.of.distribution.modules}
    for file in catalog.files(member.weights):
        for url in (file.url, *file.mirrors):
            problem = url.startswith("package:") and unrequired(url, plugin, modules)
            if problem:
                yield problem


def categories_fit(member: Member) -> Iterator[str]:
    """Read the categories, and compare their number with the classes."""
    meta = member.entry.meta
    categories = meta.get("categories")
    for key in ("keypoint_names", *(("categories",) if meta.get("task") in _BY_NAME else ())):
        for name, count in Counter(meta.get(key) or ()).items():
            if count > 1:
                times = catalog.counted(count, "time")
                yield f"{key} has {name!r} {times}, but results are keyed by name"
    if categories is None:
        return
    if not categories or not all(isinstance(each, str) for each in categories):
        yield "its categories are not a list of names"
    config = {**member.entry.build.defaults, **member.entry.build.config}
    for key in _CLASSES:
        if config.get(key, len(categories)) != len(categories):
            yield f"it has {len(categories)} categories, but {key}={config[key]}"


def is_found_by_name(member: Member) -> Iterator[str]:
    """Ask for it by its qualified name."""
    name = member.qualified
    if dapi.get_weights(name) is not member.weights:
        yield f"{name} is a different entry"


def factories_work(member: Member) -> Iterator[str]:
    """Import its targets, and call those that need no download."""
    entry = member.entry
    for what in ("transforms", "postprocess"):
        factory = getattr(entry, what)
        if isinstance(factory, catalog.Lazy):
            yield from _misfit(what, factory)
            if not _is_remote(factory):
                yield from _refused(member, factory) if what == "transforms" else _unmade(factory)
    for target in entry.build.context:
        if not isinstance(catalog.import_target(target), type):
            yield f"build.context names {target}, which is not a class"


def task_has_a_runner(member: Member) -> Iterator[str]:
    """Look for the task among those that installed distributions advertise."""
    task = member.entry.meta.get("task")
    known = sorted({point.name for point in catalog.entry_points("dapi.tasks")})
    if task not in known:
        near = get_close_matches(str(task), known, n=1)
        meant = (
            f"did you mean {near[0]!r}?" if near else f"supported are {', '.join(known) or 'none'}"
        )
        yield f"no installed distribution supports the task {task!r}; {meant}"


def postprocess_agrees_with_meta(member: Member) -> Iterator[str]:
    """Compare each argument with the value of its name in meta."""
    meta, factory = member.entry.meta, member.entry.postprocess
    if not isinstance(factory, catalog.Lazy):
        return
    for name, given in factory.kwargs.items():
        if name not in meta or isinstance(given, Asset):
            continue
        found, stated = _plain(given), _plain(meta[name])
        if found != stated:
            yield f"postprocess has other {name} than meta: {_first_other(found, stated)}"


def _plain(value: object) -> object:
    """Read names that are kept in a file, or that are the characters of a text."""
    return tuple(value) if isinstance(value, Sequence) else value


def _first_other(found: object, stated: object) -> str:
    """Describe the first difference of two values."""
    if isinstance(found, tuple) and isinstance(stated, tuple):
        for place, (one, other) in enumerate(zip(found, stated, strict=False)):
            if one != other:
                return f"{one!r} and {other!r}, at {place}"
        return f"{len(found)} and {len(stated)} of them"
    return f"{found!r} and {stated!r}"


def _misfit(what: str, factory: catalog.Lazy) -> Iterator[str]:
    """Import the target, and see whether it takes the arguments."""
    try:
        target = catalog.import_target(factory.target)
    except (ImportError, AttributeError) as error:
        yield f"{what} cannot be imported: {error}"
        return
    try:
        inspect.signature(target).bind(**factory.kwargs)
    except TypeError as error:
        yield f"{what} {factory!r}: {error}"


def _is_remote(factory: catalog.Lazy) -> bool:
    """Whether a factory needs files outside of packages."""
    return not all(
        isinstance(asset, File) and asset.url.startswith("package:")
        for asset in factory.assets.values()
    )


def _refused(member: Member, factory: catalog.Lazy) -> Iterator[str]:
    """Make transforms, and call those of images with one."""
    transforms = factory()
    if member.entry.meta.get("task") not in _TASKS_OF_IMAGES:
        return
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    transformed = transforms(image.new("RGB", (300, 280)))
    if getattr(transformed, "shape", None) is None:
        yield f"transforms make a {type(transformed).__name__} of an image, not a tensor"


def _unmade(factory: catalog.Lazy) -> Iterator[str]:
    """Call the postprocess factory, which may refuse its arguments, such as equal names."""
    try:
        factory()
    except ValueError as error:
        yield f"postprocess {factory!r}: {error}"


_TASKS_OF_IMAGES = frozenset(
    {
        "image-classification",
        "image-segmentation",
        "instance-segmentation",
        "keypoint-detection",
        "object-detection",
    }
)
