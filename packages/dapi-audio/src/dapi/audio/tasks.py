"""Run the tasks of dapi.audio on files; named by the entry points of ``dapi.tasks``.

A sound is a WAV file, or any file that soundfile reads if it is installed. In Python, it is also a
tuple of a waveform and its sample rate.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, cast

from dapi import WeightEntry, Weights
from dapi.audio.exceptions import UnsupportedInputError
from dapi.exceptions import InputError
from dapi.tasks import (
    Batch,
    Input,
    Prediction,
    Predictor,
    find_file,
    place,
    read_texts,
    reads,
    split,
)

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = [
    "audio_to_audio",
    "automatic_speech_recognition",
    "feature_extraction",
    "forced_alignment",
    "speech_quality_assessment",
    "text_to_speech",
    "vocoder",
    "voice_activity_detection",
]

_BEAM = 10  # beam width of the RNN-T search


def _read_sound(source: str, *, channels: int = 1) -> list[Input]:
    """Read a sound; for a model of one channel, the channels are mixed."""
    from dapi.audio import _wav

    waveform, rate = _wav.read(find_file(source, "a sound"))
    if channels == 1:
        waveform = waveform.mean(dim=0, keepdim=True)
    return [Input(source, (waveform, rate))]


def _read_spoken(source: str) -> list[Input]:
    """Read a sound and its transcript: the file of the same name, with ``.txt``."""
    [(_, sound)] = _read_sound(source)
    words = str(Path(source).with_suffix(".txt"))
    find_file(words, "the transcript of the recording")
    return [Input(source, (sound, " ".join(line.value for line in read_texts(words))))]


def _as_sound(value: Any, *, channels: int = 1) -> tuple[Tensor, int]:
    """Return the waveform (channels, T) of floats and the sample rate of a sound in memory."""
    from dapi.audio import _wav

    if not isinstance(value, tuple) or len(value) != 2 or not isinstance(value[1], int):
        expected = "a path, a tuple (waveform, rate), or the argument rate="
        raise InputError(type(value).__name__, "it is not a sound", expected=expected)
    waveform = _wav.as_waveform(value[0])
    return waveform.mean(dim=0, keepdim=True) if channels == 1 else waveform, value[1]


def _as_spoken(value: Any) -> tuple[tuple[Tensor, int], str]:
    """Return a sound and its transcript."""
    if not isinstance(value, tuple) or len(value) != 2 or not isinstance(value[1], str):
        expected = "a path, or a tuple ((waveform, rate), transcript)"
        raise InputError(type(value).__name__, "it is not a sound with words", expected=expected)
    return _as_sound(value[0]), value[1]


def _check_is_of_one_sound(weights: Weights | WeightEntry) -> None:
    """Refuse weights that compare two sounds."""
    scores: Any = weights.postprocess()
    if "MOS" in scores.names:
        reason = "they compare two recordings, one of them clean speech"
        raise InputError(
            str(weights), reason, expected="squim_objective_base, which needs one recording"
        )


def _refuse(weights: Weights | WeightEntry) -> NoReturn:
    """Raise the error that vocoders need spectrograms, which have no file format."""
    reason = "these weights convert spectrograms to sound, and spectrograms have no file format"
    expected = "weights that use this vocoder: tacotron2:LJSpeech_CharactersWaveRNN_RefV1"
    raise InputError(str(weights), reason, expected=expected)


@reads(_read_sound)
def automatic_speech_recognition(model: nn.Module, weights: Weights | WeightEntry) -> Predictor:
    """Transcribe speech."""
    preprocess, postprocess = weights.transforms(), weights.postprocess()
    is_transducer = "blank" in weights.meta  # its search takes one input at a time
    listen = _transducer(model, weights) if is_transducer else _ctc(model)

    def prepare(sound: tuple[Tensor, int]) -> Any:
        return preprocess(*sound)

    def run(waveforms: Any) -> list[Any]:
        output = listen(place(waveforms, model))
        return [output] if is_transducer else split(output, len(waveforms))

    def present(_: tuple[Tensor, int], output: Any) -> Prediction:
        return Prediction({"text": postprocess(*output)[0]}, output=output)

    batch = Batch(prepare, run, present)
    at_once = None if is_transducer else batch
    return Predictor(_read_sound, batch.predict, accept=_as_sound, batch=at_once)


@reads(read_texts)
def text_to_speech(model: Any, weights: Weights | WeightEntry) -> Predictor:
    """Speak texts."""
    preprocess, vocoder = weights.transforms(), cast("Any", weights.postprocess())

    def predict(text: str) -> Prediction:
        _check_symbols(text, getattr(preprocess, "symbols", ()))
        spectrogram, lengths, _ = model.infer(*place(preprocess(text), model))
        waveforms, lengths = vocoder(spectrogram, lengths)
        spoken = waveforms[0, : lengths[0]]
        if not len(spoken):
            raise UnsupportedInputError(f"{text!r} is not spoken: the model stops immediately.")
        seconds = round(len(spoken) / vocoder.sample_rate, 2)
        files = {"wav": partial(_write, spoken, vocoder.sample_rate)}
        return Prediction({"seconds": seconds}, files, spoken)

    return Predictor(read_texts, predict)


@reads(_read_sound)
def audio_to_audio(model: nn.Module, weights: Weights | WeightEntry) -> Predictor:
    """Separate sounds into their sources."""
    preprocess, postprocess = cast("Any", weights.transforms()), weights.postprocess()
    rate = preprocess.sample_rate

    def prepare(sound: tuple[Tensor, int]) -> Any:
        return preprocess(*sound).unsqueeze(0)

    def run(waveforms: Tensor) -> list[Any]:
        return split(model(place(waveforms, model)), len(waveforms))

    def present(_: tuple[Tensor, int], output: Tensor) -> Prediction:
        sources = postprocess(output)
        seconds = round(next(iter(sources.values())).shape[-1] / rate, 2)
        written = {f"{name}.wav": partial(_write, each[0], rate) for name, each in sources.items()}
        return Prediction({"seconds": seconds, "sources": list(sources)}, written, sources)

    channels = preprocess.channels
    accept = partial(_as_sound, channels=channels)
    read, batch = partial(_read_sound, channels=channels), Batch(prepare, run, present)
    return Predictor(read, batch.predict, accept=accept, batch=batch)


@reads(_read_sound, check=_check_is_of_one_sound)
def speech_quality_assessment(model: nn.Module, weights: Weights | WeightEntry) -> Predictor:
    """Estimate how good speech sounds."""
    preprocess, postprocess = weights.transforms(), weights.postprocess()
    _check_is_of_one_sound(weights)

    def prepare(sound: tuple[Tensor, int]) -> Any:
        return preprocess(*sound)

    def run(waveforms: Tensor) -> list[Any]:
        return split(model(place(waveforms, model)), len(waveforms))

    def present(_: tuple[Tensor, int], output: Any) -> Prediction:
        [scores] = postprocess(output)
        return Prediction({name: round(value, 3) for name, value in scores.items()}, output=output)

    batch = Batch(prepare, run, present)
    return Predictor(_read_sound, batch.predict, accept=_as_sound, batch=batch)


@reads(_read_spoken)
def forced_alignment(model: nn.Module, weights: Weights | WeightEntry) -> Predictor:
    """Align each word of a transcript: the file of the same name, with ``.txt``."""
    preprocess, align = cast("Any", weights.transforms()), weights.postprocess()

    def prepare(spoken: tuple[tuple[Tensor, int], str]) -> Any:
        return preprocess(*spoken[0])

    def run(waveforms: Tensor) -> list[Any]:
        logits, *_ = model(place(waveforms, model))
        return split((waveforms, logits), len(waveforms))

    def present(
        spoken: tuple[tuple[Tensor, int], str], output: tuple[Tensor, Tensor]
    ) -> Prediction:
        from dapi.audio import _drawing

        waveform, logits = output
        seconds = waveform.shape[-1] / preprocess.sample_rate
        rows = [
            {"word": each.text, "start": each.start, "end": each.end, "score": round(each.score, 4)}
            for each in align(logits, spoken[1].lower())
        ]
        drawn = partial(_drawing.words, waveform=waveform[0], seconds=seconds, found=rows)
        return Prediction({"words": rows}, {"words.svg": drawn}, logits)

    batch = Batch(prepare, run, present)
    return Predictor(_read_spoken, batch.predict, accept=_as_spoken, batch=batch)


@reads(_read_sound)
def voice_activity_detection(model: nn.Module, weights: Weights | WeightEntry) -> Predictor:
    """Find segments of speech, and draw them."""
    preprocess, postprocess = cast("Any", weights.transforms()), weights.postprocess()

    def prepare(sound: tuple[Tensor, int]) -> Any:
        return preprocess(*sound)

    def run(waveforms: Tensor) -> list[tuple[Tensor, Tensor]]:
        probabilities, _ = model(place(waveforms, model))
        return split((waveforms, probabilities), len(waveforms))

    def present(_: tuple[Tensor, int], output: tuple[Tensor, Tensor]) -> Prediction:
        from dapi.audio import _drawing

        waveform, probabilities = output
        seconds = waveform.shape[-1] / preprocess.sample_rate
        [segments] = postprocess(probabilities, [seconds])
        rows = [{"start": round(each.start, 2), "end": round(each.end, 2)} for each in segments]
        spoken = sum(each.end - each.start for each in segments)
        facts = {"seconds": round(seconds, 2), "spoken": round(spoken, 2), "speech": rows}
        drawn = partial(_drawing.speech, waveform=waveform[0], seconds=seconds, segments=segments)
        return Prediction(facts, {"speech.svg": drawn}, probabilities)

    batch = Batch(prepare, run, present)
    return Predictor(_read_sound, batch.predict, accept=_as_sound, batch=batch)


@reads(_read_sound)
def feature_extraction(model: nn.Module, weights: Weights | WeightEntry) -> Predictor:
    """Write the features of each frame of a sound, (frames, width)."""
    preprocess = weights.transforms()

    def prepare(sound: tuple[Tensor, int]) -> Any:
        return preprocess(*sound)

    def run(waveforms: Tensor) -> list[Any]:
        return split(model(place(waveforms, model))[0], len(waveforms))

    def present(_: tuple[Tensor, int], output: Tensor) -> Prediction:
        from safetensors.torch import save_file

        features = output[0].cpu().contiguous()
        facts = {"frames": features.shape[0], "width": features.shape[1]}
        files = {"safetensors": partial(save_file, {"features": features})}
        return Prediction(facts, files, features)

    batch = Batch(prepare, run, present)
    return Predictor(_read_sound, batch.predict, accept=_as_sound, batch=batch)


@reads(_read_sound, check=_refuse)
def vocoder(_model: nn.Module, weights: Weights | WeightEntry) -> Predictor:
    """Raise the error that vocoders need spectrograms, which have no file format."""
    _refuse(weights)


def _ctc(model: nn.Module) -> Callable[[Tensor], Any]:
    """Return a function from a waveform to logits and their lengths."""

    def listen(waveforms: Tensor) -> Any:
        lengths = waveforms.new_full((len(waveforms),), waveforms.shape[-1]).long()
        return model(waveforms, lengths)

    return listen


def _transducer(model: Any, weights: Weights | WeightEntry) -> Callable[[Any], Any]:
    """Return a function from features and their length to hypotheses."""
    from torchaudio.models import RNNTBeamSearch

    search = RNNTBeamSearch(model, blank=weights.meta["blank"])
    return lambda features: (search(*features, _BEAM),)


def _write(waveform: Tensor, sample_rate: int, path: Path) -> None:
    from dapi.audio import _wav

    _wav.write(path, waveform, sample_rate)


def _check_symbols(text: str, symbols: tuple[str, ...]) -> None:
    """Refuse words that would silently lose a part; punctuation may be dropped."""
    letters = {each for each in symbols if len(each) == 1}
    unknown = sorted({each for each in text.lower() if each.isalnum() and each not in letters})
    if symbols and unknown and len(letters) == len(symbols):
        raise UnsupportedInputError(
            f"{', '.join(map(repr, unknown))} cannot be spoken by these weights. Their symbols are "
            f"{' '.join(sorted(letters)).strip()}: spell out numbers and abbreviations."
        )
