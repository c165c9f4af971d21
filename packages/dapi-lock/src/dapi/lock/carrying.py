"""``dapi sign``, ``bundle`` and ``unbundle``: a lock, and its files, for other machines."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import dapi
from dapi.catalog import counted
from dapi.lock import _files, _signing
from dapi.lock._terminal import amount, put_json, say
from dapi.lock.commands import add_json, default, listing_all, parser_of
from dapi.lock.exceptions import LockError

if TYPE_CHECKING:
    from dapi.lock import _bundling


def sign(words: Sequence[str]) -> int:
    """Run ``dapi sign``."""
    from dapi.lock import _keys

    text = "Sign a lock, and so the hashes of its files, in OpenSSF's format for model signing."
    parser = parser_of("sign", text, "dapi sign --key release.pem")
    add_json(parser)
    text = "the lock file (default: DAPI_LOCK, or dapi.lock)"
    parser.add_argument("lock", nargs="?", type=Path, default=default(), metavar="LOCK", help=text)
    text = "the private key: PEM, of the curves P-256, P-384 or P-521"
    parser.add_argument("--key", required=True, type=Path, metavar="FILE", help=text)
    options = parser.parse_args(words)
    key = _keys.private(options.key)
    covered = len(_signing.sign(options.lock, key)) - 1
    where, by = _signing.beside(options.lock), key.public.fingerprint
    if options.json:
        put_json({"lock": str(options.lock), "signature": str(where), "files": covered, "key": by})
        return 0
    say(f"{where}: the lock and {counted(covered, 'file')}, signed with the key {by[:16]}.")
    return 0


@listing_all
def bundle(words: Sequence[str]) -> int:
    """Run ``dapi bundle``."""
    from dapi.lock import _bundling

    parser = parser_of(
        "bundle",
        "Pack a lock and its files for a machine without a network.",
        "dapi bundle -o models.tar",
        "dapi bundle --format oci -o models --tag 1.0",
        "dapi bundle -o - | ssh host dapi unbundle -",
    )
    add_json(parser)
    text = "the lock file (default: DAPI_LOCK, or dapi.lock)"
    parser.add_argument("lock", nargs="?", type=Path, default=default(), metavar="LOCK", help=text)
    text = "the tar or the directory to write; - for standard output"
    parser.add_argument("-o", "--output", required=True, metavar="PATH", help=text)
    text = "one tar (the default), or a directory with an OCI image layout"
    parser.add_argument("--format", choices=("tar", "oci"), default="tar", help=text)
    text = "the tag of the model in an OCI image layout (default: latest)"
    parser.add_argument("--tag", default="latest", help=text)
    options = parser.parse_args(words)
    if options.format == "oci" and options.output == "-":
        parser.error("--format oci writes a directory: name one as --output")
    if options.json and options.output == "-":
        parser.error("--json prints to standard output: name a file as --output")
    with dapi.use_lock(None):
        document = _signing.read(options.lock)
        size = _write_bundle(document, options)
    locked = document.lock
    files = len(_bundling.carried(locked))
    packaged = sorted({w.distribution or w.name for w, f in locked.files() if f.is_packaged})
    if options.json:
        put_json({"bundle": options.output, "files": files, "bytes": size, "elsewhere": packaged})
        return 0
    text = f"{options.output}: {counted(files, 'file')}, {amount(size)}."
    if packaged:
        text += f" More files are part of: {', '.join(packaged)}."
    say(text)
    return 0


def _write_bundle(document: _signing.Document, options: argparse.Namespace) -> int:
    """Write a bundle, and return how many bytes its files have."""
    from dapi.lock import _bundling, _layout

    progress = not options.quiet
    if options.format == "oci":
        return _layout.write(document, Path(options.output), tag=options.tag, progress=progress)
    members = _bundling.plan(document)
    if options.output == "-":
        _bundling.write_to(members, sys.stdout.buffer, progress=progress)
    else:
        _bundling.write(members, Path(options.output), progress=progress)
    return sum(member.size for member in members)


@listing_all
def unbundle(words: Sequence[str]) -> int:
    """Run ``dapi unbundle``."""
    parser = parser_of(
        "unbundle",
        "Verify the files of a bundle, and copy them into the cache.",
        "dapi unbundle models.tar",
        "dapi unbundle models.tar --lock dapi.lock",
    )
    add_json(parser)
    text = "the tar, or the directory of an OCI image layout; - for a tar from standard input"
    parser.add_argument("bundle", metavar="PATH", help=text)
    text = "refuse a bundle of any other lock than this one"
    parser.add_argument("--lock", type=Path, metavar="FILE", help=text)
    text = "write the lock of the bundle to this file, after all files are in the cache"
    parser.add_argument("--write-lock", type=Path, metavar="FILE", help=text)
    options = parser.parse_args(words)
    with dapi.use_lock(None):
        found = _unpack(options)
    document = found.document
    if options.write_lock:
        _files.replace(options.write_lock, document.content)
        if document.signature is not None:
            _files.replace(_signing.beside(options.write_lock), document.signature)
    if options.json:
        put_json({"added": found.added, "present": found.present})
        return 0
    present = counted(found.present, "was", "were")
    say(f"{counted(found.added, 'file')} added; {present} in the cache already.")
    return 0


def _unpack(options: argparse.Namespace) -> _bundling.Unpacked:
    from dapi.lock import _bundling, _layout_reading

    path, progress = options.bundle, not options.quiet
    admit = _signing.admission(path, options.lock)
    if path == "-":
        source = sys.stdin.buffer
        return _bundling.unpack(source, "standard input", admit=admit, progress=progress)
    if Path(path).is_dir():
        return _layout_reading.unpack(Path(path), admit=admit, progress=progress)
    try:
        stream = Path(path).open("rb")  # noqa: SIM115 - closed below
    except OSError as cause:
        reason = f"it cannot be read ({cause.strerror})"
        raise LockError(path, reason, "Name a file of dapi bundle.") from cause
    with stream:
        return _bundling.unpack(stream, path, admit=admit, progress=progress)
