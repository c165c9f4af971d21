"""Checking: recording the answers of distributions, and comparing models with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from dapi._answers import answers as _answers
from dapi._answers.answers import Answer, Answers
from dapi._answers.differences import ROUNDED, Check, compare, stage_of
from dapi._answers.recording import Subject, quiet, record
from dapi._answers.stages import UncheckedError
from dapi._building import provenance
from dapi._catalog import builders, files, lookup, offers
from dapi._catalog.builders import Builder
from dapi._plugins import discovery
from dapi._values import names as _names
from dapi._values.frozen import FrozenDict, freeze
from dapi._values.public import public
from dapi._weights.entry import WeightEntry
from dapi._weights.enum import Weights
from dapi.exceptions import AnswersError, DapiError, NoWeightsError

if TYPE_CHECKING:
    from torch import nn

_NO_TASK = "It has no published weights, which would state its task."


@public
def check(name_or_model: str | nn.Module, *, answers: str | Path | None = None) -> Check:
    """Compare a model's current outputs with its recorded answers.

    A builder is compared with synthetic weights, without a download; weights are compared if their
    files are in the cache. A model in memory that dapi built is compared by its code, and with the
    weights that it was built with if those have answers.

    Args:
        name_or_model: As in ``"resnet50"`` or ``"resnet20:Digits_RefV2"``, or a model.
        answers: A file of answers, as ``dapi answers --output`` writes it; by default the
            distribution's.

    Returns:
        Whether they are equal; if not, the first stage and module that differ, and by how much.

    Raises:
        DapiError: There is no such model, or the answers cannot be read.

    >>> print(check("resnet20:Digits_RefV2").state)
    equal
    """
    try:
        if isinstance(name_or_model, str):
            subject, name = _named(name_or_model), name_or_model
        else:
            subject, name = _in_memory(name_or_model)
        kept = Answers.read(Path(answers)) if answers else _answers.of(owner(subject))
        return _compared(subject, name, kept)
    except UncheckedError as reason:
        return Check(str(name_or_model)[:80], "unchecked", reason=str(reason))


def names(distribution: str | None = None) -> list[str]:
    """List the answers that can be compared without a download."""
    points = discovery.entry_points("dapi.answers")
    found = []
    for owner in dict.fromkeys(point.distribution for point in points):
        if distribution in (None, owner):
            found += [f"{owner}/{name}" for name in sorted(_answers.of(owner).found)]
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
            kept.found[name] = recorded(f"{distribution}/{name}", name, accept=accept)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - one must not stop the others
            kept.left_out[name] = _reason(error)
            kept.found.pop(name, None)
        kept.write()
        yield name, kept.left_out.get(name, "")


def record_answer(name: str, *, synthetic: bool = False) -> Answer:
    """Run a model, and return its current answer.

    Args:
        name: A builder, which runs with synthetic weights; or weights whose files are in the cache.
        synthetic: Whether weights are replaced by synthetic ones: their build, transforms and
            postprocess are used, but none of their files.

    Raises:
        AnswersError: It cannot be run.
        DapiError: There is no such model.
    """
    try:
        return recorded(name, name.rpartition("/")[2], synthetic=synthetic)
    except UncheckedError as cause:
        raise AnswersError(name, str(cause), "") from cause


def recorded(name: str, kept_as: str, *, accept: str = "", synthetic: bool = False) -> Answer:
    """Record the answer of a builder or of weights."""
    if synthetic and ":" in name:
        weights = lookup.get_weights(name)
        subject = Subject(lookup.find_offered(lookup.parse(name)), weights, True)
    else:
        subject = _named(name)
    if subject.is_synthetic:
        subject = subject._replace(config=subject.sample().config)
    answer = record(subject, kept_as)
    if answer.dtype != "float64":
        answer = _measured(subject, answer)
    by = {**answer.recorded, **({"accepted": accept} if accept else {})}
    return replace(answer, recorded=FrozenDict(by))


def _measured(subject: Subject, answer: Answer) -> Answer:
    """Widen the tolerance to ten times the noise between two libraries for float32.

    Values that must be equal exactly, and are not, are left out of the answer.
    """
    import torch

    with quiet(), torch.backends.mkldnn.flags(enabled=False):
        other = record(subject, answer.name)
    others = {leaf["at"]: leaf for leaf in other.leaves}
    kept = {
        leaf["at"]: leaf
        for leaf in answer.leaves
        if {"samples", "norms"} & leaf.keys() or leaf == others.get(leaf["at"])
    }
    lost = set(map(stage_of, answer.leaves)) - set(map(stage_of, kept.values()))
    omitted = {**answer.omitted, **dict.fromkeys(lost, "in float32, it is not stable")}
    answer = replace(answer, leaves=tuple(kept.values()), omitted=FrozenDict(omitted))
    other = replace(other, leaves=tuple(others[at] for at in kept if at in others))
    margin = compare(answer, other).margin
    if not isfinite(margin):
        raise UncheckedError("It runs in float32 only, and its outputs differ each time.")
    return replace(answer, tolerance=float(f"{10 * ROUNDED * margin:.2g}"))


def recordable(distribution: str) -> list[str]:
    """List the builders of a distribution, and its weights whose files are in the cache."""
    found = [model.name for model in builders.known() if model.distribution == distribution]
    for point in discovery.entry_points("dapi.weights"):
        if point.distribution == distribution:
            builder = point.name.rpartition("/")[2]
            here = [each for each in offers.load_enum(point) if not files.missing(each)]
            found += [f"{builder}:{member.name}" for member in here]
    return sorted(found)


def _provided(distribution: str) -> set[str]:
    """Return the names of a distribution's builders and weights, aliases included."""
    found = {model.name for model in builders.known() if model.distribution == distribution}
    for point in discovery.entry_points("dapi.weights"):
        if point.distribution == distribution:
            builder = point.name.rpartition("/")[2]
            found |= {f"{builder}:{name}" for name in offers.load_enum(point).__members__}
    return found


