"""Turn keyword arguments into a configuration of transformers, which ignores misspelt names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from dapi import BuilderConfig
from dapi.exceptions import ConfigConflictError, UnexpectedArgumentError

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

C = TypeVar("C", bound="PreTrainedConfig")

Head = Literal["text-classification", "token-classification", "fill-mask"]


class TransformersConfig(BuilderConfig, total=False):
    """Attributes of every configuration of transformers, which documents them.

    The file of a saved model may set them too, except those that decide how and where a model runs.
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


class HeadConfig(BuilderConfig, total=False):
    """Arguments of every encoder's builder.

    Attributes:
        head: The task of the head. ``num_labels`` or ``categories`` alone add the head of
            ``"text-classification"``.
        num_labels: The number of the head's outputs; by default that of ``categories``, else 2.
        categories: The names of these outputs, for ``model.config.id2label``.
        add_pooling_layer: Whether an encoder without a head has a pooler.
    """

    head: Head | None
    num_labels: int | None
    categories: Sequence[str] | None
    add_pooling_layer: bool


class EncoderConfig(TransformersConfig, HeadConfig, total=False):
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
    """Make a configuration from published values and keyword arguments.

    Args:
        config_class: A configuration class of transformers.
        published: The values of the builder's published configuration.
        given: Values that replace those, or the class's defaults.
        builder: The name of the builder, for errors.

    Raises:
        UnexpectedArgumentError: The configuration has no such attribute.
        ConfigConflictError: An attribute has two values under two of its names, such as n_heads
            from the weights and num_attention_heads from the user.
    """
    # Every configuration accepts attn_implementation, which is not an attribute of it, and reads
    # some published values without declaring them (DeBERTa's position_buckets).
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
