"""``dapi lock``, ``sync``, ``audit``, and ``dapi verify --lock``."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from shlex import quote
from shutil import get_terminal_size
from textwrap import fill
from typing import TYPE_CHECKING, Any

import dapi
from dapi.catalog import counted
from dapi.lock import _files, _hashing, _project, _signing, _syncing
from dapi.lock._reading import read, read_to_replace
from dapi.lock._terminal import amount, put, put_json, put_table, say
from dapi.lock.document import Lock, check, render
from dapi.lock.exceptions import (
    ListedError,
    LockError,
    MissingLockError,
    SyncError,
    UnhashedError,
    UnlockableError,
)
from dapi.lock.policy import Policy
from dapi.lock.requirement import Requirement

if TYPE_CHECKING:
    from dapi.lock.changes import Change

# Each command imports what it alone needs: one that checks a lock takes a few milliseconds.

# As in dapi-core: after an error, or when a check found a problem.
FAILED = 1

_MORE = "More: docs/lock.md and docs/fleet.md\nExit statuses and JSON: docs/command-line.md"

# The options that select files of a source.
_PATTERNS = ("include", "exclude")

Command = Callable[[Sequence[str]], int]


def listing_all(command: Command) -> Command:
    """Let a command print an error of many items, one per line."""

    @wraps(command)
    def run(words: Sequence[str]) -> int:
        try:
            return command(words)
        except ListedError as error:
            if "--json" in words:  # the message of an error has some of them
                raise
            for item in error.items:
                say(item)
            say(f"{error.summary} {error.remedy}")
            return FAILED

    return run


@listing_all
def lock(words: Sequence[str]) -> int:
    """Run ``dapi lock``."""
    parser = parser_of(
        "lock",
        "Write dapi.lock: the weights that a project uses, file by file.",
        "dapi lock resnet50 bert_base",
        "dapi lock hf:openai/clip-vit-base-patch32@main \\\n      --include '*.safetensors'",
        "dapi lock --upgrade resnet50",
        "dapi lock --check",
    )
    text = "models, weights or sources to add: hf:owner/name@revision, a URL, ./path"
    parser.add_argument("names", nargs="*", metavar="name", help=text)
    text = "lock only the matching files of a source (may be given several times)"
    parser.add_argument("--include", action="append", default=[], metavar="PATTERN", help=text)
    text = "exclude the matching files of a source"
    parser.add_argument("--exclude", action="append", default=[], metavar="PATTERN", help=text)
    text = "the source's name in the lock (default: owner/name, or its file's name)"
    parser.add_argument("--as", dest="alias", default="", metavar="NAME", help=text)
    text = "remove NAME from the lock and from pyproject.toml"
    parser.add_argument("--remove", action="append", default=[], metavar="NAME", help=text)
    text = "choose the latest of NAME again, and compute unpublished hashes again"
    parser.add_argument("--upgrade", action="append", default=[], metavar="NAME", help=text)
    parser.add_argument(
        "--upgrade-all", action="store_true", help="choose and compute again for all names"
    )
    text = "run the models and record their answers, for dapi check --lock"
    parser.add_argument("--answers", action="store_true", help=text)
    text = "fail rather than download a file to compute its hash"
    parser.add_argument("--no-fetch", action="store_true", help=text)
    text = "write nothing; exit 1 if the lock is stale"
    parser.add_argument("--check", action="store_true", help=text)
    text = "write nothing; print how two locks differ"
    parser.add_argument("--diff", nargs=2, type=Path, metavar=("A", "B"), help=text)
    _add_lock(parser)
    options = parser.parse_args(words)
    if options.check and (options.names or options.remove):
        parser.error("--check takes no names: it compares the lock with pyproject.toml")
    added = _requirements(parser, options)
    with dapi.use_lock(None):
        if options.diff:
            from dapi.lock.changes import compare

            return _show(options, compare(read(options.diff[0]), read(options.diff[1])))
        return _check(options) if options.check else _lock(options, added)


def _requirements(
    parser: argparse.ArgumentParser, options: argparse.Namespace
) -> list[Requirement]:
    """Return the requirements on the command line; patterns apply to its sources."""
    facts: dict[str, Any] = {key: tuple(sorted(getattr(options, key))) for key in _PATTERNS}
    facts.update({"name": options.alias} if options.alias else {})
    added = [Requirement.parse(name) for name in options.names]
    sources = [each for each in added if each.is_source]
    if any(facts.values()) and not sources:
        parser.error("--include, --exclude and --as are for sources, as in hf:owner/name@revision")
    if options.alias and len(sources) > 1:
        parser.error("--as names one source")
    return [each._replace(**facts) if each.is_source else each for each in added]


def _lock(options: argparse.Namespace, added: list[Requirement]) -> int:
    from dapi.lock import _answering
    from dapi.lock.changes import compare

    old, project, requirements, new = _resolve(options, added)
    if project.weights is not None and {*project.weights} != {*requirements}:
        _project.write_weights(project, requirements)
        say(f"[tool.dapi] weights in {project.path} were updated to match the lock.")
    if options.answers:
        missing = _syncing.missing(new)
        _syncing.fetch(missing, options.lock.parent, progress=not options.quiet)
        new = _answering.record(new)
    text = render(new)
    if not options.lock.is_file() or options.lock.read_text(encoding="utf-8") != text:
        _files.replace(options.lock, text)
        if _signing.beside(options.lock).exists():
            say(f"Its signature no longer matches. To sign it: dapi sign {options.lock} --key KEY")
    _show(options, compare(old or Lock(), new))
    files = [file for _, file in new.files()]
    size = amount(sum(file.size for file in files))
    if not options.quiet:
        entries = counted(len(new.weights), "entry", "entries")
        say(f"{options.lock}: {entries}, {counted(len(files), 'file')}, {size}.")
    return 0


def _resolve(
    options: argparse.Namespace, added: Sequence[Requirement] = ()
) -> tuple[Lock | None, _project.Project, list[Requirement], Lock]:
    """Read the existing lock, and resolve the current requirements."""
    from dapi.lock import _resolving

    reader = read if options.check else read_to_replace
    old = reader(options.lock) if options.lock.is_file() else None
    project = _project.beside(options.lock)
    so_far = (old.requirements if old else ()) if project.weights is None else project.weights
    required = {each.text: each for each in (*so_far, *added)}
    known = {name for each in required.values() for name in (each.text, each.name) if name}
    known |= {weights.name for weights in old.weights} if old else set()
    strange = [name for name in (*options.upgrade, *options.remove) if name not in known]
    if strange:
        reason = f"It is not locked. Locked names: {', '.join(sorted(required)) or 'none'}."
        raise UnlockableError(dict.fromkeys(strange, reason))
    removed = {*options.remove}
    for weights in old.weights if old else ():  # their name stands for what requested them
        removed.update(weights.requested if weights.name in removed else ())
    requires = [each for each in required.values() if not {each.text, each.name} & removed]
    if not requires and not options.remove:
        remedy = 'Name weights: dapi lock NAME ..., or write [tool.dapi] weights = ["NAME"].'
        raise LockError(project.path, "it names no weights to lock", remedy)
    measure: _hashing.Measure | None = None
    if options.no_fetch:
        measure = _hashing.hash_cached
    elif not options.check:
        measure = _fetch_and_hash(progress=not options.quiet)
    policy = project.policy or (old.policy if old and project.weights is None else Policy())
    upgrade = known if options.upgrade_all else options.upgrade
    new = _resolving.resolve(
        requires, policy, folder=options.lock.parent, known=old, upgrade=upgrade, measure=measure
    )
    return old, project, requires, new


def _fetch_and_hash(*, progress: bool) -> _hashing.Measure:
    return lambda files: _hashing.fetch_and_hash(files, progress=progress)


def _check(options: argparse.Namespace) -> int:
    from dapi.lock.changes import compare, is_stale

    if not options.lock.is_file():
        raise MissingLockError(options.lock)
    try:
        old, _, _, new = _resolve(options)
    except UnhashedError as error:
        say(f"{options.lock} is stale: it has no hash for {', '.join(error.files)}.")
        return FAILED
    changes = compare(old or Lock(), new)
    _show(options, changes)
    if not is_stale(changes):
        say(f"{options.lock} is up to date.")
        return 0
    say(f"{options.lock} is stale. To update it: dapi lock")
    return FAILED


def _show(options: argparse.Namespace, changes: list[Change]) -> int:
    if options.json:
        put_json([change._asdict() for change in changes])
    else:
        for change in changes:
            put(str(change))
    return 0


@listing_all
def sync(words: Sequence[str]) -> int:
    """Run ``dapi sync``."""
    text = "Download every file that the lock names and the cache lacks."
    parser = parser_of("sync", text, "dapi sync", "dapi sync --frozen --prune")
    parser.add_argument(
        "--offline", action="store_true", help="list the missing files; use no network"
    )
    text = "use the lock as it is, whatever pyproject.toml says"
    parser.add_argument("--frozen", action="store_true", help=text)
    parser.add_argument(
        "--dry-run", action="store_true", help="list the changes without making them"
    )
    text = "remove every file from the cache that the lock does not name"
    parser.add_argument("--prune", action="store_true", help=text)
    _add_lock(parser)
    options = parser.parse_args(words)
    with dapi.use_lock(None):
        return _sync(options)


def _sync(options: argparse.Namespace) -> int:
    document = _signing.read(options.lock)
    locked = document.lock
    if not options.frozen:
        _project.check_fresh(_project.beside(options.lock), locked, options.lock)
    _signing.require(document, options.lock)
    check(locked.policy, locked)
    _tell_versions(locked)
    missing = _syncing.missing(locked)
    rows = [
        {
            "action": "download",
            "file": each.file.name,
            "bytes": each.file.size,
            "weights": each.weights.name,
        }
        for each in missing
    ]
    if options.offline and missing:
        failures = dict.fromkeys(map(str, missing), _syncing.ABSENT)
        raise SyncError(failures, remedy=_syncing.ONLINE)
    if not options.dry_run:
        _syncing.fetch(missing, options.lock.parent, progress=not options.quiet)
    if options.prune:
        rows += [_prune(blob, dry_run=options.dry_run) for blob in _syncing.prunable(locked)]
    if options.json:
        put_json(rows)
    else:
        put_table(rows)
    if not options.quiet and not options.dry_run:
        say(f"{counted(len([*locked.files()]), 'file')} of {options.lock} are in the cache.")
    return 0


def _prune(blob: Any, *, dry_run: bool) -> dict[str, Any]:
    if not dry_run:
        dapi.cache.remove(blob.sha256)
    name = f"{blob.url.rpartition('/')[2]} ({blob.sha256[:8]})"
    return {"action": "remove", "file": name, "bytes": blob.size, "weights": blob.wanted}


def _tell_versions(locked: Lock) -> None:
    """Print which distributions have another version than in the lock."""
    there = {plugin.name: plugin.version for plugin in dapi.catalog.plugins()}
    published = [each for each in locked.weights if not each.is_source]
    for name, known in sorted({(each.distribution, each.version) for each in published}):
        installed = there.get(name, known)  # files are downloaded without it
        if installed != known:
            say(
                f"{name} {installed} is installed, and {known} was locked; the files are identical."
            )


def verify(path: str, *, repair: bool, as_json: bool, signed_by: Sequence[str] = ()) -> int:
    """Run ``dapi verify --lock``; ``path`` is empty for the usual lock.

    The signature is verified with the keys of ``--signed-by``, or those of ``DAPI_SIGNED_BY``.
    """
    from dapi.lock import _keys, _verifying

    chosen = Path(path or default())
    document, keys = _signing.read(chosen), _keys.trusted(signed_by)
    locked, signature = document.lock, _signing.report(document, chosen, keys)
    is_signed = signature["state"] == "valid" or not (keys or locked.policy.require_signature)
    with dapi.use_lock(None):
        rows = _verifying.verify(locked, repair=repair)
    if as_json:
        report = _verifying.report(chosen, rows, signature, is_signed=is_signed)
        put_json(report)
        return 0 if report["result"] == "intact" else FAILED
    if keys or not is_signed:
        reason = f": {signature['reason']}" if signature["reason"] else ""
        say(f"The signature of {chosen} is {signature['state']}{reason}.")
    put_table([row for row in rows if row["state"] != "intact"])
    states = [str(row["state"]) for row in rows]
    told = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    say(f"{chosen}: {told or 'no files'}.")
    where = "" if chosen == default() else quote(str(chosen))
    of = where and f" --lock {where}"
    remedies = {
        "damaged": f"To remove damaged files: dapi verify --lock {where}".rstrip() + " --repair",
        "missing": f"To download missing files: dapi sync{of}",
        "foreign": f"To remove foreign files: dapi sync{of} --prune",
    }
    for state in remedies:
        if state in states:
            say(remedies[state])
    return 0 if is_signed and _verifying.is_intact(rows) else FAILED


@listing_all
def audit(words: Sequence[str]) -> int:
    """Run ``dapi audit``."""
    from dapi.lock import _auditing, _keys

    text = "Report licenses, hashes, lifecycle and signature of the locked weights."
    parser = parser_of("audit", text, "dapi audit", "dapi audit --json")
    _add_lock(parser)
    options = parser.parse_args(words)
    with dapi.use_lock(None):
        document, project = _signing.read(options.lock), _project.beside(options.lock)
        keys = _keys.trusted()
        signature = _signing.report(document, options.lock, keys)
        policy = project.policy or document.lock.policy
        if keys:  # the machine requires a signature, whatever the policy says
            policy = policy._replace(require_signature=True)
        rows = _auditing.audit(document.lock, policy, signature=str(signature["state"]))
    found = [text for row in rows for text in row["violations"]]
    if options.json:
        put_json(rows)
    else:
        shown = [{**row, "violations": len(row["violations"]) or ""} for row in rows]
        put_table(shown)
    for text in found:
        say(f"Not allowed: {text}.")
    return FAILED if found else 0


def parser_of(name: str, text: str, *examples: str) -> argparse.ArgumentParser:
    """Return the parser of a command, with the common options; its help ends in examples."""
    lines = "".join(f"  {line}\n" for line in examples)
    parser = argparse.ArgumentParser(
        prog=f"dapi {name}",
        description=fill(text, get_terminal_size().columns - 2),
        epilog=f"examples:\n{lines}\n{_MORE}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    return parser


def _add_lock(parser: argparse.ArgumentParser) -> None:
    text = "the lock file (default: DAPI_LOCK, or dapi.lock)"
    parser.add_argument("--lock", type=Path, default=default(), metavar="FILE", help=text)
    add_json(parser)


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add ``--json``."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def default() -> Path:
    """Return the default lock."""
    return Path(os.environ.get("DAPI_LOCK") or "dapi.lock")
