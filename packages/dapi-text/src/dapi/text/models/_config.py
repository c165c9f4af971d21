"""From keyword arguments to a configuration of transformers, which would swallow misspelt ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from dapi.exceptions import ConfigConflictError, UnexpectedArgumentError

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

C = TypeVar("C", bound="PreTrainedConfig")


def configure(
    config_class: type[C], published: Mapping[str, Any], given: Mapping[str, Any], *, builder: str
) -> C:
    """Make a configuration out of the published values and those that were given.

    Args:
        config_class: A configuration class of transformers.
        published: What the builder's published configuration says.
        given: Values that take the place of those, or of the class's defaults.
        builder: Who asks, for the error.

    Raises:
        UnexpectedArgumentError: A name is none of the configuration's.
        ConfigConflictError: An attribute is given by two of its names, such as n_heads by the
            weights and num_attention_heads by the user, with two values.
    """
    # attn_implementation is taken by every configuration, but it is no attribute of one; and some
    # that are published (DeBERTa's position_buckets) are read without being declared.
    declared = {name for name in vars(config_class()) if not name.startswith("_")}
    synonyms = config_class.attribute_map
    known = {"attn_implementation", *declared, *synonyms, *published}
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name not in known:
            raise UnexpectedArgumentError(builder, name, available=sorted(known))
        fixed = values.setdefault(synonyms.get(name, name), value)
        if fixed != value:
            weights = f"{builder}(weights=...)"
            raise ConfigConflictError(weights, name, given=value, fixed=fixed, head=())
    return config_class(**{**published, **values})
