"""From keyword arguments to a configuration of transformers, which would swallow misspelt ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

from dapi.exceptions import ConfigConflictError, UnexpectedArgumentError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedConfig

C = TypeVar("C", bound="PreTrainedConfig")


class TransformersConfig(TypedDict, total=False):
    """Attributes of transformers' configurations, and what every builder takes.

    Each family has some of them. A saved model's file may give them too, but for those that say
    how and where a model runs.
    """

    activation: str
    add_cross_attention: bool
    attention_dropout: float
    attention_probs_dropout_prob: float
    attn_implementation: str
    bos_token_id: int | None
    chunk_size_feed_forward: int
    classifier_dropout: float | None
    d_ff: int
    d_kv: int
    d_model: int
    decoder_start_token_id: int | None
    device: torch.device | str | None
    dim: int
    dropout: float
    dropout_rate: float
    dtype: torch.dtype | None
    embedding_size: int
    eos_token_id: int | None
    feed_forward_proj: str
    head_dim: int
    hidden_act: str
    hidden_dim: int
    hidden_dropout_prob: float
    hidden_size: int
    id2label: dict[int, str]
    initializer_factor: float
    initializer_range: float
    intermediate_size: int
    is_decoder: bool
    is_encoder_decoder: bool
    label2id: dict[str, int]
    layer_norm_eps: float
    layer_norm_epsilon: float
    max_position_embeddings: int
    max_relative_positions: int
    n_layers: int
    new_head: bool
    norm_rel_ebd: str
    num_attention_heads: int
    num_decoder_layers: int
    num_heads: int
    num_hidden_layers: int
    num_layers: int
    output_attentions: bool
    output_hidden_states: bool
    pad_token_id: int | None
    pooler_dropout: float
    pooler_hidden_act: str
    pooler_hidden_size: int
    pos_att_type: str | list[str] | None
    position_biased_input: bool
    position_buckets: int
    problem_type: str | None
    qa_dropout: float
    relative_attention: bool
    relative_attention_max_distance: int
    relative_attention_num_buckets: int
    return_dict: bool
    scale_decoder_outputs: bool
    seq_classif_dropout: float
    share_att_key: bool
    sinusoidal_pos_embds: bool
    summary_activation: str
    summary_last_dropout: float
    summary_type: str
    summary_use_proj: bool
    tie_word_embeddings: bool
    type_vocab_size: int
    use_cache: bool
    vocab_size: int


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
