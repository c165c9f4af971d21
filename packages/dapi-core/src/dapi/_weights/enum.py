"""Weights: the enum whose members are the published weights of a builder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum, EnumMeta
from typing import TYPE_CHECKING, Any, TypeVar

from dapi._plugins.discovery import entry_points, one_look
from dapi._values.file import File
from dapi._values.frozen import FrozenDict
from dapi._values.names import Name, normalize
from dapi._values.public import public
from dapi._weights import known_as
from dapi._weights.build import Build
from dapi._weights.entry import Status, WeightEntry, fetch, frozen_meta, state_dict, with_meta
from dapi.exceptions import NoWeightsError, UnknownWeightsError, WeightsDeclarationError

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor
    from typing_extensions import Self

    from dapi._weights.meta import Meta

W = TypeVar("W", bound="Weights")


class WeightsType(EnumMeta):
    """The metaclass of Weights: refuses declarations that Python would accept silently."""

    def __new__(
        metacls,
        name: str,
        bases: tuple[type, ...],
        body: Any,
        *,
        meta: Mapping[str, Any] = FrozenDict(),
        **options: Any,
    ) -> WeightsType:
        seen: dict[WeightEntry, str] = {}
        members = getattr(body, "_member_names", ())
        if meta and not members:
            raise WeightsDeclarationError(name, "has meta but no members", "Add its members.")
        common = frozen_meta(name, meta)
        for member in members:
            where = f"{name}.{member}"
            _check_member(where, member, body[member])
            if common:  # an enum's body refuses to be given a member twice
                dict.__setitem__(body, member, with_meta(body[member], common))
            twin = seen.setdefault(body[member], member)
            if twin != member:
                raise WeightsDeclarationError(
                    where, f"equals {twin}, and would become another name for it", "Remove one."
                )
        return super().__new__(metacls, name, bases, body, **options)

    @property
    def _repr_html_(cls) -> Callable[[], str]:
        """Return what a notebook calls for the class: a member's own method hides any other."""
        return cls._as_table

    def _as_table(cls) -> str:
        from dapi._weights import cards

        return cards.of_enum(cls)

    if not TYPE_CHECKING:  # a type checker must keep refusing unknown members

        def __getattr__(cls, name: str) -> Any:
            members = cls.__dict__.get("_member_map_", {})
            if name in members:  # Python 3.10 looks up members this way
                return members[name]
            if name.startswith("_"):
                raise AttributeError(name)
            raise cls._unknown(name)

        def __getitem__(cls, name: str) -> Any:
            if name not in cls.__members__:
                raise cls._unknown(str(name))
            return super().__getitem__(name)

        def _unknown(cls, name: str) -> UnknownWeightsError:
            return UnknownWeightsError(
                cls.__qualname__,
                name,
                available=list(cls.__members__),
                equivalents=[member.name for member in known_as.own_members(name, cls)],
            )


def _check_member(where: str, member: str, value: object) -> None:
    if member in _TAKEN:
        raise WeightsDeclarationError(
            where, "is named like an attribute of every member", "Name it <Dataset>_<Recipe>."
        )
    if isinstance(value, tuple) and len(value) == 1 and isinstance(value[0], WeightEntry):
        raise WeightsDeclarationError(where, "is a tuple", "Remove the comma after its entry.")
    if not isinstance(value, WeightEntry):
        raise WeightsDeclarationError(
            where, f"is a {type(value).__name__}", "Each member must be a WeightEntry."
        )
    assets = [asset for asset in value.assets.values() if isinstance(asset, File)]
    urls = [url for file in (*value.files, *assets) for url in (file.url, *file.mirrors)]
    if any(url.startswith("file:") for url in urls):
        raise WeightsDeclarationError(
            where, "is a local file", "Publish it under https: or package:."
        )


class _Displayed:
    """A base of Weights: the body of an enum must not define a name with outer underscores."""

    def _repr_html_(self: Any) -> str:
        from dapi._weights import cards

        return cards.of_entry(self.value, str(self))


