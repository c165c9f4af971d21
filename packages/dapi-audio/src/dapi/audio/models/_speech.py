"""Common facts of the entries of wav2vec 2.0 and its relatives: features or text from waveforms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dapi import Build, BuilderConfig, WeightEntry, lazy
from dapi.adapt import DropRows
from dapi.audio.models._torchaudio import MODELS, published


class Wav2Vec2Config(BuilderConfig, total=False):
    """More arguments of torchaudio's wav2vec 2.0, HuBERT and WavLM.

    Attributes:
        encoder_projection_dropout: Probability that a feature is zeroed in training, before the
            transformer.
        encoder_attention_dropout: The same, of attention weights.
        encoder_ff_interm_dropout: The same, inside the feed-forward layers.
        encoder_dropout: The same, after each layer.
        encoder_layer_drop: Probability that a layer is skipped in training.
    """

    encoder_projection_dropout: float
    encoder_attention_dropout: float
    encoder_ff_interm_dropout: float
    encoder_dropout: float
    encoder_layer_drop: float


# The first is CTC's blank, "|" ends a word.
ENGLISH = "-|ETAONIHSRDLUMWCFGYPBVK'XJQZ"


def dropout(
    *,
    projection: float = 0.0,
    attention: float = 0.0,
    activation: float = 0.0,
    output: float = 0.0,
    layer: float = 0.0,
) -> Mapping[str, float]:
    """Return the dropout of a training, by the names of torchaudio's arguments.

    Entries contain it, so that fine-tuning uses the dropout of the training, not the builder's
    defaults.
    """
    return {
        "encoder_projection_dropout": projection,
        "encoder_attention_dropout": attention,
        "encoder_ff_interm_dropout": activation,
        "encoder_dropout": output,
        "encoder_layer_drop": layer,
    }


def speech(
    url: str, *, task: str, normalize: bool, meta: Mapping[str, Any], **fields: Any
) -> WeightEntry:
    """Return an entry of a model that takes one channel of 16 kHz.

    Args:
        url: Of its file.
        task: For ``meta``.
        normalize: Whether it was trained on waveforms of mean 0 and variance 1.
        meta: Facts in addition to the common ones.
        **fields: See ``published``.
    """
    return published(
        url,
        transforms=lazy(
            "dapi.audio.transforms:Waveform", sample_rate=16000, channels=1, normalize=normalize
        ),
        meta={"task": task, "sample_rate": 16000, **meta},
        **fields,
    )


def features(file: str, *, dropout: Mapping[str, float], **facts: Any) -> WeightEntry:
    """Return the entry of a model that was pretrained only: it has no head."""
    return speech(
        MODELS + file,
        task="feature-extraction",
        build=Build(config={"aux_num_out": None}, defaults=dropout),
        **facts,
    )


def recognition(
    file: str,
    *,
    labels: str,
    dropout: Mapping[str, float],
    meta: Mapping[str, Any],
    reserved: Sequence[int] = (1, 2, 3),
    **facts: Any,
) -> WeightEntry:
    """Return the entry of a model that was fine-tuned with CTC, see ``labeled``."""
    return speech(
        MODELS + file,
        task="automatic-speech-recognition",
        postprocess=lazy("dapi.audio.postprocess:CTCText", labels=labels),
        build=labeled(labels, dropout=dropout, reserved=reserved),
        meta={"labels": list(labels), **meta},
        **facts,
    )


def labeled(
    labels: str, *, dropout: Mapping[str, float], reserved: Sequence[int] = (1, 2, 3)
) -> Build:
    """Return the Build that drops the rows of the head without a label.

    After the blank, fairseq's dictionary has padding, end of sentence and unknown, which CTC never
    outputs.

    Args:
        labels: The label of each output, one character each; the first is the blank.
        dropout: The result of ``dropout``.
        reserved: Rows of the head in the file that no label has.
    """
    return Build(
        config={"aux_num_out": len(labels)},
        defaults=dropout,
        adapt=(DropRows(r"aux\.", tuple(reserved)),),
    )
