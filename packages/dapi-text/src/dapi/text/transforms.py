"""From text to tensors: the ``transforms`` of the entries of dapi.text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import tokenizers
import torch
from tokenizers import pre_tokenizers

from dapi.text import _sentencepiece

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

__all__ = ["SentencePieceTokenizer", "Tokenizer"]

MASKS: Final = ("[MASK]", "<mask>")
# How transformers names the special tokens that vocabularies have.
_ROLES: Final[Mapping[str, tuple[str, ...]]] = {
    "bos_token": ("<s>",),
    "cls_token": ("[CLS]", "<s>"),
    "eos_token": ("</s>",),
    "mask_token": MASKS,
    "sep_token": ("[SEP]", "</s>"),
    "unk_token": ("[UNK]", "<unk>"),
}


class Tokenizer:
    """Turn text into a batch of token ids.

    Built from a published ``tokenizer.json`` alone: that file is complete (normalization,
    splitting, vocabulary, merges, special tokens), while classes that take a vocabulary by
    parameter name accept a wrong one without an error, and then know no word. The file's padding
    and truncation are replaced by the arguments.

    Args:
        file: The ``tokenizer.json``.
        max_length: Maximum number of tokens of each text, including special ones; longer texts are
            truncated.
        padding: The token with which shorter texts of a batch are padded at their end.
        blank: Whether to accept texts of white space only. A classifier would give them some label
            anyway.
        special_tokens: Whether special tokens in a text, such as ``</s>`` and ``<mask>``, are
            interpreted. By default they are plain text, so that no user's text ends a sequence or
            counts as padding.

    Raises:
        ValueError: The file is not a tokenizer, it does not know ``padding``, or ``max_length``
            leaves no room for text.

    Attributes:
        tokenizer: The ``tokenizers.Tokenizer``: to decode ids, or to look tokens up.
        max_length: The argument.
        padding: The argument.
        blank: The argument.
        special_tokens: The argument.
    """

    def __init__(
        self,
        file: str | Path,
        *,
        max_length: int,
        padding: str,
        blank: bool = True,
        special_tokens: bool = False,
    ) -> None:
        self._prepare(
            read(file),
            file,
            max_length=max_length,
            padding=padding,
            blank=blank,
            special_tokens=special_tokens,
        )

    def _prepare(
        self,
        tokenizer: tokenizers.Tokenizer,
        file: str | Path,
        *,
        max_length: int,
        padding: str,
        blank: bool = True,
        special_tokens: bool = False,
    ) -> None:
        self.tokenizer = tokenizer
        self.blank, self.special_tokens = blank, special_tokens
        pad_id = tokenizer.token_to_id(padding)
        if pad_id is None:
            raise ValueError(f"The tokenizer {file} has no token {padding!r}.")
        # With a smaller number, tokenizers would keep everything.
        fewest = tokenizer.num_special_tokens_to_add(is_pair=False) + 1
        if max_length < fewest:
            raise ValueError(
                f"max_length={max_length} leaves no room for text. Expected at least {fewest}: "
                "special tokens count."
            )
        self.max_length, self.padding = max_length, padding
        tokenizer.enable_truncation(max_length)
        tokenizer.enable_padding(pad_id=pad_id, pad_token=padding)
        tokenizer.encode_special_tokens = not special_tokens  # i.e. encode as text
        if not special_tokens:
            _split_special_tokens(tokenizer)

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__dict__.update(state)
        # tokenizers pickles the file, which does not contain this.
        self.tokenizer.encode_special_tokens = not self.special_tokens

    def __call__(self, text: str | Sequence[str]) -> dict[str, torch.Tensor]:
        """Tokenize one text, or several as one batch.

        Args:
            text: A text, or several: at least one.

        Returns:
            ``input_ids`` and ``attention_mask`` (1 for a token, 0 for padding), both ``(N, L)``
            and int64, L being the length of the longest text: the arguments of the model.

        Raises:
            TypeError: One of the texts is not a str.
            ValueError: There is no text, a blank one that is not accepted, or one that is not
                Unicode.
        """
        if not isinstance(text, Iterable):
            raise TypeError(f"Expected a str or a sequence of str; got {text!r}.")
        texts = [text] if isinstance(text, str) else list(text)
        wrong = [each for each in texts if not isinstance(each, str)]
        if wrong:
            raise TypeError(f"Expected a str or a sequence of str; got {wrong[0]!r} in it.")
        if not texts:
            raise ValueError("Expected at least one text; got an empty sequence.")
        blank = [number for number, each in enumerate(texts, start=1) if not each.strip()]
        if blank and not self.blank:
            raise ValueError(f"Text {blank[0]} of {len(texts)} is blank. Expected text with words.")
        try:
            encodings = self.tokenizer.encode_batch(texts)
        except TypeError as cause:  # of str, nothing else is refused
            raise ValueError(
                "A text has a lone surrogate, which is not a character. Expected Unicode: decode "
                "bytes without errors='surrogateescape'."
            ) from cause
        return {
            "input_ids": torch.tensor([each.ids for each in encodings]),
            "attention_mask": torch.tensor([each.attention_mask for each in encodings]),
        }

    def as_transformers(self, *, token_types: bool = False) -> PreTrainedTokenizerFast:
        """Return the same tokenizer for transformers: pipelines, collators, ``Trainer``.

        It makes the ids that this object makes, if it is called with ``truncation=True``, and knows
        ``pad_token``, ``model_max_length`` and the other special tokens. Like this object, it reads
        special tokens in a text as plain text; a pipeline for ``"fill-mask"`` needs
        ``transforms(special_tokens=True)``. Uses no network.

        Args:
            token_types: Whether it also returns ``token_type_ids``, by which BERT and ELECTRA
                distinguish the two texts of a pair.
        """
        from transformers import PreTrainedTokenizerFast

        known = {each.content: each for each in self.tokenizer.get_added_tokens_decoder().values()}
        roles = {
            role: known[name]
            for role, names in _ROLES.items()
            for name in reversed(names)
            if name in known
        }
        types = ["token_type_ids"] if token_types else []
        return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
            tokenizer_object=self.tokenizer,
            model_max_length=self.max_length,
            model_input_names=["input_ids", *types, "attention_mask"],
            pad_token=self.padding,
            split_special_tokens=not self.special_tokens,
            clean_up_tokenization_spaces=False,
            **roles,
        )

    def __repr__(self) -> str:
        size = self.tokenizer.get_vocab_size()
        return f"{type(self).__name__}({size} tokens, max_length={self.max_length})"


class SentencePieceTokenizer(Tokenizer):
    """Like ``Tokenizer``, for a vocabulary that was published as a SentencePiece model only.

    Splits as transformers' DebertaV2Tokenizer does, after the model's own normalization (if any),
    as in SentencePiece itself.

    Args:
        file: The ``.model``, of the kind "unigram".
        max_length: As in ``Tokenizer``.
        padding: As in ``Tokenizer``.
        start: The token before each text.
        end: The token after each text.
        added: Special tokens that follow the model's own.
        special_tokens: As in ``Tokenizer``.

    Raises:
        ValueError: The file is not such a model, or does not know one of the tokens.
    """

    def __init__(
        self,
        file: str | Path,
        *,
        max_length: int,
        padding: str,
        start: str,
        end: str,
        added: Sequence[str] = (),
        special_tokens: bool = False,
    ) -> None:
        tokenizer = _sentencepiece.read(file)
        tokenizer.add_special_tokens(list(added))
        ids = {token: tokenizer.token_to_id(token) for token in (start, end)}
        missing = [token for token, found in ids.items() if found is None]
        if missing:
            raise ValueError(f"The tokenizer {file} has no token {missing[0]!r}.")
        tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
            single=f"{start} $A {end}", special_tokens=list(ids.items())
        )
        self._prepare(
            tokenizer, file, max_length=max_length, padding=padding, special_tokens=special_tokens
        )


def _split_special_tokens(tokenizer: tokenizers.Tokenizer) -> None:
    """Split special tokens in a text after their first letter.

    Unigram models have them among their pieces, with the highest score, and would find them even
    when they are not interpreted.
    """
    special = [
        token.content for token in tokenizer.get_added_tokens_decoder().values() if token.special
    ]
    if not special:
        return
    pattern = "|".join(f"{re.escape(token[0])}(?={re.escape(token[1:])})" for token in special)
    split = pre_tokenizers.Split(tokenizers.Regex(pattern), "merged_with_previous")
    others = tokenizer.pre_tokenizer
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([others, split] if others else [split])


def read(file: str | Path) -> tokenizers.Tokenizer:
    """Read a ``tokenizer.json``.

    Raises:
        ValueError: The file is not a tokenizer.
    """
    try:
        return tokenizers.Tokenizer.from_file(str(file))
    except Exception as cause:  # it has no more precise error
        raise ValueError(f"{file} is not a tokenizer.json: {cause}.") from cause
