"""``dapi fetch``, ``verify``, ``trust`` and ``cache``: files, and what is known of them."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from dapi import _binding, _downloads, _fetching
from dapi._cli import downloads
from dapi._cli.options import FAILED, add_command, say
from dapi._cli.tables import print_rows
from dapi._store import cache, copies, settings, trust
from dapi._urls import redacted
from dapi._weights import Weights
from dapi.exceptions import DapiError, NoWeightsError

_DAY = 86400.0


def add_commands(commands: Any) -> None:
    """Add the commands of this module."""
    fetch = add_command(commands, "fetch", _fetch, "fetch weights with all that they need")
    fetch.add_argument("names", nargs="+", metavar="name", help="a model (its latest) or weights")
    fetch.add_argument("--quiet", action="store_true", help="say nothing and show no progress")
    fetch.add_argument("--dry-run", action="store_true", help="only list what is to be downloaded")
    fetch.add_argument("--yes", action="store_true", help="do not ask before a large download")
    text = "refuse files whose full sha256 is not published"
    fetch.add_argument("--require-hash", action="store_true", help=text)
    text = "hash every file in the cache again, and remove those that changed"
    verify = add_command(commands, "verify", _verify, text)
    text = "check that the cache holds what a lock file says, and nothing else (dapi.lock)"
    verify.add_argument("--lock", nargs="?", const="", metavar="FILE", help=text)
    text = "list the files that are trusted without a published sha256, or forget some"
    trusted = add_command(commands, "trust", _trust, text)
    trusted.add_argument("--forget", nargs="+", metavar="name", help="weights, models or URLs")
    _add_cache(add_command(commands, "cache", _list, "list, add or remove files in the cache"))


def _add_cache(command: argparse.ArgumentParser) -> None:
    actions = command.add_subparsers(metavar="ACTION")
    add_command(actions, "list", _list, "list the files, and whose they are (the default)")
    add = add_command(actions, "add", _add, "copy a file into the cache that was carried here")
    add.add_argument("file", type=Path, help="a file of weights that are installed")
    add.add_argument("--for", dest="owner", help="the weights it is for, if no hash says it")
    remove = add_command(actions, "remove", _remove, "remove files from the cache")
    remove.add_argument("names", nargs="*", metavar="name", help="weights, models or a sha256")
    remove.add_argument("--unused", action="store_true", help="all that no installed weights name")
    remove.add_argument("--older-than", type=float, metavar="DAYS", help="all not used for so long")


def _fetch(options: argparse.Namespace) -> int:
    chosen, is_complete = _chosen(options)
    if options.dry_run:
        _show(options, chosen)
        return 0 if is_complete else FAILED
    download = _downloads.of(*chosen.values())
    if not settings.is_offline():  # then each error says what is missing
        if not options.quiet:
            _announce(chosen)
        if not downloads.is_agreed(download, yes=options.yes, unattended=True):
            say("Nothing was downloaded.")
            return FAILED
    rows = []
    for name, weights in chosen.items():
        try:
            for file, path in _fetching.fetch_everything(weights, progress=not options.quiet):
                rows.append({"name": name, "url": redacted(file.url), "path": str(path)})
        except DapiError as error:  # the others are still fetched
            say(str(error))
            is_complete = False
    print_rows(options, rows, empty="")
    return 0 if is_complete else FAILED


def _chosen(options: argparse.Namespace) -> tuple[dict[str, Weights], bool]:
    """Return the weights of names, and whether all names have some; it is said which do not."""
    chosen = {}
    for name in options.names:
        try:
            weights = _fetching.latest_or_named(name)
            if options.require_hash:
                _fetching.require_hashes(weights)
            chosen[name] = weights
        except DapiError as error:
            say(str(error))
    return chosen, chosen.keys() == set(options.names)


def _announce(chosen: dict[str, Weights]) -> None:
    for weights in chosen.values():
        download = _downloads.of(weights)
        if download.parts:
            downloads.announce(weights, download)


def _show(options: argparse.Namespace, chosen: dict[str, Weights]) -> None:
    """Print what would be downloaded, and check that there is room for it."""
    rows = [
        {
            "name": name,
            "bytes": part.size,
            "estimated": part.is_estimated,
            "url": redacted(part.file.url),
        }
        for name, weights in chosen.items()
        for part in _downloads.of(weights).parts
    ]
    print_rows(options, rows, empty="Nothing needs to be downloaded." if chosen else "")
    downloads.check_room(_downloads.of(*chosen.values()))


def _verify(options: argparse.Namespace) -> int:
    if options.lock is not None:
        commands = _binding.package("dapi.lock.commands")
        return int(commands.verify(options.lock, as_json=options.json))
    rows = []
    for blob in cache.damaged():
        if blob.is_ours:
            cache.remove(blob.sha256)
        remedy = "removed; it is fetched again when needed" if blob.is_ours else "remove it"
        rows.append({"damaged": str(blob.path), "from": blob.url, "remedy": remedy})
    print_rows(options, rows, empty=f"{len(cache.listing())} files, all of them intact.")
    return FAILED if rows else 0


def _trust(options: argparse.Namespace) -> int:
    if options.forget:
        return _forget(options)
    owners = _fetching.owners_by_url()
    rows = [
        {
            "weights": ", ".join(owners.get(known.url, ())),
            "state": "trusted" if known.is_loaded else "not yet loaded",
            "sha256": known.sha256,
            "url": known.url,
        }
        for known in trust.every()
    ]
    print_rows(options, rows, empty="No file is trusted without a published sha256.")
    return 0


def _forget(options: argparse.Namespace) -> int:
    rows = []
    for name in options.forget:
        urls = {name} if "://" in name else {file.url for file in _fetching.files_of(name)}
        found = [known for known in trust.every() if known.url in map(redacted, urls)]
        if not found:
            raise NoWeightsError(f"{name!r} is not trusted on first use", "To see all: dapi trust")
        for known in found:
            trust.forget(known)
            cache.remove(known.sha256)
            rows.append({"forgotten": known.url, "sha256": known.sha256})
    print_rows(options, rows, empty="")
    return 0


def _list(options: argparse.Namespace) -> int:
    owners = _fetching.owners_by_hash()
    rows = [
        {
            "weights": ", ".join(owners.get(blob.sha256, ())) or f"({blob.wanted or 'unknown'})",
            "bytes": blob.size,
            "copy": blob.copy_size or None,
            "used": f"{max(0.0, time.time() - blob.used) / _DAY:.0f} days ago",
            "sha256": blob.sha256,
            "path": str(blob.path),
        }
        for blob in cache.listing()
    ]
    shown = [dict(row, sha256=str(row["sha256"])[:8]) for row in rows]
    print_rows(options, rows if options.json else shown, empty="The cache is empty.")
    return 0


def _add(options: argparse.Namespace) -> int:
    if not options.file.is_file():
        raise NoWeightsError(f"{options.file} is no file", "Name the file that was carried here.")
    rows = [
        {"weights": owner, "path": str(path)}
        for owner, path in _fetching.add(options.file, owner=options.owner)
    ]
    print_rows(options, rows, empty="")
    return 0


def _remove(options: argparse.Namespace) -> int:
    chosen = set()
    if options.names:
        chosen |= _named(options.names)
    if options.unused:
        chosen |= {blob.sha256 for blob in cache.listing()} - set(_fetching.used_hashes())
    if options.older_than is not None:
        limit = time.time() - options.older_than * _DAY
        chosen |= {blob.sha256 for blob in cache.listing() if blob.used < limit}
    rows: list[dict[str, Any]] = []
    for blob in cache.listing():
        if blob.sha256 in chosen and blob.is_ours:
            cache.remove(blob.sha256)
            rows.append({"removed": str(blob.path), "bytes": blob.size})
        elif blob.sha256 in chosen and blob.copy_size:  # it is in our cache, and only the blob not
            rows.append({"removed": str(copies.remove(blob.sha256)), "bytes": blob.copy_size})
    rows += [{"removed": str(path), "bytes": None} for path in cache.sweep()]
    print_rows(options, rows, empty="There was nothing to remove.")
    return 0


def _named(names: list[str]) -> set[str]:
    """Return the hashes of what is named: weights, all weights of a model, or a hash's digits."""
    there = {blob.sha256 for blob in cache.listing()}
    chosen = set()
    for name in names:
        by_digits = {digest for digest in there if len(name) >= 8 and digest.startswith(name)}
        chosen |= by_digits or _fetching.hashes(_fetching.files_of(name))
    return chosen
