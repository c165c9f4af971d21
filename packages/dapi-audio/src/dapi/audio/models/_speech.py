"""What the entries of wav2vec 2.0 and its kin share: waveforms in, features or text out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dapi import Build, WeightEntry, lazy
from dapi.adapt import DropRows

MODELS = "https://download.pytorch.org/torchaudio/models/"
NO_HASH = "not published: trusted on first use"

# The first is CTC's blank, "|" ends a word.
ENGLISH = "-|ETAONIHSRDLUMWCFGYPBVK'XJQZ"


def pinned(sha256: str, size: int | None, *, by: int) -> dict[str, Any]:
    """Return the hash and the size of a file, and how many projects agree on them.

    torchaudio publishes neither; who downloaded a file before us wrote them down.
    """
    source = f"pinned alike by {by} independent public projects"
    known = {"file_mib": round(size / 2**20, 3)} if size else {}
    if by == 1:
        source = "pinned by 1 public project, with its size"
    return {"sha256": sha256, "size": size, "known": {"hash_source": source, **known}}


def dropout(
    *,
    projection: float = 0.0,
    attention: float = 0.0,
    activation: float = 0.0,
    output: float = 0.0,
    layer: float = 0.0,
) -> Mapping[str, float]:
    """Return what a training drops, by the names of torchaudio's arguments.

    Entries carry it, so that fine-tuning goes on as the training went, whatever the builder's
    own defaults are.
    """
    return {
        "encoder_projection_dropout": projection,
        "encoder_attention_dropout": attention,
        "encoder_ff_interm_dropout": activation,
        "encoder_dropout": output,
        "encoder_layer_drop": layer,
    }


def speech(
    url: str,
    *,
    task: str,
    normalize: bool,
    build: Build,
    meta: Mapping[str, Any],
    known: Mapping[str, Any] | None = None,
    **fields: Any,
) -> WeightEntry:
    """Return an entry of a model that takes one channel of 16 kHz.

    Args:
        url: Of its file.
        task: For ``meta``.
        normalize: Whether it was trained on waveforms of mean 0 and variance 1.
        build: As in WeightEntry.
        meta: Facts beside those that all share.
        known: What ``pinned`` knows.
        **fields: Further attributes of the entry.
    """
    shared = {"task": task, "metrics": [], "hash_source": NO_HASH, "sample_rate": 16000}
    return WeightEntry(
        url,
        transforms=lazy(
            "dapi.audio.transforms:Waveform", sample_rate=16000, channels=1, normalize=normalize
        ),
        meta={**shared, **meta, **(known or {})},
        latest=True,
        build=build,
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
    """Return the entry of a model that was fine-tuned with CTC, see ``labelled``."""
    return speech(
        MODELS + file,
        task="automatic-speech-recognition",
        postprocess=lazy("dapi.audio.postprocess:CTCText", labels=labels),
        build=labelled(labels, dropout=dropout, reserved=reserved),
        meta={"labels": list(labels), **meta},
        **facts,
    )


def labelled(
    labels: str, *, dropout: Mapping[str, float], reserved: Sequence[int] = (1, 2, 3)
) -> Build:
    """Return what building a head with a row a label needs: to leave out the rows of no label.

    fairseq's dictionary begins with padding, end of sentence and unknown behind the blank; CTC
    outputs none of them.

    Args:
        labels: The label of each output, one character each; the first is the blank.
        dropout: What ``dropout`` returns.
        reserved: Rows of the head in the file that no label has.
    """
    return Build(
        config={"aux_num_out": len(labels)},
        defaults=dropout,
        adapt=(DropRows(r"aux\.", tuple(reserved)),),
    )