@public
class Weights(_Displayed, Enum, metaclass=WeightsType):
    """Base class of enums of weights. Define one for each builder, and name it after the builder.

    A member's name is ``<Dataset>_<Recipe>``, as in ``ImageNet1K_RefV1``: the part before the first
    underscore is the dataset that ``latest`` refers to. The attributes of its ``WeightEntry`` are
    read through the member. Members pickle, copy and compare by name.

    Metadata of the model, common to all members, is stated once:
    ``class NetWeights(Weights, meta={"num_params": 269434})`` adds it to the ``meta`` of each
    member, which takes precedence. So is the type of the transforms:
    ``transforms: Callable[..., ImageClassification]`` in the class, for type checkers.

    Defining the class raises WeightsDeclarationError when a value is not a WeightEntry (a trailing
    comma makes it a tuple), when two entries are equal (Python would make one member of them), or
    when an entry is a local file. ``Enum.Name`` and ``Enum["Name"]`` raise UnknownWeightsError,
    which suggests similar names.

    Example:
        >>> class TinyWeights(Weights, meta={"num_params": 10}):
        ...     Digits_RefV1 = WeightEntry("https://example.org/1.pth", meta={"task": "demo"})
        ...     Digits_RefV2 = WeightEntry("https://example.org/2.pth", latest=True)
        >>> TinyWeights.Digits_RefV1.meta["task"], TinyWeights.Digits_RefV2.meta["num_params"]
        ('demo', 10)
        >>> TinyWeights.get_latest()
        <TinyWeights.Digits_RefV2>
    """

    _value_: WeightEntry

    # Attributes of the entry, read through the member; without a value, they are not members.
    url: str | tuple[File, ...]
    transforms: Callable[..., Callable[..., Any]]
    meta: Meta
    latest: bool
    sha256: str | None
    size: int | None
    mirrors: tuple[str, ...]
    assets: Mapping[str, File | WeightEntry | Weights]
    postprocess: Callable[..., Callable[..., Any]]
    build: Build
    status: Status
    files: tuple[File, ...]

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name in _ENTRY_ATTRIBUTES:
                return getattr(self._value_, name)
            message = f"{type(self).__name__!r} object has no attribute {name!r}"
            key = name.removeprefix("get_")
            if not name.startswith("_") and key in self.meta:
                message += f". It is in its metadata: weights.meta[{key!r}]"
            raise AttributeError(message)

        def __setattr__(self, name: str, value: object) -> None:
            if not name.startswith("_"):
                raise AttributeError(
                    f"{self!r} cannot be changed. For an entry of your own: "
                    f"dataclasses.replace(member.value, {name}=...)"
                )
            super().__setattr__(name, value)

    @classmethod
    def _missing_(cls, value: object) -> Self:
        """Find a member by its name too: ``Enum("Name")``."""
        return cls[value] if isinstance(value, str) else super()._missing_(value)

    # By name, where Enum pickles the value: a later release may deprecate the same weights.
    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return getattr, (type(self), self._name_)

    def __dir__(self) -> list[str]:
        """List the entry's attributes too, for completion in editors."""
        return sorted({*super().__dir__(), *_ENTRY_ATTRIBUTES})

    def __str__(self) -> str:
        """Return the name under which dapi finds it, or ``Enum.Member`` if it is not listed."""
        listed = type(self)._listed_name()
        return (
            str(listed._replace(member=self.name))
            if listed
            else f"{type(self).__name__}.{self.name}"
        )

    @classmethod
    def _listed_name(cls) -> Name | None:
        """Return the builder that they are for, as last discovered; None if unknown."""
        with one_look(anew=False) as look:
            kept = vars(cls).get("_listed")
            if kept is None or kept[0] is not look:
                kept = look, _find_listed(cls)
                type.__setattr__(cls, "_listed", kept)
        found: Name | None = kept[1]
        return found

    def __repr__(self) -> str:
        return f"<{type(self).__name__}.{self.name}>"

    @property
    def dataset(self) -> str:
        """The part of the name before the first underscore: the training dataset."""
        return self.name.partition("_")[0]

    @classmethod
    def get_latest(cls, dataset: str | None = None) -> Self:
        """Return the first member that is marked ``latest``.

        Args:
            dataset: Only members of this dataset; by default all.

        Raises:
            UnknownWeightsError: No member of that dataset is marked latest.
            NoWeightsError: No member is marked latest.
        """
        marked = [member for member in cls if member.latest]
        if not marked:
            names = ", ".join(cls.__members__) or "it has none"
            raise NoWeightsError(
                f"{cls.__qualname__} marks no member as latest", f"Choose a member: {names}."
            )
        for member in marked:
            if dataset in (None, member.dataset):
                return member
        datasets = {member.dataset for member in marked}
        raise UnknownWeightsError(cls.__qualname__, str(dataset), available=sorted(datasets))

    def fetch(self, *, progress: bool = True, directory: bool = False) -> Path:
        """Return a local path of the verified weights; download them if they are not cached.

        Args:
            progress: Show a progress bar, or a line every ten seconds in a log.
            directory: Return a directory for a single file too, as ``torch.distributed.checkpoint``
                requires.

        Returns:
            The file; for weights in several files, a directory with the files by name.

        Raises:
            FetchError: The file cannot be downloaded (OfflineError: because of ``DAPI_OFFLINE``).
            HashMismatchError: The bytes do not match the published hash.
            CacheError: The cache directory cannot be used.
            LicenseError: ``DAPI_LICENSES`` does not allow their license.
        """
        return fetch(self, progress=progress, directory=directory)

    def state_dict(self, *, progress: bool = True) -> dict[str, Tensor]:
        """Return the tensors of the file by key; downloads it like ``fetch``.

        Raises:
            CheckpointError: The file is not a checkpoint with tensors only.
        """
        return state_dict(self, progress=progress)


def _find_listed(enum: type[Weights]) -> Name | None:
    """Return the shortest unambiguous name of an enum's builder, and who offers the weights."""
    point = next((point for point in entry_points("dapi.weights") if point.leads_to(enum)), None)
    if point is None:
        return None
    owner, _, builder = point.name.rpartition("/")
    givers = {each.distribution for each in entry_points("dapi.models") if each.name == builder}
    owner = normalize(owner) or (point.distribution if point.distribution in givers else "")
    publisher = None if owner == point.distribution else point.distribution
    is_plain = not owner or givers == {owner}
    return Name(None if is_plain else owner, builder, None, publisher)


_ENTRY_ATTRIBUTES = frozenset(Weights.__annotations__) - {"_value_"}
_TAKEN = _ENTRY_ATTRIBUTES.union(*map(vars, Weights.__mro__))


def entry_of(weights: Weights | WeightEntry) -> WeightEntry:
    """Return the entry of a member, or the entry itself."""
    entry: WeightEntry = weights.value if isinstance(weights, Weights) else weights
    return entry
