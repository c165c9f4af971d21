"""Turn the outputs of models into sounds and text for people.

Vocoders are modules, called with spectrograms and their lengths, and return waveforms and theirs;
the others turn logits and hypotheses into text, and name the sources or the scores of a model.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor, nn

from dapi import WeightEntry
from dapi.audio.exceptions import AssetError, UnsupportedInputError
from dapi.exceptions import MissingDependencyError

if TYPE_CHECKING:
    from torchaudio.models import Hypothesis, WaveRNN

    from dapi.audio.models.wavernn import WaveRNNWeights


class GriffinLim(nn.Module):
    """Estimate the phase of a spectrogram (Griffin and Lim 1984). Needs no weights.

    The estimate begins with random phases: ``torch.manual_seed`` makes calls reproducible. Computes
    on the device of the spectrogram, to which it moves, in float32, without gradients.

    Args:
        sample_rate: Samples per second of the waveform.
        n_mels: Bands of the mel spectrogram.
        n_fft: Size of the Fourier transform.
        win_length: Size of its window, in samples.
        hop_length: Samples between two frames.
        f_min: Lowest frequency of the bands, in Hz.
        f_max: Highest frequency of the bands, in Hz.
    """

    def __init__(
        self,
        *,
        sample_rate: int = 22050,
        n_mels: int = 80,
        n_fft: int = 1024,
        win_length: int = 1024,
        hop_length: int = 256,
        f_min: float = 0.0,
        f_max: float = 8000.0,
    ) -> None:
        from torchaudio import transforms

        super().__init__()
        self.sample_rate, self.n_mels, self.hop_length = sample_rate, n_mels, hop_length
        # The padding of the transform, n_fft // 2, must be shorter than the waveform.
        self._min_frames = n_fft // 2 // hop_length + 2
        self._from_mel = transforms.InverseMelScale(
            n_stft=n_fft // 2 + 1,
            n_mels=n_mels,
            sample_rate=sample_rate,
            f_min=f_min,
            f_max=f_max,
            norm="slaney",
            mel_scale="slaney",
        )
        self._to_waveform = transforms.GriffinLim(
            n_fft=n_fft, win_length=win_length, hop_length=hop_length, power=1
        )
        self.eval()

    def forward(self, mel: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Turn spectrograms into waveforms.

        Args:
            mel: Log mel spectrograms (N, n_mels, T).
            lengths: Their lengths in frames (N,); None if all are T long.

        Returns:
            The waveforms (N, (T - 1) * hop_length), nominally in [-1, 1], and their lengths in
            samples (torchaudio's own vocoder returns frames). Samples after a waveform's length are
            padding.

        Raises:
            UnsupportedInputError: The shape is wrong, or the spectrogram is too short.
        """
        _check(mel, bands=self.n_mels, frames=self._min_frames)
        self.to(mel.device, torch.float32)
        with torch.no_grad():
            magnitudes = self._from_mel(torch.exp(mel.float()))
            waveforms: Tensor = self._to_waveform(magnitudes)
        if lengths is None:
            return waveforms, None
        return waveforms, (lengths - 1).clamp(min=0) * self.hop_length


