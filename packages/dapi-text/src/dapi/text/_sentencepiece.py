"""SentencePiece models: the few fields of sentencepiece_model.proto that a tokenizer needs."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import NamedTuple

import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers

# Field numbers, and values of the enums, of sentencepiece_model.proto.
_PIECES, _TRAINER, _NORMALIZER = 1, 2, 3
_PIECE, _SCORE, _TYPE = 1, 2, 3
_MODEL_TYPE, _UNIGRAM = 3, 1
_CHARSMAP = 2
_UNKNOWN, _CONTROL, _USER_DEFINED = 2, 3, 4


class Piece(NamedTuple):
    """One entry of the vocabulary."""

    text: str
    score: float
    type: int


def read(file: str | Path) -> tokenizers.Tokenizer:
    """Read a model of the kind "unigram".

    Raises:
        ValueError: The file is not such a model.
    """
    try:
        model = _Message(Path(file).read_bytes())
        pieces = [_piece(message) for message in model.messages(_PIECES)]
        (unknown,) = (n for n, piece in enumerate(pieces) if piece.type == _UNKNOWN)
        trainer, normalizer = (_Message(model.required(each)) for each in (_TRAINER, _NORMALIZER))
        kind, charsmap = trainer.number(_MODEL_TYPE, _UNIGRAM), normalizer.content(_CHARSMAP)
    except (IndexError, UnicodeDecodeError, ValueError, struct.error) as cause:
        raise ValueError(f"{file} is not a SentencePiece model: {cause}.") from cause
    if kind != _UNIGRAM:
        raise ValueError(f"{file} is a SentencePiece model, but not a unigram model.")
    return _tokenizer(pieces, unknown, charsmap)


def _tokenizer(pieces: list[Piece], unknown: int, charsmap: bytes) -> tokenizers.Tokenizer:
    vocabulary = [(piece.text, piece.score) for piece in pieces]
    tokenizer = tokenizers.Tokenizer(models.Unigram(vocabulary, unknown, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence(
        [
            *([normalizers.Precompiled(charsmap)] if charsmap else []),
            normalizers.Replace(tokenizers.Regex(r"\s{2,}|[\n\r\t]"), " "),
            normalizers.NFC(),
            normalizers.Strip(left=False, right=True),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.add_tokens(
        [
            tokenizers.AddedToken(piece.text, normalized=False, special=piece.type != _USER_DEFINED)
            for piece in pieces
            if piece.type in (_UNKNOWN, _CONTROL, _USER_DEFINED)
        ]
    )
    return tokenizer


def _piece(message: _Message) -> Piece:
    (score,) = struct.unpack("<f", message.content(_SCORE, bytes(4)))
    return Piece(message.content(_PIECE).decode(), score, message.number(_TYPE, 1))


class _Message:
    """The fields of a protobuf message, by number."""

    def __init__(self, encoded: bytes) -> None:
        self._numbers: dict[int, int] = {}
        self._contents: dict[int, list[bytes]] = {}
        position = 0
        while position < len(encoded):
            position = self._take(encoded, position)

    def number(self, field: int, default: int) -> int:
        return self._numbers.get(field, default)

    def content(self, field: int, default: bytes = b"") -> bytes:
        return self._contents.get(field, [default])[-1]

    def required(self, field: int) -> bytes:
        """Return the content of a field that every file has, after the pieces."""
        if field not in self._contents:
            raise ValueError("it is truncated")
        return self.content(field)

    def messages(self, field: int) -> list[_Message]:
        return [_Message(content) for content in self._contents.get(field, ())]

    def _take(self, encoded: bytes, position: int) -> int:
        """Read the field at a position; return the position after it."""
        key, position = _varint(encoded, position)
        field, kind = key >> 3, key & 7
        if kind == 0:
            self._numbers[field], position = _varint(encoded, position)
            return position
        if kind == 2:
            length, position = _varint(encoded, position)
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
        else:
            raise ValueError(f"it has a field of the wire type {kind}")
        if position + length > len(encoded):
            raise ValueError("it is truncated")
        self._contents.setdefault(field, []).append(encoded[position : position + length])
        return position + length


def _varint(encoded: bytes, position: int) -> tuple[int, int]:
    """Return the number at a position, and the position after it."""
    value = shift = 0
    while True:
        byte = encoded[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, position
        shift += 7
