"""``dapi fetch``, ``verify``, ``trust`` and ``cache``: files and their records."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from dapi._catalog import files, verifying
from dapi._cli import downloads
from dapi._cli.failures import FAILED, described, print_error, status_of_all
from dapi._cli.options import add_command, say
from dapi._cli.tables import print_json, print_rows, put
from dapi._plugins import bound_lock
from dapi._store import cache, copies, folders, settings, trust
from dapi._text import counted
from dapi._text.urls import redacted
from dapi._weights.enum import Weights
from dapi.exceptions import DapiError, NoWeightsError

_DAY = 86400.0

# Digits of a hash that name a file on the command line.
_SHORTEST_HASH = 8


def add_commands(commands: Any) -> None:
    """Add the commands of this module."""
    fetch = add_command(commands, "fetch", _fetch, "download weights and everything that they need")
    named = "a model (for its latest weights), or weights"
    fetch.add_argument("names", nargs="+", metavar="name", help=named)
    fetch.add_argument("--quiet", action="store_true", help="print nothing and show no progress")
    fetch.add_argument(
        "--dry-run", action="store_true", help="list the files without downloading them"
    )
    fetch.add_argument("--yes", action="store_true", help="do not ask before a large download")
    text = "refuse files whose full sha256 is not published"
    fetch.add_argument("--require-hash", action="store_true", help=text)
    text = "hash files again: all of the cache, or all of some weights; report those that changed"
    verify = add_command(commands, "verify", _verify, text)
    verify.add_argument("names", nargs="*", metavar="name", help=named)
    text = "remove damaged files; they are downloaded again on demand"
    verify.add_argument("--repair", action="store_true", help=text)
    text = "all files of a lock (default: dapi.lock), and that the cache has no others"
    verify.add_argument("--lock", nargs="?", const="", metavar="FILE", help=text)
    text = "the public key that must have signed the lock; may be given several times"
    verify.add_argument("--signed-by", action="append", default=[], metavar="KEY", help=text)
    text = "list the files that are trusted without a published sha256, or forget some"
    trusted = add_command(commands, "trust", _trust, text, is_long=True)
    trusted.add_argument("--forget", nargs="+", metavar="name", help="weights, models or URLs")
    text = "list, add or remove files in the cache"
    _add_cache(add_command(commands, "cache", _list, text, is_long=True))


def _add_cache(command: argparse.ArgumentParser) -> None:
    actions = command.add_subparsers(metavar="ACTION")
    text = "list the files and their owners (the default)"
    add_command(actions, "list", _list, text, of="cache", aliases=["ls"], is_long=True)
    add_command(actions, "dir", _dir, "print the directory of the cache", of="cache")
    add = add_command(actions, "add", _add, "copy a local file into the cache", of="cache")
    add.add_argument("file", type=Path, help="a copy of a file of installed weights")
    text = "the weights that the file belongs to, if its hash is not published"
    add.add_argument("--for", dest="owner", help=text)
    remove = add_command(actions, "remove", _remove, "remove files from the cache", of="cache")
    remove.add_argument("names", nargs="*", metavar="name", help="weights, models or a sha256")
    remove.add_argument(
        "--unused", action="store_true", help="all files that no installed weights use"
    )
    remove.add_argument(
        "--older-than", type=float, metavar="DAYS", help="all files not used for this many days"
    )
    text = "remove all files that no installed weights use, as remove --unused"
    prune = add_command(actions, "prune", _remove, text, of="cache")
    prune.set_defaults(names=[], unused=True, older_than=None)


def _fetch(options: argparse.Namespace) -> int:
    chosen, errors = _chosen(options)
    if options.dry_run:
        rows = _missing(chosen)
        empty = "Nothing needs to be downloaded." if chosen else ""
        _print_files(options, rows, errors, empty=empty)
        downloads.check_room(downloads.of(*chosen.values()))
        return status_of_all(errors.values())
    # Offline, each error states what is missing.
    if not settings.is_offline() and not _is_agreed(options, chosen):
        say("Nothing was downloaded.")
        if options.json:
            print_error("not-confirmed", "Nothing was downloaded. To download: --yes")
        return FAILED
    rows = []
    for name, weights in chosen.items():
        try:
            for file, path in files.fetch_everything(weights, progress=not options.quiet):
                rows.append({"weights": str(weights), "url": file.url, "path": str(path)})
        except DapiError as error:  # the others are still downloaded
            say(str(error))
            errors[name] = error
    _print_files(options, rows, errors)
    return status_of_all(errors.values())


def _chosen(options: argparse.Namespace) -> tuple[dict[str, Weights], dict[str, DapiError]]:
    """Return the weights of names, and the errors of names without any, which are reported."""
    chosen, errors = {}, {}
    for name in options.names:
        try:
            weights = files.latest_or_named(name)
            if options.require_hash:
                files.require_hashes(weights)
            chosen[name] = weights
        except DapiError as error:
            say(str(error))
            errors[name] = error
    return chosen, errors


def _missing(chosen: dict[str, Weights]) -> list[dict[str, Any]]:
    """Describe the files that would be downloaded."""
    return [
        {
            "weights": str(weights),
            "bytes": part.size,
            "estimated": part.is_estimated,
            "sha256": part.file.sha256,
            "url": part.file.url,
        }
        for weights in chosen.values()
        for part in downloads.of(weights).parts
    ]


def _is_agreed(options: argparse.Namespace, chosen: dict[str, Weights]) -> bool:
    """Announce the downloads, and ask before large ones."""
    for weights in chosen.values() if not options.quiet else ():
        download = downloads.of(weights)
        if download.parts:
            downloads.announce(weights, download)
    everything = downloads.of(*chosen.values())
    return downloads.is_agreed(everything, yes=options.yes, unattended=True)


def _print_files(
    options: argparse.Namespace,
    rows: list[dict[str, Any]],
    errors: Mapping[str, DapiError],
    *,
    empty: str = "",
) -> None:
    """Print rows; in JSON, a name that failed has its error instead."""
    if options.json:
        for name, error in errors.items():
            rows.append({"weights": name, "error": described(error.code(), error)})
    print_rows(options, rows, empty=empty)


def _verify(options: argparse.Namespace) -> int:
    if options.lock is not None or options.signed_by:
        commands = bound_lock.package("dapi.lock.commands")
        how = {"repair": options.repair, "as_json": options.json, "signed_by": options.signed_by}
        return int(commands.verify(options.lock or "", **how))
    rows, status = [], 0
    for found in verifying.verify(*options.names):
        remedy = found.remedy
        try:
            if found.repair and options.repair:
                found.repair()
                remedy = "removed; it is downloaded again on demand"
            else:
                status = FAILED
        except OSError as error:  # the others are still repaired
            remedy, status = f"it cannot be removed: {error.strerror or error}", FAILED
        rows.append({"state": found.state, "path": found.path, "url": found.url, "remedy": remedy})
    what = f"All files of {', '.join(options.names)}" if options.names else "All files in the cache"
    print_rows(options, rows, empty=f"{what} are intact.")
    return status


def _trust(options: argparse.Namespace) -> int:
    if options.forget:
        return _forget(options)
    owners = files.owners(files.by_url)
    rows = [
        {
            "used_by": owners.get(known.url, []),
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
        urls = {name} if "://" in name else {file.url for file in files.files_of(name)}
        found = [known for known in trust.every() if known.url in map(redacted, urls)]
        if not found:
            raise NoWeightsError(f"{name!r} is not trusted on first use", "To list all: dapi trust")
        for known in found:
            trust.forget(known)
            cache.remove(known.sha256)
            rows.append({"state": "forgotten", "sha256": known.sha256, "url": known.url})
    print_rows(options, rows, empty="")
    return 0


def _list(options: argparse.Namespace) -> int:
    owners = files.owners(files.by_key)
    rows = [_row("cached", owners, blob, wanted=blob.wanted) for blob in cache.listing()]
    for blob, is_alive in cache.incomplete():
        rows.append(_row("being downloaded" if is_alive else "interrupted", owners, blob))
    print_rows(options, rows, empty="The cache is empty.", columns=_columns)
    return 0


def _row(
    state: str, owners: dict[str, list[str]], blob: cache.Blob, *, wanted: str | None = None
) -> dict[str, Any]:
    used = datetime.fromtimestamp(blob.used, timezone.utc).isoformat(timespec="seconds")
    return {
        "used_by": owners.get(blob.sha256, []),
        "wanted": wanted,
        "state": state,
        "bytes": blob.size,
        "copy_bytes": blob.copy_size or None,
        "used": used,
        "sha256": blob.sha256,
        "path": str(blob.path),
    }


def _columns(row: dict[str, Any]) -> dict[str, Any]:
    """Return the columns of a file in the cache for people."""
    names = ", ".join(row["used_by"])
    if row["state"] != "cached":
        names = f"({row['state']}: {names or 'unknown'})"
    age = time.time() - datetime.fromisoformat(row["used"]).timestamp()
    return {
        "weights": names or f"({row['wanted'] or 'unknown'})",
        "bytes": row["bytes"],
        "copy": row["copy_bytes"],
        "used": f"{counted(round(max(0.0, age) / _DAY), 'day')} ago",
        "sha256": row["sha256"][:8],
        "path": row["path"],
    }


def _dir(options: argparse.Namespace) -> int:
    path = str(folders.root())
    if options.json:
        print_json({"path": path})
    else:
        put(path)
    return 0


def _add(options: argparse.Namespace) -> int:
    if not options.file.is_file():
        raise NoWeightsError(
            f"{options.file} is not a file", "Pass the path of a local copy of a published file."
        )
    rows = [
        {"weights": owner, "path": str(path)}
        for owner, path in files.add(options.file, owner=options.owner)
    ]
    print_rows(options, rows, empty="")
    return 0


def _remove(options: argparse.Namespace) -> int:
    blobs = cache.listing()
    chosen = _named(options.names, blobs)
    if options.unused:
        chosen |= {blob.sha256 for blob in blobs} - files.used_hashes()
    if options.older_than is not None:
        limit = time.time() - options.older_than * _DAY
        chosen |= {blob.sha256 for blob in blobs if blob.used < limit}
    rows: list[dict[str, Any]] = []
    for blob in blobs:
        if blob.sha256 in chosen and blob.is_ours:
            cache.remove(blob.sha256)
            rows.append({"path": str(blob.path), "bytes": blob.size})
        elif blob.sha256 in chosen and blob.copy_size:  # our cache lacks only its blob
            rows.append({"path": str(copies.remove(blob.sha256)), "bytes": blob.copy_size})
    rows += [{"path": str(path), "bytes": None} for path in cache.sweep()]
    print_rows(
        options,
        rows,
        empty="There was nothing to remove.",
        columns=lambda row: {"removed": row["path"], "bytes": row["bytes"]},
    )
    return 0


def _named(names: Sequence[str], blobs: Sequence[cache.Blob]) -> set[str]:
    """Return the hashes of names: weights, all weights of a model, or digits of a hash."""
    chosen = set()
    for name in names:
        is_long = len(name) >= _SHORTEST_HASH
        by_digits = {blob.sha256 for blob in blobs if is_long and blob.sha256.startswith(name)}
        chosen |= by_digits or files.hashes(files.files_of(name))
    return chosen
