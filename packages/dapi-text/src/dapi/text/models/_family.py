"""Encoders with and without a head: their classes in transformers, and the keys of their files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeAlias, TypeVar

from dapi import FrozenDict
from dapi.exceptions import ArgumentError
from dapi.text.models._config import Head, configure
from dapi.text.models._tokens import expect_tokens

if TYPE_CHECKING:
    from transformers import (
        BertForMaskedLM,
        BertForSequenceClassification,
        BertForTokenClassification,
        BertModel,
        DebertaV2ForSequenceClassification,
        DebertaV2ForTokenClassification,
        DebertaV2Model,
        DistilBertForMaskedLM,
        DistilBertForSequenceClassification,
        DistilBertForTokenClassification,
        DistilBertModel,
        ElectraForSequenceClassification,
        ElectraForTokenClassification,
        ElectraModel,
        MPNetForMaskedLM,
        MPNetForSequenceClassification,
        MPNetForTokenClassification,
        MPNetModel,
        RobertaForMaskedLM,
        RobertaForSequenceClassification,
        RobertaForTokenClassification,
        RobertaModel,
        XLMRobertaForMaskedLM,
        XLMRobertaForSequenceClassification,
        XLMRobertaForTokenClassification,
        XLMRobertaModel,
    )

    BERTEncoder: TypeAlias = (
        BertModel | BertForMaskedLM | BertForSequenceClassification | BertForTokenClassification
    )
    RoBERTaEncoder: TypeAlias = (
        RobertaModel
        | RobertaForMaskedLM
        | RobertaForSequenceClassification
        | RobertaForTokenClassification
    )
    XLMRoBERTaEncoder: TypeAlias = (
        XLMRobertaModel
        | XLMRobertaForMaskedLM
        | XLMRobertaForSequenceClassification
        | XLMRobertaForTokenClassification
    )
    DistilBERTEncoder: TypeAlias = (
        DistilBertModel
        | DistilBertForMaskedLM
        | DistilBertForSequenceClassification
        | DistilBertForTokenClassification
    )
    ELECTRAEncoder: TypeAlias = (
        ElectraModel | ElectraForSequenceClassification | ElectraForTokenClassification
    )
    DeBERTaEncoder: TypeAlias = (
        DebertaV2Model | DebertaV2ForSequenceClassification | DebertaV2ForTokenClassification
    )
    MPNetEncoder: TypeAlias = (
        MPNetModel | MPNetForMaskedLM | MPNetForSequenceClassification | MPNetForTokenClassification
    )

M = TypeVar("M")
V = TypeVar("V")

# How the names of transformers' classes end.
SUFFIXES: Final[Mapping[Head | None, str]] = {
    None: "Model",
    "text-classification": "ForSequenceClassification",
    "token-classification": "ForTokenClassification",
    "fill-mask": "ForMaskedLM",
}
_CLASSIFIERS: Final = ("text-classification", "token-classification")
_OWN: Final = ("head", "num_labels", "categories", "add_pooling_layer")  # of no configuration
_NOTHING: Final = r"(?!)"


class Family(NamedTuple, Generic[M]):
    """How transformers names the classes of an encoder, and the keys of its files.

    It is a step of ``dapi.adapt``: it maps the keys of a file, which was saved with a head or
    without one, to those of the model, and drops the head that the model does not have.

    Attributes:
        name: How the names of the classes begin.
        prefix: The encoder's name inside a model with a head.
        heads: A regular expression for the keys of each head that a model can have.
        dropped: A regular expression for the keys of heads that no model has.
        pooler: Whether the encoder has a pooler by default; None if it never has one.
        pooled: The heads that use this pooler.
    """

    name: str
    prefix: str
    heads: Mapping[str, str]
    dropped: str = _NOTHING
    pooler: bool | None = None
    pooled: tuple[str, ...] = ()

    def __call__(self, state_dict: Mapping[str, V], config: Mapping[str, Any]) -> dict[str, V]:
        """Return the adapted state dict."""
        renamed = ((self._rename(key, config), value) for key, value in state_dict.items())
        return {key: value for key, value in renamed if key is not None}

    def _rename(self, key: str, config: Mapping[str, Any]) -> str | None:
        """Return the key in the model; None if it is dropped."""
        head, inner = head_of(config), key.removeprefix(f"{self.prefix}.")
        if inner == key and re.match("|".join([self.dropped, *self.heads.values()]), key):
            return key if re.match(self.heads.get(head or "", _NOTHING), key) else None
        is_pooler = inner.startswith("pooler.")
        if inner == "embeddings.position_ids" or (is_pooler and not self.has_pooler(config)):
            return None
        return f"{self.prefix}.{inner}" if head else inner

    def has_pooler(self, config: Mapping[str, Any]) -> bool:
        """Whether the encoder of a model with this config has a pooler."""
        head = head_of(config)
        default = bool(self.pooler)
        return head in self.pooled if head else bool(config.get("add_pooling_layer", default))

    def construct(
        self, published: Mapping[str, Any], config: Mapping[str, Any], *, builder: str
    ) -> M:
        """Construct the model of a builder.

        Args:
            published: The values of its published configuration.
            config: The builder's keyword arguments.
            builder: Its name, for errors.

        Raises:
            ArgumentError: There is no such head, the number of its outputs is not positive, or
                differs from that of their names.
            UnexpectedArgumentError: The configuration has no such attribute.
        """
        import transformers

        head = head_of(config)
        self._check(head, config, builder)
        labels = _labels(config, builder) if head in _CLASSIFIERS else {}
        given = {key: value for key, value in config.items() if key not in (*_OWN, *labels)}
        published = {**published, **labels}
        model_class = getattr(transformers, self.name + SUFFIXES[head])
        settings = configure(model_class.config_class, published, given, builder=builder)
        has_choice = head is None and self.pooler is not None
        pooling = {"add_pooling_layer": self.has_pooler(config)} if has_choice else {}
        made: M = expect_tokens(model_class(settings, **pooling), builder)
        return made

    def _check(self, head: Head | None, config: Mapping[str, Any], builder: str) -> None:
        if head is not None and head not in self.heads:
            expected = f"one of {', '.join(self.heads)}, or None for the encoder alone"
            raise ArgumentError(builder, "head", head, expected=expected)
        if head == "fill-mask" and config.get("num_labels") is not None:
            expected = "none with head='fill-mask', whose outputs are the vocabulary"
            raise ArgumentError(builder, "num_labels", config["num_labels"], expected=expected)
        if config.get("add_pooling_layer") and self.pooler is None:
            expected = f"False: transformers' {self.name}Model has no pooler"
            raise ArgumentError(builder, "add_pooling_layer", True, expected=expected)


def head_of(config: Mapping[str, Any]) -> Head | None:
    """Return the head that a builder's arguments ask for."""
    head: Head | None = config.get("head")
    is_named = config.get("num_labels") is not None or config.get("categories") is not None
    return "text-classification" if head is None and is_named else head