def _reason(error: BaseException) -> str:
    text = str(error).strip().partition("\n")[0]
    own = isinstance(error, UncheckedError | DapiError)
    return text if own and text else f"{type(error).__name__}: {text}"[:200]


def _named(name: str) -> Subject:
    """Find the builder and the weights of a name."""
    parsed = lookup.parse(name)
    if parsed.member is not None:
        weights = lookup.get_weights(name)
        if files.missing(weights):
            raise UncheckedError(f"Its file is not in the cache. To fetch it: dapi fetch {name}")
        return Subject(lookup.find_offered(parsed), weights, False)
    model = lookup.find(name)
    return Subject(model, _template(model), True)


def _template(model: Builder) -> Weights:
    """Choose the weights whose build, transforms and postprocess a builder runs with."""
    try:
        enum = lookup.own_enum(model.load())
    except NoWeightsError as cause:
        raise UncheckedError(_NO_TASK) from cause
    members = [member for member in enum if member.status.state == "active"] or list(enum)
    if not members:
        raise UncheckedError(_NO_TASK)
    return next((member for member in members if member.latest), members[0])


def _in_memory(model: nn.Module) -> tuple[Subject, str]:
    """Find the builder and the weights of a model in memory."""
    noted = provenance.find(model)
    builder = builders.find_target(noted.target) if noted else None
    if noted is None or builder is None:
        raise UncheckedError(
            "No registered builder made this model. Build it with dapi.get_model, or by a "
            "function that is decorated with dapi.register_model."
        )
    weights = noted.weights
    if isinstance(weights, Weights):
        name = f"{builder.name}:{weights.name}"
        return Subject(builder, weights, False, built=model), name
    template = weights or _template(builder)
    for name, value in template.build.config.items():
        if freeze(noted.config.get(name, value)) != value:
            given = noted.config[name]
            raise UncheckedError(f"It has {name}={given!r}, and its answers are of {value!r}.")
    return Subject(builder, template, True, built=model), builder.name


def owner(subject: Subject) -> str:
    """Return the distribution with the answers: that of the weights, or of the builder."""
    if not subject.is_synthetic and isinstance(subject.weights, Weights):
        for point in discovery.entry_points("dapi.weights"):
            if point.leads_to(type(subject.weights)):
                return point.distribution
    return subject.model.distribution


def compared(name: str, kept: Answers) -> Check:
    """Compare a builder, or weights, with their answer among some."""
    try:
        return _compared(_named(name), name, kept)
    except UncheckedError as reason:
        return Check(name, "unchecked", reason=str(reason))


def _compared(subject: Subject, name: str, kept: Answers) -> Check:
    _, model, member, _ = _names.parse(name)
    short = f"{model}:{member}" if member else model
    answer = kept.found.get(short)
    if answer is None and subject.built is not None and not subject.is_synthetic:
        subject, short = subject._replace(is_synthetic=True), subject.model.name
        answer = kept.found.get(short)
    if answer is None:
        raise UncheckedError(_unrecorded(short, kept))
    if subject.built is not None and answer.config:
        text = ", ".join(f"{key}={value}" for key, value in answer.config.items())
        raise UncheckedError(f"Its answers are of a smaller model ({text}): dapi check {short}")
    # A file of answers is untrusted: it only selects from the sample's arguments.
    if answer.config and not answer.config.keys() <= subject.sample().config.keys():
        raise UncheckedError("Its answers name arguments of the builder that its sample does not.")
    subject = subject._replace(
        weights=_recorded_with(subject, answer),
        config=answer.config,
        dtype=answer.dtype,
        trains="training" not in answer.omitted,
    )
    try:
        return compare(answer, record(subject, short))
    except (UncheckedError, DapiError):
        raise
    except Exception as error:
        raise UncheckedError(f"It could not be run. {_reason(error)}") from error


def _recorded_with(subject: Subject, answer: Answer) -> Weights | WeightEntry:
    """Return the weights that a builder's answer was recorded with, which may be outdated."""
    if subject.is_synthetic and subject.built is None:
        enum = lookup.own_enum(subject.model.load())
        return next((each for each in enum if each.name == answer.member), subject.weights)
    return subject.weights


def _unrecorded(name: str, kept: Answers) -> str:
    if name in kept.left_out:
        return f"It was omitted when answers were recorded. {kept.left_out[name]}"
    builder = _names.parse(name).builder
    if ":" in name and builder in kept.found:
        return f"No answers of these weights were recorded; of their builder: dapi check {builder}"
    return "No answers were recorded. Its maintainer runs: dapi answers --record DISTRIBUTION"
