"""Repositories of the Hugging Face Hub, as the entries name the files in them."""

from __future__ import annotations

from typing import NamedTuple

from dapi import File

# Texts of ``hash_source`` for parts without a hash.
ON_TRUST = "not published: trusted on first use"
UNPINNED = "the revision is not pinned (main)"
TOKENIZER_ON_TRUST = "the tokenizer: not published, trusted on first use"


def pinned_by(count: int) -> str:
    """Return a text that counts the projects that pin a file of this revision with one hash."""
    return f"pinned alike by {count} independent public projects, at this revision"


class Repository(NamedTuple):
    """A repository at one revision.

    Attributes:
        name: ``owner/name``.
        revision: The commit; ``main`` (which may change) if unknown.
    """

    name: str
    revision: str = "main"

    def file(
        self,
        path: str,
        sha256: str | None = None,
        size: int | None = None,
        mirrors: tuple[str, ...] = (),
    ) -> File:
        """Return a file of the repository; all but ``path`` as in ``File``."""
        url = f"https://huggingface.co/{self.name}/resolve/{self.revision}/{path}"
        return File(url, sha256, size, mirrors)


def license_source(file: File) -> dict[str, str]:
    """Return the page that states the license of a repository's file: its model card."""
    repository, resolve, path = file.url.partition("/resolve/")
    revision = path.partition("/")[0]
    return {"license_source": f"{repository}/blob/{revision}/README.md"} if resolve else {}
