"""Models that transformers' ``save_pretrained`` wrote, as weights for the builders of encoders."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

from dapi import Asset, Build, File, WeightEntry, lazy
from dapi.exceptions import ArgumentError
from dapi.text.models import _family
from dapi.text.models._config import BERTConfig, Head, HeadConfig
from dapi.text.models._family import SUFFIXES, Family
from dapi.text.models.deberta_v3 import DeBERTaV3Config
from dapi.text.models.distilbert import DistilBERTConfig
from dapi.text.models.electra import ELECTRAConfig
from dapi.text.models.mpnet import MPNetBaseConfig

__all__ = ["read_pretrained"]

# The families by model_type, with the arguments of their builders.
_FAMILIES: Final[Mapping[str, tuple[Family[Any], type]]] = {
    "bert": (_family.BERT, BERTConfig),
    "deberta-v2": (_family.DEBERTA_V2, DeBERTaV3Config),
    "distilbert": (_family.DISTILBERT, DistilBERTConfig),
    "electra": (_family.ELECTRA, ELECTRAConfig),
    "mpnet": (_family.MPNET, MPNetBaseConfig),
    "roberta": (_family.ROBERTA, BERTConfig),
    "xlm-roberta": (_family.XLM_ROBERTA, BERTConfig),
}
_LARGEST_JSON: Final = 4 << 20
_USUAL: Final = 1 << 24  # no size of a model is larger than this, or than the number of its values


def read_pretrained(directory: str | Path) -> WeightEntry:
    """Return an entry for an encoder that transformers' ``save_pretrained`` wrote.

    Pass it to the builder of that family: ``roberta_base(weights=entry)``. The entry has the
    architecture in ``config.json`` (its sizes may be others than the builder's own), the head of
    the saved class or none, and a pooler if the file has one; loading is strict. The names in
    ``id2label`` become ``meta["categories"]``; ``tokenizer.json``, if it is there, the transforms.
    The files stay where they are, and are read once to hash them. Runs no code of the directory,
    and uses no network.

    Args:
        directory: Of a BERT, DeBERTa v2 or v3, DistilBERT, ELECTRA, MPNet, RoBERTa or XLM-RoBERTa,
            alone or with a head for one of the tasks of the builders.

    Raises:
        ArgumentError: It is not such a directory.
        CheckpointError: The weights, or their index, cannot be read.
        MissingFileError: The index names a file that is not in the directory.

    Example:
        >>> import tempfile
        >>> from dapi.text import bert_base
        >>> model = bert_base(num_hidden_layers=1, vocab_size=100, categories=["bad", "good"])
        >>> folder = tempfile.mkdtemp()
        >>> model.save_pretrained(folder)
        >>> entry = read_pretrained(folder)
        >>> bert_base(weights=entry).config.id2label
        {0: 'bad', 1: 'good'}
    """
    folder = Path(directory)
    config = _read_json(folder, "config.json")
    kind = str(config.get("model_type"))
    if kind not in _FAMILIES:
        _refuse(folder, f"of model_type {', '.join(_FAMILIES)}; config.json says {kind:.60}")
    family, declared = _FAMILIES[kind]
    head = _head(folder, family, config)
    files = _files(folder)
    tensors = WeightEntry(files).state_dict()
    known = _architecture(declared, {**_usual(family), **config})
    _check_sizes(folder, known, tensors)
    _check_types(folder, family, known)
    fixed = {name: value for name, value in known.items() if name not in _FREE}
    names = _categories(config) if head in ("text-classification", "token-classification") else ()
    if head is not None:
        fixed["head"] = head
    elif family.pooler is not None:
        fixed["add_pooling_layer"] = any("pooler." in key for key in tensors)
    if names:
        fixed["num_labels"] = len(names)
    is_named = any(name != f"LABEL_{number}" for number, name in enumerate(names))
    return WeightEntry(
        files,
        meta={
            "task": head or "feature-extraction",
            "num_params": sum(tensor.numel() for tensor in tensors.values()),
            **({"categories": names} if is_named else {}),
        },
        build=Build(
            config=fixed,
            defaults={name: value for name, value in known.items() if name in _FREE},
            adapt=(family,),
        ),
        **_text(folder, config),
        **_postprocess(head, names),
    )


def _refuse(folder: Path, expected: str) -> NoReturn:
    raise ArgumentError(
        "read_pretrained",
        "directory",
        str(folder),
        expected=f"a directory that save_pretrained wrote: {expected}",
    )


def _read_json(folder: Path, name: str) -> dict[str, Any]:
    """Read a JSON object."""
    path = folder / name
    if not path.is_file() or path.stat().st_size > _LARGEST_JSON:
        _refuse(folder, f"with a {name} of less than 4 MiB")
    try:
        found = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        _refuse(folder, f"with a JSON object in {name}")
    return found


def _head(folder: Path, family: Family[Any], config: Mapping[str, Any]) -> Head | None:
    """Return the head of the class that was saved."""
    classes = {
        family.name + suffix: head
        for head, suffix in SUFFIXES.items()
        if head is None or head in family.heads
    }
    saved = config.get("architectures")
    name = saved[0] if isinstance(saved, list) and saved else None
    if not isinstance(name, str) or name not in classes:
        _refuse(folder, f"of {', '.join(classes)}, but config.json's architectures say {name!r}")
    return classes[name]


def _files(folder: Path) -> tuple[File, ...]:
    """Return the weights: one file, or the shards of an index."""
    alone = ("model.safetensors", "pytorch_model.bin")
    for name in (*alone, *(f"{each}.index.json" for each in alone)):
        if (folder / name).is_file():
            return WeightEntry.from_file(folder / name).files
    _refuse(folder, "with a model.safetensors")


# Values of training, which a caller may change, and of running, which only a caller sets.
_FREE: Final = frozenset(
    {
        "attention_dropout",
        "attention_probs_dropout_prob",
        "classifier_dropout",
        "dropout",
        "hidden_dropout_prob",
        "initializer_range",
        "pooler_dropout",
        "problem_type",
        "qa_dropout",
        "seq_classif_dropout",
        "summary_last_dropout",
    }
)
_OF_CALLERS: Final = frozenset(
    {
        *HeadConfig.__annotations__,
        "attn_implementation",
        "chunk_size_feed_forward",
        "id2label",
        "label2id",
        "output_attentions",
        "output_hidden_states",
        "return_dict",
        "use_cache",
    }
)


# Values that DeBERTa's classes use where its configuration does not have them.
_UNWRITTEN: Final = {"norm_rel_ebd": "none", "position_buckets": -1, "share_att_key": False}


def _usual(family: Family[Any]) -> dict[str, Any]:
    """Return the values of a configuration that says nothing."""
    import transformers

    found: dict[str, Any] = getattr(transformers, f"{family.name}Config")().to_dict()
    return {**(_UNWRITTEN if family is _family.DEBERTA_V2 else {}), **found}


def _architecture(declared: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that are arguments of a builder, without those that callers set."""
    return {
        name: values[name]
        for name in declared.__annotations__
        if name in values and name not in _OF_CALLERS and _is_plain(values[name])
    }


def _is_plain(value: object) -> bool:
    """Whether a value is one that an architecture has; another is as if it were not there."""
    parts = value if isinstance(value, list) else [value]
    return all(each is None or isinstance(each, bool | int | float | str) for each in parts)


def _check_sizes(folder: Path, config: Mapping[str, Any], tensors: Mapping[str, Any]) -> None:
    """Refuse a small file that asks for a large model."""
    largest = max(_USUAL, *(tensor.numel() for tensor in tensors.values()))
    sizes = [abs(value) for value in config.values() if isinstance(value, int)]
    layers = [config.get(name, 0) for name in ("num_hidden_layers", "n_layers")]
    is_number = all(isinstance(each, int) for each in layers)
    if not is_number or max(layers) > len(tensors) or max(sizes, default=0) > largest:
        _refuse(folder, "whose config.json names no size that its weights do not have")


def _check_types(folder: Path, family: Family[Any], config: Mapping[str, Any]) -> None:
    """Refuse values that the configuration's class refuses, as the builder would later."""
    import transformers

    try:
        getattr(transformers, f"{family.name}Config")(**config)
    except Exception as cause:  # noqa: BLE001 - its validators raise errors of other libraries
        reason = str(cause).strip().splitlines()[-1].strip() if str(cause) else type(cause).__name__
        _refuse(folder, f"with a config.json that transformers accepts ({reason:.200})")


def _categories(config: Mapping[str, Any]) -> tuple[str, ...]:
    names = config.get("id2label")
    if not isinstance(names, dict):
        return ("LABEL_0", "LABEL_1")  # as transformers, which does not write these
    return tuple(str(names.get(str(number))) for number in range(len(names)))


def _text(folder: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the transforms and their file, if the directory has a tokenizer."""
    path = folder / "tokenizer.json"
    if not path.is_file():
        return {}
    has_settings = (folder / "tokenizer_config.json").is_file()
    settings = _read_json(folder, "tokenizer_config.json") if has_settings else {}
    padding = settings.get("pad_token")
    if isinstance(padding, dict):  # as older releases wrote it
        padding = padding.get("content")
    (file,) = WeightEntry.from_file(path).files
    transforms = lazy(
        "dapi.text.transforms:Tokenizer",
        file=Asset("tokenizer"),
        max_length=_max_length(settings, config),
        padding=str(padding or "[PAD]"),
    )
    return {"transforms": transforms, "assets": {"tokenizer": file}}


def _max_length(settings: Mapping[str, Any], config: Mapping[str, Any]) -> int:
    """Return the number of tokens for which the model has positions, or fewer."""
    first = 0
    if config.get("model_type") in ("mpnet", "roberta", "xlm-roberta"):
        first = _number(config.get("pad_token_id"), 1) + 1  # from where positions are counted
    positions = _number(config.get("max_position_embeddings"), 512) - first
    wanted = _number(settings.get("model_max_length"), positions)
    return min(wanted, positions) if wanted > 0 else positions


def _number(value: object, default: int) -> int:
    return value if type(value) is int else default


def _postprocess(head: Head | None, names: Sequence[str]) -> dict[str, Any]:
    if head is None:
        return {"postprocess": lazy("dapi.text.postprocess:SentenceEmbeddings")}
    if head == "text-classification":
        return {"postprocess": lazy("dapi.text.postprocess:Classification", categories=names)}
    return {}
