"""Comparing: all that changed from one image to another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from dapi.devkit.compatibility import load, lock, result, source
from dapi.devkit.compatibility.image import Image
from dapi.devkit.compatibility.pair import Pair
from dapi.devkit.compatibility.rules import CATEGORIES, Category, Finding
from dapi.devkit.exceptions import ImageError

_LEVELS = ("break", "note", "added")
_DOUBT = "the new release is not installed"

# Tries claims, and returns for each why it does not hold; an empty text where it does.
Testify = Callable[[Sequence[dict[str, Any]]], Sequence[str]]


def compare(
    old: Image, new: Image, *, category: Category = "source", testify: Testify | None = None
) -> list[Finding]:
    """Compare two images of one distribution. Imports none of it, and no framework.

    Args:
        old: The release that users have.
        new: The release that they will get.
        category: With the rules of this category, and of those that it includes.
        testify: Tries claims on the installed release; without it, findings that need this are
            notes.

    Returns:
        The findings: breaks first, then notes, then additions; each in the order of the rules.

    Raises:
        ImageError: An image is damaged, or they are of two distributions.
    """
    pair = Pair(old, new)
    wanted = CATEGORIES[: CATEGORIES.index(category) + 1]
    found = [each for each in _found(pair) if each.rule.category in wanted]
    proven = _proven(found, testify)
    versions = (old.version,)
    return sorted((each._replace(versions=versions) for each in proven), key=_order)


def compare_all(
    images: Iterable[Image],
    new: Image,
    *,
    category: Category = "source",
    testify: Testify | None = None,
) -> list[Finding]:
    """Compare several releases with a new one; equal findings are merged.

    Raises:
        ImageError: As ``compare``.
    """
    merged: dict[tuple[str, str, str], Finding] = {}
    for old in images:
        for each in compare(old, new, category=category, testify=testify):
            key = each.rule.id, each.target, each.text
            known = merged.get(key)
            versions = dict.fromkeys((*(known.versions if known else ()), *each.versions))
            merged[key] = (known or each)._replace(versions=tuple(versions))
    return sorted(merged.values(), key=_order)


def _found(pair: Pair) -> list[Finding]:
    """Apply all rules. The form of an image was checked; its content is untrusted."""
    try:
        return [each for module in (lock, load, result, source) for each in module.find(pair)]
    except (TypeError, LookupError, ValueError, AttributeError, RecursionError) as cause:
        if isinstance(cause, ImageError):
            raise
        sources = f"{pair.old.source}, or {pair.new.source},"
        reason = f"is not a valid image ({type(cause).__name__}: {cause})"
        raise ImageError(sources, reason, "Make it again: dapi snapshot DISTRIBUTION") from cause


def _order(each: Finding) -> tuple[int, str, str, str]:
    return _LEVELS.index(each.level), each.rule.id, each.target, each.text


def _proven(found: list[Finding], testify: Testify | None) -> list[Finding]:
    """Keep breaks that have a witness; drop those that the installed release refutes."""
    claims = [dict(each.claim or {}) for each in found if _can_be_tried(each)]
    if testify is None or not claims:
        return [_judged(each) for each in found]
    said = iter(testify(claims))
    kept = []
    for each in found:
        if not _can_be_tried(each):
            kept.append(_judged(each))
            continue
        witness = next(said)
        if witness:
            level = each.level if each.rule.name == "STATE_SAME_DTYPE" else each.rule.level
            kept.append(_judged(each._replace(witness=witness, level=level)))
    return kept


def _can_be_tried(each: Finding) -> bool:
    return each.claim is not None and each.claim["kind"] != "none"


def _judged(each: Finding) -> Finding:
    """Make a note of a break without a witness."""
    if each.level != "break" or each.witness:
        return each
    doubt = (each.claim or {}).get("doubt", _DOUBT)
    return each._replace(level="note", text=f"{each.text} Not proven: {doubt}.")
