"""register_classifier: image classifiers of any number of channels, with or without their head.

torchvision's classes have convolutions for three channels and a linear head. A builder's body makes
one of them; what its caller asks for beyond that is done around the body, alike for all families.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial, wraps
from numbers import Integral
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from dapi import BuilderConfig, LegacyArgument, Weights, register_model
from dapi.exceptions import ArgumentError

if TYPE_CHECKING:
    from torch import nn

P = ParamSpec("P")
M = TypeVar("M", bound="nn.Module")

COLORS = 3


class ClassifierConfig(BuilderConfig, total=False):
    """The arguments of every image classifier.

    Attributes:
        in_channels: Channels of the images, by default 3. Another number requires ``new_stem``
            where weights are loaded.
    """

    in_channels: int


def register_classifier(
    *,
    weights: type[Weights] | Sequence[type[Weights]],
    head: str | Sequence[str],
    stem: str | Sequence[str] = (),
    legacy: LegacyArgument | Sequence[LegacyArgument] = (),
    replaces: str | None = None,
) -> Callable[[Callable[P, M]], Callable[P, M]]:
    """Register a builder of image classifiers; see ``dapi.register_model``.

    The body is called without ``in_channels``, unless that is a parameter of its own, and never
    with ``num_classes=0``: the head of the model that it makes is then replaced by an Identity.

    Args:
        weights: As in ``register_model``.
        head: Names of the layers that have one output for each class.
        stem: Names of the convolutions that take the image; empty if there can only be three
            channels.
        legacy: As in ``register_model``.
        replaces: As in ``register_model``.
    """
    names = (head,) if isinstance(head, str) else tuple(head)

    def decorate(function: Callable[P, M]) -> Callable[P, M]:
        code = function.__code__
        takes_channels = not stem or "in_channels" in code.co_varnames[: code.co_kwonlyargcount]

        @wraps(function)
        def construct(**config: Any) -> M:
            _check_counts(function.__name__, config)
            headless = type(config.get("num_classes")) is int and not config["num_classes"]
            if headless:
                config["num_classes"] = 1  # of none, some constructors cannot initialize a layer
            channels = COLORS if takes_channels else config.pop("in_channels", COLORS)
            make = cast("Callable[[], M]", partial(function, **config))
            if channels == COLORS and not headless:
                return make()
            from dapi.vision.models import _ends

            if channels != COLORS:
                make = partial(_ends.with_channels, make, channels, former=COLORS)
            return _ends.without(make(), names) if headless else make()

        registered = register_model(
            weights=weights, head=head, stem=stem, legacy=legacy, replaces=replaces
        )
        return registered(cast("Callable[P, M]", construct))

    return decorate


def _check_counts(builder: str, config: Mapping[str, Any]) -> None:
    for name, least in (("num_classes", 0), ("in_channels", 1)):
        value = config.get(name, least)
        if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
            raise ArgumentError(builder, name, value, expected=f"an integer of at least {least}")
