"""The answers of a distribution: recorded by its publisher, checked where it is installed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dapi._answers import answers as _answers
from dapi._answers.answers import Answers
from dapi._answers.recording import reason_of, recorded
from dapi._catalog import builders, files, lookup, offers
from dapi._plugins import discovery
from dapi._weights.enum import Weights
from dapi.exceptions import AnswersError, DapiError


def names(distribution: str | None = None) -> list[str]:
    """List the answers that can be compared without a download."""
    owners = [owner for owner in _answers.owners() if distribution in (None, owner)]
    found = (f"{owner}/{name}" for owner in owners for name in sorted(_answers.of(owner).found))
    return [name for name in found if not _is_absent(name)]


def _is_absent(name: str) -> bool:
    try:
        return ":" in name and bool(files.missing(lookup.get_weights(name)))
    except DapiError:
        return False  # it is listed, and its check reports the reason


def record_distribution(
    distribution: str, only: Sequence[str] = (), *, accept: str = ""
) -> Iterator[tuple[str, str]]:
    """Record the answers of a distribution into its file; existing ones are kept.

    Those of models and weights that it no longer provides are removed: each user of
    ``dapi check --all`` would be told that they could not be checked.

    Args:
        distribution: It advertises ``dapi.answers``.
        only: Names; others are not recorded.
        accept: The reason to replace answers that were recorded for this version.

    Yields:
        Each name when it is done, with the reason if it was omitted.

    Raises:
        AnswersError: All of them are recorded already, and ``accept`` is empty.
    """
    path = _answers.path_of(distribution)
    kept = Answers.read(path)
    version = discovery.versions().get(distribution, "")
    gone = {*kept.found, *kept.left_out} - _provided(distribution)
    wanted = [name for name in recordable(distribution) if not only or name in only]
    if not accept:
        same = {n for n, each in kept.found.items() if each.recorded.get(distribution) == version}
        wanted = [name for name in wanted if name not in same]
        if not wanted and same and not gone:
            reason = f"{len(same)} were recorded for {distribution} {version} already"
            remedy = "To replace them, say why they change: --accept REASON"
            raise AnswersError(path, reason, remedy)
    for name in sorted(gone):
        kept.found.pop(name, None)
        kept.left_out.pop(name, None)
        kept.write()
        yield name, "It is no longer provided."
    for name in wanted:
        kept.left_out.pop(name, None)
        try:
            kept.found[name] = recorded(f"{distribution}/{name}", accept=accept)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - one must not stop the others
            kept.left_out[name] = reason_of(error)
            kept.found.pop(name, None)
        kept.write()
        yield name, kept.left_out.get(name, "")


def recordable(distribution: str) -> list[str]:
    """List the builders of a distribution, and its weights whose files are in the cache."""
    here = [
        f"{builder}:{member.name}"
        for builder, enum in _enums(distribution)
        for member in enum
        if not files.missing(member)
    ]
    return sorted([*_builders(distribution), *here])


def _provided(distribution: str) -> set[str]:
    """Return the names of a distribution's builders and weights, aliases included."""
    weights = (f"{each}:{name}" for each, enum in _enums(distribution) for name in enum.__members__)
    return {*_builders(distribution), *weights}


def _builders(distribution: str) -> list[str]:
    return [model.name for model in builders.known() if model.distribution == distribution]


def _enums(distribution: str) -> Iterator[tuple[str, type[Weights]]]:
    """Yield the names of builders that a distribution has weights for, and the weights."""
    for point in discovery.entry_points("dapi.weights"):
        if point.distribution == distribution:
            yield point.name.rpartition("/")[2], offers.load_enum(point)
