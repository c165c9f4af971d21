"""WeightEntry: the description of one set of weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from dapi._text.urls import redact
from dapi._values.file import File
from dapi._values.frozen import FrozenDict, freeze
from dapi._values.public import public
from dapi._values.record import Record
from dapi._weights import licenses
from dapi._weights.build import Build, wrong_type
from dapi._weights.lazy import Lazy
from dapi.exceptions import NoWeightsError, WeightsDeclarationError, excerpt

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from dapi._weights.enum import Weights


# Width of a value in the repr of an entry.
_WIDTH = 80


@public
class Undeclared(Record):
    """Placeholder of a factory that an entry lacks: false, and calling it raises NoWeightsError."""

    what: str

    def __bool__(self) -> bool:
        return False

    def __call__(self, **overrides: Any) -> NoReturn:
        """Raise NoWeightsError: there is nothing to call."""
        raise NoWeightsError(
            f"The entry declares no {self.what}",
            f"Pass them to the constructor: WeightEntry(..., {self.what}=...).",
        )


@public
class Status(Record):
    """Whether weights should still be used.

    Attributes:
        state: ``active``; ``deprecated`` warns when loaded; ``withdrawn`` refuses to load.
        replacement: The name of the weights to use instead, as in ``"resnet50:ImageNet1K_RefV2"``.
        reason: The reason, in a sentence.
    """

    state: Literal["active", "deprecated", "withdrawn"] = "active"
    replacement: str | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        if self.state not in ("active", "deprecated", "withdrawn"):
            raise WeightsDeclarationError(
                f"Status({self.state!r})",
                "is not a valid state",
                "Write active, deprecated or withdrawn.",
            )


@public
class WeightEntry(Record):
    """One set of weights: its file, its transforms, its metadata, and how to build the model.

    Usually a member of a ``Weights`` enum; builders also accept an entry, for unpublished weights.
    Immutable; compares, hashes, pickles and copies by value. Making one touches neither the network
    nor the disk.

    Attributes:
        url: The URL of the file (see ``File.url``), or the ``File`` objects of a checkpoint in
            several parts.
        transforms: Factory of the preprocessing that these weights need; ``transforms()`` makes it.
            If omitted, calling it raises NoWeightsError.
        meta: Their metadata; read-only. ``dapi.Meta`` lists the usual keys, and those that
            published entries must have.
        latest: Whether no other weights of the same builder and dataset are newer.
        sha256: As in ``File``.
        size: As in ``File``.
        mirrors: As in ``File``.
        assets: More files that these weights need, or other weights (a vocoder), by name.
        postprocess: Factory of the function that turns the model's output into readable results. If
            omitted, calling it raises NoWeightsError.
        build: How a builder must build the model.
        status: Whether they should still be used.

    Raises:
        WeightsDeclarationError: The fields contradict each other.

    Example:
        >>> entry = WeightEntry("https://example.org/net-0676ba61.pth", sha256="0676ba61")
        >>> entry.files[0].name
        'net-0676ba61.pth'
    """

    url: str | tuple[File, ...]
    transforms: Callable[..., Callable[..., Any]] = Undeclared("transforms")
    meta: Mapping[str, Any] = FrozenDict()
    latest: bool = False
    sha256: str | None = None
    size: int | None = None
    mirrors: tuple[str, ...] = ()
    assets: Mapping[str, File | WeightEntry | Weights] = FrozenDict()
    postprocess: Callable[..., Callable[..., Any]] = Undeclared("postprocess")
    build: Build = Build()
    status: Status = Status()

    def __post_init__(self) -> None:
        if isinstance(self.url, File | list):
            parts = (self.url,) if isinstance(self.url, File) else tuple(self.url)
            object.__setattr__(self, "url", parts)
        self._check_types()
        object.__setattr__(self, "meta", frozen_meta("WeightEntry", self.meta))
        object.__setattr__(self, "assets", freeze(self.assets))
        for name in ("transforms", "postprocess"):
            object.__setattr__(self, name, self._bind(getattr(self, name)))
        if isinstance(self.url, str):
            file = File(self.url, self.sha256, self.size, self.mirrors)
            object.__setattr__(self, "_files", (file,))
            object.__setattr__(self, "mirrors", file.mirrors)
        elif self.sha256 or self.size or self.mirrors or not self.url:
            raise WeightsDeclarationError(
                "A WeightEntry of several files",
                "has a sha256, size or mirrors of its own, or no file",
                "Pass them to each File.",
            )
        else:
            object.__setattr__(self, "_files", self.url)

    @property
    def files(self) -> tuple[File, ...]:
        """The files of the weights, derived from the fields."""
        files: tuple[File, ...] = vars(self)["_files"]
        return files

    def __hash__(self) -> int:
        return hash(self.url)  # equal entries have equal URLs; anything else is slower

    def _check_types(self) -> None:
        expected = {
            "url": isinstance(self.url, str)
            or (isinstance(self.url, tuple) and all(isinstance(part, File) for part in self.url)),
            "transforms": callable(self.transforms),
            "postprocess": callable(self.postprocess),
            "meta": isinstance(self.meta, Mapping),
            "latest": isinstance(self.latest, bool),
            "assets": isinstance(self.assets, Mapping)
            and not any(isinstance(asset, str) for asset in self.assets.values()),
            "build": isinstance(self.build, Build),
            "status": isinstance(self.status, Status),
        }
        for name, is_right in expected.items():
            if not is_right:
                expected_type = type(self).__annotations__[name]  # a string: they are postponed
                raise wrong_type(f"WeightEntry({name}", getattr(self, name), expected_type)

    def _bind(self, factory: Callable[..., Any]) -> Callable[..., Any]:
        try:
            return factory.bind(self.assets) if isinstance(factory, Lazy) else factory
        except KeyError as cause:
            raise WeightsDeclarationError(
                repr(factory),
                f"names the asset {cause}, which the entry does not have",
                f"Its assets are: {', '.join(self.assets) or 'none'}.",
            ) from None

    def fetch(self, *, progress: bool = True, directory: bool = False) -> Path:
        """Return a local path of the verified weights; see ``Weights.fetch``."""
        return fetch(self, progress=progress, directory=directory)

    def state_dict(self, *, progress: bool = True) -> dict[str, Tensor]:
        """Return the tensors of the weights by key; see ``Weights.state_dict``."""
        return state_dict(self, progress=progress)

    def __str__(self) -> str:
        return redact(f"WeightEntry({self.files[0].url!r})")

    def __repr__(self) -> str:
        """Return the fields that are not the default, one per line, shortened."""
        lines = []
        for name in self.__match_args__[1:]:
            if getattr(self, name) != self._defaults[name]:
                text = redact(repr(getattr(self, name)))
                short = text if len(text) <= _WIDTH else f"{text[: _WIDTH - 4]}...{text[-1]}"
                lines.append(f"    {name}={short},")
        if not lines:
            return redact(f"WeightEntry(url={self.url!r})")
        return "\n".join(["WeightEntry(", redact(f"    url={self.url!r},"), *lines, ")"])

    def _repr_html_(self) -> str:
        from dapi._weights import cards

        return cards.of_entry(self, str(self))

    @classmethod
    def from_file(cls, path: str | Path, **fields: Any) -> WeightEntry:
        """Return an entry for a local checkpoint, which any builder can load.

        Reads the file once to hash it: loading it, and later processes, hash it again only after it
        changed.

        Args:
            path: A safetensors file, or one of ``torch.save``, with any suffix; or the index of a
                checkpoint in several files (``model.safetensors.index.json``), or its directory.
            **fields: More attributes of the entry, such as ``transforms`` or ``meta``.

        Raises:
            MissingFileError: There is no such file, or no index in the directory.
            CheckpointError: The index cannot be read.
        """
        from dapi._store import verification  # not before: a search imports no more than it reads
        from dapi._store.disk import given_path
        from dapi._weights import shards

        expected = "the path of a .safetensors or .pth checkpoint"
        local = given_path("WeightEntry.from_file", path, expected).resolve()
        found = [
            File(part.as_uri(), verification.digest_of_local(part), part.stat().st_size)
            for part in shards.of(local, path)
        ]
        if len(found) > 1:
            return cls(tuple(found), **fields)
        return cls(found[0].url, sha256=found[0].sha256, size=found[0].size, **fields)


def from_path(weights: Any) -> Any:
    """Return the entry of a local checkpoint for its path, and other weights unchanged.

    Raises:
        MissingFileError: There is no such file.
    """
    return WeightEntry.from_file(fspath(weights)) if isinstance(weights, PathLike) else weights


def frozen_meta(owner: str, meta: Mapping[str, Any]) -> FrozenDict[Any]:
    """Return metadata made read-only, at every depth.

    Raises:
        WeightsDeclarationError: It contains a value that cannot be hashed.
    """
    frozen: FrozenDict[Any] = freeze(meta)
    try:
        hash(frozen)
    except TypeError as cause:
        raise WeightsDeclarationError(
            f"{owner}(meta={excerpt(frozen)})",
            f"contains an unhashable value ({cause})",
            "Use dicts, lists, strings, numbers, or None.",
        ) from None
    return frozen


def with_meta(entry: WeightEntry, meta: FrozenDict[Any]) -> WeightEntry:
    """Return the entry with more metadata; its own takes precedence."""
    # Both were checked already, and every search reads every enum.
    made = object.__new__(type(entry))
    fields = vars(entry)
    vars(made).update(fields, meta=meta | fields["meta"])
    return made


def fetch(weights: WeightEntry | Weights, *, progress: bool, directory: bool) -> Path:
    """Return the local file of weights, or a directory with their files by name."""
    from dapi import _store
    from dapi._store import views

    licenses.check(weights)
    files, wanted = weights.files, str(weights)
    path = _store.fetch_all(files, progress=progress, wanted=wanted)
    if directory and len(files) == 1:
        return views.directory({files[0].name: path}, of=wanted)
    return path


def state_dict(weights: WeightEntry | Weights, *, progress: bool) -> dict[str, Tensor]:
    """Return the tensors of weights by key."""
    from dapi._loader import checkpoint

    licenses.check(weights)
    return checkpoint.read(
        weights.files, progress=progress, wanted=str(weights), take=weights.build.take
    )
