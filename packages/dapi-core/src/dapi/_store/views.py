"""Views: directories with the files of a checkpoint under their published names, with folders.

A view consists of links to verified files and nothing else. Writing to its names (as
``save_pretrained`` does) replaces the links; such a view is never returned again.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path, PurePosixPath

from dapi._store import access, folders
from dapi._values import notices
from dapi.exceptions import CacheError, CacheWarning, WeightsDeclarationError

_NAME = re.compile("[0-9a-f]{64}")


def directory(files: Mapping[str, Path], *, of: str) -> Path:
    """Return a directory with the files under their published names.

    A name may lead into folders, as in ``unet/config.json``.

    Raises:
        WeightsDeclarationError: A name is not a valid file name.
        CacheError: The cache cannot be written.
    """
    folders_of = {str(parent) for name in files for parent in PurePosixPath(name).parents}
    for name in files:
        is_odd = any(part in ("", ".", "..") for part in name.split("/"))
        if is_odd or "\\" in name or "\0" in name or name in folders_of:
            raise WeightsDeclarationError(of, f"has a file named {name!r}", "Use another URL.")
    name = _hash(files)
    for root in folders.roots():
        if access.is_closed(root, "views") and _holds(root / "views" / name, files):
            return root / "views" / name
    cause: OSError | None = None
    for place in folders.trusted("views"):
        try:
            return _make(place / name, files)
        except OSError as error:
            cause = error
    reason = "others can write to it" if cause is None else cause.strerror or str(cause)
    raise CacheError(folders.root(), reason=reason) from cause


def _make(view: Path, files: Mapping[str, Path]) -> Path:
    """Make a view under a temporary name, then rename it: no process sees an incomplete one."""
    if _holds(view, files):
        return view
    access.make_folder(view.parent)
    made = view.with_name(f".{view.name}.{os.urandom(4).hex()}")
    made.mkdir(mode=0o755)
    try:
        for name, path in files.items():
            (made / name).parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            try:
                (made / name).symlink_to(path)
            except OSError:  # a system that refuses links
                shutil.copy2(path, made / name)
        if os.path.lexists(view):
            discard(view)
        made.rename(view)
    except OSError:
        shutil.rmtree(made, ignore_errors=True)
        if not _holds(view, files):  # no other process was faster
            raise
    return view


def _holds(view: Path, files: Mapping[str, Path]) -> bool:
    """Return whether a view holds these files, and nothing else."""
    try:
        is_ours = access.is_ours(view.lstat())
        if not is_ours or _entries(view).keys() != files.keys():
            return False
        return all(_leads_to(view / name, path) for name, path in files.items())
    except OSError:
        return False


def _entries(view: Path) -> dict[str, Path]:
    """Return the content of a view by name, including empty directories."""
    found: dict[str, Path] = {}
    for entry in access.files(view):
        inside = _entries(entry)
        found.update({f"{entry.name}/{name}": path for name, path in inside.items()})
        if not inside:
            found[entry.name] = entry
    return found


def _leads_to(entry: Path, path: Path) -> bool:
    try:
        return os.readlink(entry) == str(path)  # noqa: PTH115 - a text
    except OSError:  # a copy, on a system that refuses links
        from filecmp import cmp

        return cmp(entry, path, shallow=False)


def _hash(files: Mapping[str, object]) -> str:
    text = "\n".join(f"{name} {path}" for name, path in sorted(files.items()))
    return sha256(text.encode()).hexdigest()


def damaged() -> Iterator[Path]:
    """Yield the views in which something is not as it was made."""
    for root in folders.roots():
        for view in access.files(root / "views"):
            if _NAME.fullmatch(view.name) and not _is_intact(view):
                yield view


def _is_intact(view: Path) -> bool:
    """Return whether a view matches its name: a hash of its file names and their targets."""
    try:
        if not access.is_ours(view.lstat()):
            return False
        entries = _entries(view)
        if os.name == "nt" and not any(map(Path.is_symlink, entries.values())):
            return True  # copies, not links: they do not say of which blob
        targets = {name: os.readlink(entry) for name, entry in entries.items()}  # noqa: PTH115
    except FileNotFoundError:
        return True  # it was removed meanwhile
    except OSError:  # an entry is not a link
        return False
    return _hash(targets) == view.name  # whether they exist or not: it may have been moved


def discard(view: Path) -> None:
    """Remove a view. Files that others put into it are moved aside, with a warning.

    Raises:
        OSError: The cache cannot be written.
    """
    if view.is_symlink() or not view.is_dir():
        view.unlink()
        return
    for entry in _entries(view).values():
        if entry.is_symlink():
            entry.unlink()
    try:
        for folder, _, _ in os.walk(view, topdown=False):
            os.rmdir(folder)  # noqa: PTH106 - a text
    except OSError:
        aside = view.with_name(f"{view.name}-changed-{os.urandom(4).hex()}")
        view.rename(aside)
        notices.warn(
            f"{view} is a directory of the cache, and files were written to it. They are in "
            f"{aside} now; move them to a directory of your own.",
            CacheWarning,
        )


def lead_to(file: Path) -> bool:
    """Return whether a file has a name in a view of this user's."""
    return any(_of(file))


def set_aside(blob: Path) -> None:
    """Move a damaged file that a view names aside: a user may have saved work there.

    Raises:
        OSError: The cache cannot be written.
    """
    if lead_to(blob):
        aside = blob.parent.with_name("views") / f"{blob.name}-changed-{os.urandom(4).hex()}"
        access.make_folder(aside.parent)
        blob.rename(aside)
        notices.warn(
            f"{blob} is a file of the cache, but was modified. The modified file was moved to "
            f"{aside}; move it to a directory of your own.",
            CacheWarning,
        )


def remove_of(blob: Path) -> None:
    """Remove the views that lead to a blob.

    Raises:
        OSError: The cache cannot be written.
    """
    for view in list(_of(blob)):
        with suppress(FileNotFoundError):
            discard(view)


def sweep() -> Iterator[Path]:
    """Remove the views of files that no longer exist, and yield their paths."""
    for view in _existing():
        if not all(map(Path.exists, _entries(view).values())):
            discard(view)
            yield view


def _of(file: Path) -> Iterator[Path]:
    for view in _existing():
        with suppress(FileNotFoundError):
            if file in map(_target, _entries(view).values()):
                yield view


def _existing() -> Iterator[Path]:
    """Yield the views of this user."""
    for place in folders.trusted("views"):
        yield from (view for view in access.files(place) if _NAME.fullmatch(view.name))


def _target(entry: Path) -> Path | None:
    return Path(os.readlink(entry)) if entry.is_symlink() else None  # noqa: PTH115 - a text
