"""The lock as a value: weights, their files, and how they are written as TOML."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Any, NamedTuple

from dapi import File, catalog
from dapi.lock.exceptions import PolicyError
from dapi.lock.policy import Facts, Policy, violations
from dapi.lock.requirement import Requirement

VERSION = "1.0"
HEADER = " Written by dapi lock. Commit it; change it with that command, not by hand."

# The replacement of a query that may contain a signature or a token.
HIDDEN = "?***"

# The prefix of a local file's URL; its path is relative to the lock's directory.
LOCAL = "local:"


class LockedFile(NamedTuple):
    """One file of locked weights.

    Attributes:
        name: Its name for people, never a local path; in a repository, its path there.
        sha256: All 64 digits.
        size: In bytes.
        urls: Its URL, then its mirrors; without passwords, and ``?***`` for a query.
        asset: Its name in the weights' assets, as in ``tokenizer`` or ``vocoder.vocab``; empty for
            the weights' own files.
        weights: The name of the other weights that it belongs to, such as a vocoder's; empty if it
            is one of these weights', or if those have no name.
        license: The license of those other weights; empty if it is one of these weights'.
        is_published: Whether its publisher declares the hash; else it was computed once, when the
            file was locked.
        url_sha256: The hash of the URL with its query, which ``urls`` omits; it distinguishes two
            files of the same path.
        prefix: As in ``dapi.File``: added to each key of the checkpoint.
    """

    name: str
    sha256: str
    size: int
    urls: tuple[str, ...]
    asset: str = ""
    weights: str = ""
    license: str = ""
    is_published: bool = True
    url_sha256: str = ""
    prefix: str = ""

    @property
    def is_packaged(self) -> bool:
        """Whether it is part of an installed distribution, and is never downloaded."""
        return self.urls[0].startswith("package:")

    @property
    def key(self) -> str:
        """The ``url_key`` of the URL that it was locked from."""
        return self.urls[0] + self.url_sha256

    @property
    def file(self) -> File:
        """The file to download, with the URLs of the lock."""
        return File(self.urls[0], self.sha256, self.size, self.urls[1:], self.prefix)

    @property
    def place(self) -> str:
        """Its path in a directory with all files of its weights."""
        return f"{self.asset}/{self.prefix}{self.name}".strip("/")


class LockedWeights(NamedTuple):
    """One set of locked weights, or a source of files not published for dapi.

    A source has no builder and no distribution.

    Attributes:
        name: ``distribution/builder:member``, of the distribution that offers the weights; for a
            source, its name in the project, as in ``owner/name``.
        requested: The requested name, as in ``resnet50``, or the source.
        builder: ``distribution/builder``.
        builder_version: The version of the builder's distribution.
        distribution: The distribution that offers the weights.
        version: Its version.
        license: The license of the entry or the repository: an SPDX expression or "unknown".
        state: ``active``, ``deprecated`` or ``withdrawn``, at the time of locking.
        files: All files that they need, including those of other weights that they use.
        revision: The commit of a repository.
        include: The patterns that selected the files of a source.
        exclude: The patterns of the excluded files.
        answers: The model's answers at the time of locking, in the format of ``dapi.answers``;
            empty if not recorded.
    """

    name: str
    requested: tuple[str, ...]
    builder: str
    builder_version: str
    distribution: str
    version: str
    license: str
    state: str
    files: tuple[LockedFile, ...]
    revision: str = ""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    answers: str = ""

    @property
    def is_source(self) -> bool:
        """Whether these are files not published for dapi."""
        return not self.builder

    @property
    def own_license(self) -> str:
        """The license that the project stated for a source; empty if a repository states it."""
        return "" if self.revision or self.license == "unknown" else self.license

    @property
    def facts(self) -> Facts:
        """The facts for a policy."""
        licenses = {"": self.license}
        licenses.update((file.asset, file.license) for file in self.files if file.license)
        unhashed = tuple(file.name for file in self.files if not file.is_published)
        return Facts(self.name, licenses, self.state, unhashed)


class Lock(NamedTuple):
    """The content of a lock file.

    Attributes:
        requires: The requested names and sources.
        weights: By name.
        policy: The policy under which they were locked; it applies wherever the lock is used.
    """

    requires: tuple[str, ...] = ()
    weights: tuple[LockedWeights, ...] = ()
    policy: Policy = Policy()

    @property
    def requirements(self) -> list[Requirement]:
        """The requirements, with the names and patterns of sources."""
        sources = {each.requested[0]: each for each in self.weights if each.is_source}
        return [
            Requirement(text, found.name, found.own_license, found.include, found.exclude)
            if (found := sources.get(text))
            else Requirement(text)
            for text in self.requires
        ]

    def files(self) -> Iterator[tuple[LockedWeights, LockedFile]]:
        """Yield every file once, with the first weights that need it."""
        seen = set()
        for weights in self.weights:
            for file in weights.files:
                if file.sha256 not in seen:
                    seen.add(file.sha256)
                    yield weights, file


def check(policy: Policy, lock: Lock) -> None:
    """Refuse a lock that a policy does not allow.

    Raises:
        PolicyError: It does not.
    """
    found = [text for weights in lock.weights for text in violations(policy, weights.facts)]
    if found:
        raise PolicyError(found)


def url_sha256(url: str) -> str:
    """Return the hash of a URL without its password; empty if it has no query."""
    if not catalog.redacted(url).endswith(HIDDEN):
        return ""
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return sha256(f"{scheme}://{host.rpartition('@')[2]}{slash}{path}".encode()).hexdigest()


def url_key(url: str) -> str:
    """Return what identifies the URL of a file: without passwords, and equal for equal queries."""
    return catalog.redacted(url) + url_sha256(url)


def order(file: LockedFile) -> tuple[str, ...]:
    """Return the sort key of the files of weights."""
    return file.asset, file.prefix, file.name, file.sha256, *file.urls


def render(lock: Lock) -> str:
    """Return a lock as TOML: sorted, one table for each set of weights and for each file.

    Answers are long, and are last: people read the first part.
    """
    import tomlkit  # only needed for writing

    document = tomlkit.document()
    document.add(tomlkit.comment(HEADER.strip()))
    document["lock-version"] = VERSION
    document["created-by"] = "dapi-lock"
    document["requires"] = _lines(lock.requires)
    if lock.policy != Policy():
        document["policy"] = tomlkit.table()
        for key, value in lock.policy.as_table().items():
            document["policy"][key] = _lines(value) if isinstance(value, list) else value
    tables = tomlkit.aot()
    for weights in sorted(lock.weights):
        tables.append(_weights(weights))
    if lock.weights:
        document["weights"] = tables
    answers = {each.name: each.answers for each in sorted(lock.weights) if each.answers}
    if answers:
        document["answers"] = tomlkit.table()
        for name, text in answers.items():
            is_plain = "'" not in text and text.isprintable()
            document["answers"][name] = tomlkit.string(text, literal=is_plain)
    return tomlkit.dumps(document)


def _weights(weights: LockedWeights) -> Any:
    import tomlkit

    table = tomlkit.table()
    table["name"] = weights.name
    table["requested"] = _lines(weights.requested)
    if weights.is_source:
        for key in ("include", "exclude"):
            if getattr(weights, key):
                table[key] = _lines(getattr(weights, key))
        if weights.revision:
            table["revision"] = weights.revision
    else:
        table["builder"] = _inline(name=weights.builder, version=weights.builder_version)
        table["distribution"] = _inline(name=weights.distribution, version=weights.version)
    table["license"] = weights.license
    if weights.state != "active":
        table["status"] = weights.state
    files = tomlkit.aot()
    for file in sorted(weights.files, key=order):
        files.append(_file(file))
    table["files"] = files
    return table


def _file(file: LockedFile) -> Any:
    import tomlkit

    table = tomlkit.table()
    table["name"] = file.name
    if file.asset:
        table["asset"] = file.asset
    if file.prefix:
        table["prefix"] = file.prefix
    if file.weights:
        table["weights"] = file.weights
    if file.license:
        table["license"] = file.license
    table["sha256"] = file.sha256
    if not file.is_published:
        table["hash-source"] = "fetched"
    table["size"] = file.size
    table["urls"] = _lines(file.urls)
    if file.url_sha256:
        table["url-sha256"] = file.url_sha256
    return table


def _lines(values: Any) -> Any:
    """Write a list with one value per line, so that two changes merge."""
    import tomlkit

    array = tomlkit.array()
    array.extend(values)
    return array.multiline(bool(values))


def _inline(**values: str) -> Any:
    import tomlkit

    table = tomlkit.inline_table()
    table.update(values)
    return table
