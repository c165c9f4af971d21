"""From keyword arguments to a configuration of transformers, which would swallow misspelt ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from dapi import BuilderConfig
from dapi.exceptions import ConfigConflictError, UnexpectedArgumentError

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

C = TypeVar("C", bound="PreTrainedConfig")


class TransformersConfig(BuilderConfig, total=False):
    """Attributes that every configuration of transformers has; it documents them.

    A saved model's file may give them too, but for those that say how and where a model runs.
    """

    attn_implementation: str
    chunk_size_feed_forward: int
    eos_token_id: int | None
    hidden_size: int
    id2label: dict[int, str]
    is_encoder_decoder: bool
    label2id: dict[str, int]
    num_attention_heads: int
    num_hidden_layers: int
    output_attentions: bool
    output_hidden_states: bool
    pad_token_id: int | None
    problem_type: str | None
    return_dict: bool
    tie_word_embeddings: bool
    vocab_size: int


class EncoderConfig(TransformersConfig, total=False):
    """Attributes of encoders' configurations."""

    attention_probs_dropout_prob: float
    bos_token_id: int | None
    hidden_act: str
    hidden_dropout_prob: float
    initializer_range: float
    intermediate_size: int
    layer_norm_eps: float
    max_position_embeddings: int


class BERTConfig(EncoderConfig, total=False):
    """Attributes of BertConfig, RobertaConfig and XLMRobertaConfig."""

    add_cross_attention: bool
    classifier_dropout: float | None
    is_decoder: bool
    type_vocab_size: int
    use_cache: bool


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
