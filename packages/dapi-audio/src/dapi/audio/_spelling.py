"""Spelling: from texts and phonemes to a model's input ids."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pickle import UnpicklingError
from typing import Final

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from dapi import WeightEntry, Weights
from dapi.audio.exceptions import UnsupportedInputError
from dapi.exceptions import CheckpointError, MissingDependencyError

_PUNCTUATION: Final = tuple("_-!'(),.:;? ")
_VOWELS: Final = "AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW".split()  # noqa: SIM905
_CONSONANTS: Final = "B CH D DH F G HH JH K L M N NG P R S SH T TH V W Y Z ZH".split()  # noqa: SIM905
_STRESSED: Final = [vowel + stress for vowel in _VOWELS for stress in "012"]

_WORD: Final = re.compile(r"[^\W_]+")

# The format of DeepPhonemizer, as in '[HH][AH][L][OW], [W][ER][L][D]!'
_PHONEMIZED: Final = re.compile(r"\[([A-Z]+[012]?)\]|([_!'(),.:;? -])")


class Characters:
    """Turn English text into ids of characters: letters, space and some punctuation.

    Upper case becomes lower case; other characters than ``symbols`` are dropped, as in torchaudio,
    so spell out numbers and abbreviations. Touches no network.

    Args:
        words: The vocabulary, in lower case, of weights that learned no other words; others are
            refused. None for weights that read any text.

    Attributes:
        symbols: The alphabet; an id is an index into it.

    Example:
        >>> ids, lengths = Characters()(["Hello, world!", "Hi."])
        >>> ids.shape, lengths.tolist()
        (torch.Size([2, 13]), [13, 3])
        >>> "".join(Characters.symbols[i] for i in ids[1, :3])
        'hi.'
    """

    symbols: Final = (*_PUNCTUATION, *"abcdefghijklmnopqrstuvwxyz")

    def __init__(self, *, words: Sequence[str] | None = None) -> None:
        self.words = words

    def __call__(self, texts: str | Sequence[str]) -> tuple[Tensor, Tensor]:
        """Encode one text, or a batch of them.

        Args:
            texts: A text, or several; ``tacotron2`` requires the longest first.

        Returns:
            The ids (N, longest), int64 and padded with zeros, and the lengths (N,), int32.

        Raises:
            UnsupportedInputError: There is no text, or one without symbols; or, with ``words``, a
                text has no word or another word.
        """
        batch = [texts] if isinstance(texts, str) else list(texts)
        return _to_tensors([self._encode(text) for text in batch])

    def _encode(self, text: str) -> list[int]:
        ids = [_CHARACTER_IDS[each] for each in text.lower() if each in _CHARACTER_IDS]
        if not ids:
            raise UnsupportedInputError(
                f"Nothing in {text!r} can be spoken by these weights. Their symbols are the "
                f"letters a to z, space, and {''.join(_PUNCTUATION).strip()}"
            )
        self._check_words(text)
        return ids

    def _check_words(self, text: str) -> None:
        if self.words is None:
            return
        known, words = set(self.words), _WORD.findall(text.lower())
        if not words:
            raise UnsupportedInputError(
                f"There is no word in {text!r}. These weights speak {', '.join(self.words)}."
            )
        unknown = [word for word in words if word not in known]
        if unknown:
            near = get_close_matches(unknown[0], known, n=3)
            suggestion = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
            raise UnsupportedInputError(
                f"{', '.join(map(repr, unknown[:10]))} in {text!r} cannot be spoken by these "
                f"weights.{suggestion} Their words are {', '.join(self.words)}."
            )

    def __repr__(self) -> str:
        return "Characters()" if self.words is None else f"Characters(words={self.words!r})"


class Phonemes:
    """Turn English text, or its phonemes, into ids of ARPAbet phonemes and punctuation.

    Texts need the package deep-phonemizer and its model, which is downloaded for the first text;
    phonemes need neither.

    Args:
        phonemizer: Weights of DeepPhonemizer (``en_us_cmudict_forward``); None for phonemes only.

    Attributes:
        symbols: The alphabet; an id is an index into it.

    Example:
        >>> ids, lengths = Phonemes()([["HH", "AH0", "L", "OW1", "!"]])
        >>> ids.tolist(), lengths.tolist()
        ([[54, 21, 65, 71, 2]], [5])
    """

    symbols: Final = (*_PUNCTUATION, *sorted((*_VOWELS, *_CONSONANTS, *_STRESSED)))

    def __init__(self, phonemizer: Weights | WeightEntry | None = None) -> None:
        self.phonemizer = phonemizer
        self._phonemize: Callable[..., list[str]] | None = None

    def __call__(self, texts: str | Sequence[str | Sequence[str]]) -> tuple[Tensor, Tensor]:
        """Encode one text, or a batch of texts and of lists of phonemes.

        Args:
            texts: A text, or a batch. An item of a batch is a text, or a list of phonemes as
                CMUdict writes them, with or without stress, and punctuation between words, as in
                ``[["HH", "AH0", "L", "OW1", " ", "DH", "EH1", "R"]]``. ``tacotron2`` requires the
                longest first.

        Returns:
            The ids (N, longest), int64 and padded with zeros, and the lengths (N,), int32.

        Raises:
            UnsupportedInputError: There is no text, or a phoneme is not in ``symbols``.
            MissingDependencyError: A text was passed, but deep-phonemizer is not installed.
            FetchError: Its model could not be downloaded; only texts use the cache and the network.
        """
        batch = [texts] if isinstance(texts, str) else list(texts)
        spelt = iter(self._spell([item for item in batch if isinstance(item, str)]))
        return _to_tensors(
            [_encode(next(spelt) if isinstance(item, str) else item, given=item) for item in batch]
        )

    def _spell(self, texts: list[str]) -> list[list[str]]:
        """Return the phonemes of each text, in one batch."""
        if not texts:
            return []
        if self._phonemize is None:
            self._phonemize = _load_phonemizer(self.phonemizer)
        spelt = self._phonemize(texts, lang="en_us")
        return [[phoneme or mark for phoneme, mark in _PHONEMIZED.findall(each)] for each in spelt]

    def __repr__(self) -> str:
        return f"Phonemes(phonemizer={self.phonemizer!s})"


_CHARACTER_IDS: Final = {symbol: i for i, symbol in enumerate(Characters.symbols)}
_PHONEME_IDS: Final = {symbol: i for i, symbol in enumerate(Phonemes.symbols)}


def _to_tensors(batch: Iterable[list[int]]) -> tuple[Tensor, Tensor]:
    """Pad lists of ids to a tensor, and return their lengths."""
    rows = [torch.tensor(ids) for ids in batch]
    if not rows:
        raise UnsupportedInputError("There is no text. Pass a str, or a list of at least one.")
    lengths = torch.tensor([len(row) for row in rows], dtype=torch.int32)
    return pad_sequence(rows, batch_first=True), lengths


def _encode(phonemes: Sequence[str], *, given: object) -> list[int]:
    unknown = [each for each in phonemes if each not in _PHONEME_IDS]
    if unknown or not phonemes:
        raise UnsupportedInputError(_unknown_phonemes(given, unknown))
    return [_PHONEME_IDS[each] for each in phonemes]


def _unknown_phonemes(item: object, unknown: Sequence[str]) -> str:
    if not unknown:
        return f"{item!r} has no phonemes. Pass at least one."
    near = get_close_matches(unknown[0].upper(), Phonemes.symbols, n=3)
    suggestion = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    return (
        f"{', '.join(map(repr, unknown[:10]))} in {item!r} cannot be spoken by these weights."
        f"{suggestion} Their symbols are ARPAbet's phonemes in upper case, with or without stress "
        f"('AH', 'AH0'), space, and {''.join(_PUNCTUATION).strip()}"
    )


def _load_phonemizer(weights: Weights | WeightEntry | None) -> Callable[..., list[str]]:
    if weights is None:
        raise UnsupportedInputError(
            "Texts require a phonemizer, but none was passed: Phonemes(phonemizer=...). Or pass "
            "lists of phonemes, as in [['HH', 'AH0', 'L', 'OW1']]."
        )
    try:
        from dp.phonemizer import Phonemizer  # type: ignore[import-not-found, import-untyped, unused-ignore]
        from dp.preprocessing.text import LanguageTokenizer, Preprocessor, SequenceTokenizer  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ModuleNotFoundError as cause:
        raise MissingDependencyError(
            "Turning text into phonemes needs the package deep-phonemizer (without it, pass lists "
            "of phonemes, as in [['HH', 'AH0', 'L', 'OW1']])",
            requirement="dapi-audio[phonemes]",
        ) from cause
    path = weights.fetch()
    allowed = [LanguageTokenizer, Preprocessor, SequenceTokenizer]
    try:
        with _quiet("dp"), torch.serialization.safe_globals(allowed):
            phonemize: Callable[..., list[str]] = Phonemizer.from_checkpoint(str(path))
    except (EOFError, KeyError, RuntimeError, UnpicklingError) as cause:
        reason = f"it does not contain a phonemizer ({type(cause).__name__})"
        raise CheckpointError(path, source=str(weights), reason=reason) from cause
    return phonemize


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Suppress a logger's messages, which are for its authors."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(level)