class WaveRNNVocoder(nn.Module):
    """Draw a waveform sample by sample from a WaveRNN.

    The model is built, and its weights are downloaded, when ``model`` is first read or on the first
    call: before, the module has no parameters. Samples are drawn from torch's random state:
    ``torch.manual_seed`` makes calls reproducible. Slow on a CPU. Computes on the device of the
    spectrogram, to which it moves, in float32, without gradients.

    Args:
        weights: Of ``dapi.audio.wavernn``. Their ``transforms`` make the model's input from the
            spectrogram, and their ``postprocess`` decodes its output.
        sample_rate: Samples per second of the waveform.
    """

    def __init__(self, *, weights: WaveRNNWeights | WeightEntry, sample_rate: int = 22050) -> None:
        super().__init__()
        self.weights, self.sample_rate = weights, sample_rate
        self._normalize, self._decode = weights.transforms(), weights.postprocess()
        self._built: WaveRNN | None = None
        self.eval()

    @property
    def model(self) -> WaveRNN:
        """The model, in evaluation mode. Reading it the first time may touch the network."""
        from dapi.audio.models.wavernn import wavernn

        if self._built is None:
            # Built on the first call, it must not move the random state that samples come from.
            with torch.random.fork_rng(devices=[]):
                self._built = wavernn(weights=self.weights).eval()
        return self._built

    def forward(self, mel: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Turn spectrograms into waveforms.

        Args:
            mel: Log mel spectrograms (N, 80, T).
            lengths: Their lengths in frames (N,); None if all are T long.

        Returns:
            The waveforms (N, T * 275), in [-1, 1], and their lengths in samples. Samples after a
            waveform's length are padding.

        Raises:
            UnsupportedInputError: The shape is wrong.
            FetchError: The weights could not be downloaded.
        """
        _check(mel, bands=self.weights.build.config.get("n_freq", 80), frames=1)
        model = self.model.to(mel.device, torch.float32)
        with torch.no_grad():
            waveforms, lengths = model.infer(self._normalize(mel.float()), lengths)
            return self._decode(waveforms).squeeze(1), lengths


class MuLawWaveform:
    """Decode the output of a WaveRNN: mu-law levels, scaled to [-1, 1], to a waveform.

    Args:
        bits: Bits per level; there are 2 ** ``bits`` levels.
    """

    def __init__(self, bits: int = 8) -> None:
        self.bits = bits

    def __call__(self, waveform: Tensor) -> Tensor:
        """Return the waveform, in [-1, 1] and of the same shape."""
        from torchaudio.functional import mu_law_decoding

        highest = 2**self.bits - 1
        levels = (torch.clamp(waveform, -1, 1) + 1.0) * highest / 2
        decoded: Tensor = mu_law_decoding(torch.clamp(levels, 0, highest).int(), highest + 1)
        return decoded

    def __repr__(self) -> str:
        return f"MuLawWaveform(bits={self.bits})"


class CTCText:
    """Decode text greedily from the logits of a model that was trained with CTC.

    The most probable label of each frame, without repetitions and blanks; ``|`` ends a word. A
    search with a language model finds better text: ``torchaudio.models.decoder`` has one, which
    accepts the same ``labels``.

    Args:
        labels: The label of each output, one character each; the first is the blank.
        words: The vocabulary of weights that learned no other words: each decoded word is replaced
            by the nearest of them (the first of equally near ones). Words are dropped if their
            letters are improbable, with a mean probability below 0.5, or if three in five or more
            would have to change, so silence and most noise become an empty text. None returns the
            letters unchanged.

    Example:
        >>> frames = torch.tensor([1, 1, 0, 1, 2, 3, 3])
        >>> logits = 9 * torch.eye(4)[frames].unsqueeze(0)
        >>> CTCText("-A|B")(logits)
        ['AA B']
        >>> CTCText("-A|B", words=("AAA", "BB"))(logits)
        ['AAA BB']
        >>> CTCText("-A|B", words=("AAA", "BB"))(logits / 9)
        ['']
    """

    # Measured with recipes/ctc_espeak.py: these limits add no error to speech, and what the
    # recognizer reads into noise is mostly beyond one of them.
    _LEAST_PROBABLE: Final = 0.5
    _FARTHEST: Final = 0.6

    def __init__(self, labels: Sequence[str], *, words: Sequence[str] | None = None) -> None:
        self.labels, self.words = tuple(labels), words

    def __call__(self, logits: Tensor, lengths: Tensor | None = None) -> list[str]:
        """Return the text of each item of a batch.

        Args:
            logits: Of the model (N, frames, labels).
            lengths: The number of valid frames of each (N,); None if all are.

        Raises:
            UnsupportedInputError: They are not a tensor of that shape, or some are NaN.
        """
        if not isinstance(logits, Tensor):
            raise UnsupportedInputError(
                f"The logits are of {type(logits).__qualname__}. Expected a tensor: pass "
                "them and their lengths separately, as in postprocess(*model(waveforms))."
            )
        if logits.ndim != 3 or logits.shape[2] != len(self.labels):
            raise UnsupportedInputError(
                f"The logits have the shape {tuple(logits.shape)}. Expected (N, frames, "
                f"{len(self.labels)}), as the model returns them."
            )
        refuse_nan(logits)
        probabilities, paths = logits.detach().float().softmax(dim=2).max(dim=2)
        ends = [paths.shape[1]] * len(paths) if lengths is None else lengths.tolist()
        rows = zip(paths.cpu(), probabilities.cpu(), ends, strict=True)
        return [self._spell(path[:end], probable[:end]) for path, probable, end in rows]

    def _spell(self, path: Tensor, probabilities: Tensor) -> str:
        labels, counts = torch.unique_consecutive(path, return_counts=True)
        runs = zip(labels.tolist(), torch.split(probabilities, counts.tolist()), strict=True)
        letters = [(self.labels[label], float(run.max())) for label, run in runs if label]
        if not self.words:
            return "".join(letter for letter, _ in letters).replace("|", " ").strip()
        parts = groupby(letters, key=lambda each: each[0] == "|")
        words = [self._recognise([*part], self.words) for is_end, part in parts if not is_end]
        return " ".join(filter(None, words))

    def _recognise(self, letters: list[tuple[str, float]], words: Sequence[str]) -> str:
        """Return the word that letters stand for, or nothing."""
        from torchaudio.functional import edit_distance

        heard = "".join(letter for letter, _ in letters)
        known = ((edit_distance(word, heard), word) for word in words)
        distance, nearest = min(known, key=itemgetter(0))
        is_probable = fmean(probability for _, probability in letters) >= self._LEAST_PROBABLE
        is_near = distance < self._FARTHEST * max(len(heard), len(nearest))
        return nearest if is_probable and is_near else ""

    def __repr__(self) -> str:
        words = "" if self.words is None else f", words={self.words!r}"
        return f"CTCText({''.join(self.labels)!r}{words})"


class TransducerText:
    """Write the hypotheses of ``torchaudio.models.RNNTBeamSearch`` as text.

    Needs the package sentencepiece. Touches no network.

    Args:
        pieces: A SentencePiece model: the word pieces of the tokens.

    Raises:
        MissingDependencyError: sentencepiece is not installed.
        AssetError: ``pieces`` is not such a model.
    """

    def __init__(self, *, pieces: str | Path) -> None:
        self._pieces = _load_pieces(Path(pieces))
        self._silent = {self._pieces.unk_id(), self._pieces.eos_id(), self._pieces.pad_id()}

    def __call__(self, hypotheses: Sequence[Hypothesis]) -> list[str]:
        """Return the text of each hypothesis, in the order given: the search's best first."""
        return [self._write(tokens) for tokens, *_ in hypotheses]

    def _write(self, tokens: list[int]) -> str:
        # The first is the blank that every search begins with.
        spoken = [token for token in tokens[1:] if token not in self._silent]
        return "".join(self._pieces.id_to_piece(spoken)).replace("\u2581", " ").lstrip()

    def __repr__(self) -> str:
        return f"TransducerText(pieces={len(self._pieces)})"


class Sources:
    """Name the sources that a model separated.

    Args:
        names: Of the sources, in the order of the model's output.

    Raises:
        ValueError: Two of them are equal.

    Example:
        >>> separated = Sources(["voice", "noise"])(torch.zeros(1, 2, 8000))
        >>> {name: tuple(waveforms.shape) for name, waveforms in separated.items()}
        {'voice': (1, 8000), 'noise': (1, 8000)}
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = _distinct(names)

    def __call__(self, separated: Tensor) -> dict[str, Tensor]:
        """Return the waveforms (N, ..., T) of each source, by name.

        Args:
            separated: The model's output (N, sources, ..., T).

        Raises:
            UnsupportedInputError: The shape is wrong.
        """
        if separated.ndim < 3 or separated.shape[1] != len(self.names):
            raise UnsupportedInputError(
                f"The sources have the shape {tuple(separated.shape)}. Expected (N, "
                f"{len(self.names)}, ..., T): {', '.join(self.names)}."
            )
        return dict(zip(self.names, separated.unbind(dim=1), strict=True))

    def __repr__(self) -> str:
        return f"Sources({list(self.names)})"


class Scores:
    """Name the scores that a model estimated.

    Args:
        names: Of the scores, in the order of the model's output.

    Raises:
        ValueError: Two of them are equal.

    Example:
        >>> Scores(["STOI", "PESQ"])([torch.tensor([0.75]), torch.tensor([2.5])])
        [{'STOI': 0.75, 'PESQ': 2.5}]
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = _distinct(names)

    def __call__(self, scores: Tensor | Sequence[Tensor]) -> list[dict[str, float]]:
        """Return the scores of each item of a batch, by name.

        Args:
            scores: The model's output: a tensor (N,) for each score, or a single one.

        Raises:
            UnsupportedInputError: They are more, or fewer.
        """
        columns = [scores] if isinstance(scores, Tensor) else list(scores)
        if len(columns) != len(self.names):
            raise UnsupportedInputError(
                f"There are {len(columns)} scores. Expected {len(self.names)}: "
                f"{', '.join(self.names)}."
            )
        rows = zip(*(column.tolist() for column in columns), strict=True)
        return [dict(zip(self.names, row, strict=True)) for row in rows]

    def __repr__(self) -> str:
        return f"Scores({list(self.names)})"


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Refuse equal names in results by name: one would replace the other."""
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise ValueError(
            f"The names have {', '.join(map(repr, repeated))} more than once. Results are keyed by "
            "name: use unique names."
        )
    return tuple(names)


def refuse_nan(logits: Tensor) -> None:
    """Refuse NaN logits, which would pass for silence or for any alignment.

    Raises:
        UnsupportedInputError: Some are NaN.
    """
    if logits.isnan().any():
        raise UnsupportedInputError(
            "Some logits are NaN. Expected the logits of a finite waveform: where the model "
            "computes in half precision, build it with dtype=torch.float32."
        )


def _load_pieces(path: Path) -> Any:
    try:
        from sentencepiece import SentencePieceProcessor
    except ModuleNotFoundError as cause:
        raise MissingDependencyError(
            "Writing the tokens of an RNN-T as text needs the package sentencepiece",
            requirement="dapi-audio[rnnt]",
        ) from cause
    try:
        return SentencePieceProcessor(model_file=str(path))
    except (OSError, RuntimeError) as cause:
        raise AssetError(path, name=path.name, reason="it is not a SentencePiece model") from cause


def _check(mel: Tensor, *, bands: int, frames: int) -> None:
    """Raise a clear error for an input that would fail inside torch."""
    if mel.ndim != 3 or mel.shape[1] != bands or mel.shape[2] < frames:
        raise UnsupportedInputError(
            f"The spectrogram has the shape {tuple(mel.shape)}. Expected (N, {bands}, T): a batch "
            f"of mel spectrograms with {bands} bands and at least {frames} frames."
        )