def _labels(config: Mapping[str, Any], builder: str) -> dict[str, Any]:
    """Return the names of a classifier's outputs, or their number, for its configuration."""
    if isinstance(config.get("categories"), str):
        expected = "a sequence of names, as in ['bad', 'good']"
        raise ArgumentError(builder, "categories", config["categories"], expected=expected)
    names = dict(config.get("id2label") or enumerate(config.get("categories") or ()))
    count = config.get("num_labels")
    if count is not None and (isinstance(count, bool) or not isinstance(count, int) or count < 1):
        expected = "a positive integer; without a head, num_labels is None"
        raise ArgumentError(builder, "num_labels", count, expected=expected)
    if not names:
        return {"num_labels": 2 if count is None else count}
    if count not in (None, len(names)):
        expected = f"{len(names)}, the number of the categories"
        raise ArgumentError(builder, "num_labels", count, expected=expected)
    numbers = config.get("label2id") or {name: number for number, name in names.items()}
    return {"id2label": names, "label2id": dict(numbers)}


def _heads(text: str = r"classifier\.", masked: str = "") -> Mapping[str, str]:
    classifiers = {"text-classification": text, "token-classification": r"classifier\."}
    return FrozenDict({**classifiers, **({"fill-mask": masked} if masked else {})})


BERT: Family[BERTEncoder] = Family(
    "Bert",
    prefix="bert",
    heads=_heads(masked=r"cls\.predictions\."),
    dropped=r"cls\.seq_relationship\.",
    pooler=True,
    pooled=("text-classification",),
)
ROBERTA: Family[RoBERTaEncoder] = Family(
    "Roberta", prefix="roberta", heads=_heads(masked=r"lm_head\."), pooler=False
)
XLM_ROBERTA: Family[XLMRoBERTaEncoder] = Family(
    "XLMRoberta", prefix="roberta", heads=_heads(masked=r"lm_head\."), pooler=False
)
DISTILBERT: Family[DistilBERTEncoder] = Family(
    "DistilBert",
    prefix="distilbert",
    heads=_heads(r"(pre_)?classifier\.", masked=r"vocab_(transform|layer_norm|projector)\."),
)
MPNET: Family[MPNetEncoder] = Family(
    "MPNet", prefix="mpnet", heads=_heads(masked=r"lm_head\."), pooler=True
)
# Their published files are discriminators, without a head that fills masks.
ELECTRA: Family[ELECTRAEncoder] = Family(
    "Electra", prefix="electra", heads=_heads(), dropped=r"discriminator_predictions\."
)
DEBERTA_V2: Family[DeBERTaEncoder] = Family(
    "DebertaV2",
    prefix="deberta",
    heads=_heads(r"(pooler|classifier)\."),
    dropped=r"(lm|mask)_predictions\.",
)
