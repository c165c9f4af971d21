"""Tacotron 2: from symbols of text to a mel spectrogram."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dapi import (
    Asset,
    Build,
    BuilderConfig,
    LegacyArgument,
    Lines,
    WeightEntry,
    Weights,
    WeightsLike,
    lazy,
    register_model,
)
from dapi.audio.models._torchaudio import MODELS, NO_HASH, of_spectrogram, published
from dapi.audio.models.wavernn import SPECTROGRAM, WaveRNNWeights

if TYPE_CHECKING:
    from torchaudio.models import Tacotron2
    from typing_extensions import Unpack

    from dapi.audio.postprocess import GriffinLim
    from dapi.audio.transforms import Characters

_META = {
    "task": "text-to-speech",
    "datasets": ["LJSpeech"],
    "recipe": "https://github.com/pytorch/audio/tree/main/examples/pipeline_tacotron2",
    "sample_rate": 22050,
    "epochs": 1500,
    "language": "en",
}
_CHARACTERS = {**_META, "symbols": "characters", "num_params": 28_136_833}
_PHONEMES = {**_META, "symbols": "phonemes", "num_params": 28_166_529}

# Settings that no shape shows: stated here, so that a change in torchaudio cannot change the
# speech.
_BEHAVIOR = {
    "mask_padding": False,
    "decoder_max_step": 2000,
    "decoder_dropout": 0.1,
    "decoder_early_stopping": True,
    "attention_dropout": 0.1,
    "gate_threshold": 0.5,
}
_38_CHARACTERS = Build(config={"n_symbol": 38}, defaults=_BEHAVIOR)
_96_PHONEMES = Build(config={"n_symbol": 96}, defaults=_BEHAVIOR)

# The phonemizer that these weights were trained with; an entry, so that it is only downloaded when
# a text is turned into phonemes.
_PHONEMIZER = WeightEntry(
    "https://public-asai-dl-models.s3.eu-central-1.amazonaws.com/DeepPhonemizer/"
    "en_us_cmudict_forward.pt",
    meta={"license": "unknown", "hash_source": NO_HASH},
)
_TO_CHARACTERS = lazy("dapi.audio.transforms:Characters")
_TO_PHONEMES = lazy("dapi.audio.transforms:Phonemes", phonemizer=Asset("phonemizer"))

_FOR_GRIFFIN_LIM: dict[str, Any] = {
    "sample_rate": 22050,
    "n_mels": 80,
    "n_fft": 1024,
    "win_length": 1024,
    "hop_length": 256,
    "f_min": 0.0,
    "f_max": 8000.0,
}
_GRIFFIN_LIM = lazy("dapi.audio.postprocess:GriffinLim", **_FOR_GRIFFIN_LIM)
_WAVERNN = lazy(
    "dapi.audio.postprocess:WaveRNNVocoder", sample_rate=22050, weights=Asset("vocoder")
)


class Tacotron2Config(BuilderConfig, total=False):
    """More arguments of ``torchaudio.models.Tacotron2``.

    Attributes:
        mask_padding: Whether the spectrogram is masked after its end.
        n_mels: Mel bands of the spectrogram.
        n_frames_per_step: Frames generated per step; torchaudio supports 1 only.
        symbol_embedding_dim: Width of a symbol's embedding.
        encoder_embedding_dim: Width of the encoder.
        encoder_n_convolution: Its convolutions.
        encoder_kernel_size: Their kernel.
        decoder_rnn_dim: Width of the decoder's LSTM.
        decoder_max_step: Maximum number of frames; longer speech is truncated.
        decoder_dropout: Probability that an output of the LSTM is zeroed in training.
        decoder_early_stopping: Whether inference ends when all of a batch have ended.
        attention_rnn_dim: Width of the attention's LSTM.
        attention_hidden_dim: Width of the attention.
        attention_location_n_filter: Filters over the attention so far.
        attention_location_kernel_size: Their kernel.
        attention_dropout: Probability that an output of the attention's LSTM is zeroed in training.
        prenet_dim: Width of the layers that see the last frame.
        postnet_n_convolution: Convolutions that refine the spectrogram.
        postnet_kernel_size: Their kernel.
        postnet_embedding_dim: Their channels.
        gate_threshold: Probability from which a frame counts as the last.
    """

    mask_padding: bool
    n_mels: int
    n_frames_per_step: int
    symbol_embedding_dim: int
    encoder_embedding_dim: int
    encoder_n_convolution: int
    encoder_kernel_size: int
    decoder_rnn_dim: int
    decoder_max_step: int
    decoder_dropout: float
    decoder_early_stopping: bool
    attention_rnn_dim: int
    attention_hidden_dim: int
    attention_location_n_filter: int
    attention_location_kernel_size: int
    attention_dropout: float
    prenet_dim: int
    postnet_n_convolution: int
    postnet_kernel_size: int
    postnet_embedding_dim: int
    gate_threshold: float


class Tacotron2Weights(Weights):
    """Weights of ``tacotron2``, as torchaudio publishes them.

    Each has an alphabet (characters, or ARPAbet phonemes) and was trained on the spectrograms of
    one vocoder; none outdates another. The first needs no other file or package.
    """

    LJSpeech_CharactersGriffinLim_RefV1 = published(
        f"{MODELS}tacotron2_english_characters_1500_epochs_ljspeech.pth",
        transforms=_TO_CHARACTERS,
        postprocess=_GRIFFIN_LIM,
        meta={
            **_CHARACTERS,
            **of_spectrogram(_FOR_GRIFFIN_LIM),
            "known_as": ("TACOTRON2_GRIFFINLIM_CHAR_LJSPEECH",),
        },
        build=_38_CHARACTERS,
    )
    LJSpeech_PhonemesGriffinLim_RefV1 = published(
        f"{MODELS}tacotron2_english_phonemes_1500_epochs_ljspeech.pth",
        transforms=_TO_PHONEMES,
        postprocess=_GRIFFIN_LIM,
        meta={
            **_PHONEMES,
            **of_spectrogram(_FOR_GRIFFIN_LIM),
            "known_as": ("TACOTRON2_GRIFFINLIM_PHONE_LJSPEECH",),
        },
        assets={"phonemizer": _PHONEMIZER},
        build=_96_PHONEMES,
    )
    LJSpeech_CharactersWaveRNN_RefV1 = published(
        f"{MODELS}tacotron2_english_characters_1500_epochs_wavernn_ljspeech.pth",
        transforms=_TO_CHARACTERS,
        postprocess=_WAVERNN,
        meta={
            **_CHARACTERS,
            **of_spectrogram(SPECTROGRAM),
            "known_as": ("TACOTRON2_WAVERNN_CHAR_LJSPEECH",),
        },
        assets={"vocoder": WaveRNNWeights.LJSpeech_RefV1},
        build=_38_CHARACTERS,
    )
    LJSpeech_PhonemesWaveRNN_RefV1 = published(
        f"{MODELS}tacotron2_english_phonemes_1500_epochs_wavernn_ljspeech.pth",
        transforms=_TO_PHONEMES,
        postprocess=_WAVERNN,
        meta={
            **_PHONEMES,
            **of_spectrogram(SPECTROGRAM),
            "known_as": ("TACOTRON2_WAVERNN_PHONE_LJSPEECH",),
        },
        assets={"phonemizer": _PHONEMIZER, "vocoder": WaveRNNWeights.LJSpeech_RefV1},
        build=_96_PHONEMES,
    )


@register_model(
    weights=Tacotron2Weights,
    legacy=(
        # The builder that torchaudio had before its pipelines (audio#1693); a checkpoint's name
        # was that of its file.
        LegacyArgument(
            "checkpoint_name",
            {
                "tacotron2_english_characters_1500_epochs_ljspeech": (
                    Tacotron2Weights.LJSpeech_CharactersGriffinLim_RefV1
                ),
                "tacotron2_english_phonemes_1500_epochs_ljspeech": (
                    Tacotron2Weights.LJSpeech_PhonemesGriffinLim_RefV1
                ),
                "tacotron2_english_characters_1500_epochs_wavernn_ljspeech": (
                    Tacotron2Weights.LJSpeech_CharactersWaveRNN_RefV1
                ),
                "tacotron2_english_phonemes_1500_epochs_wavernn_ljspeech": (
                    Tacotron2Weights.LJSpeech_PhonemesWaveRNN_RefV1
                ),
            },
        ),
    ),
)
def tacotron2(
    *,
    weights: WeightsLike[Tacotron2Weights] | None = None,
    progress: bool = True,
    n_symbol: int = 148,
    **config: Unpack[Tacotron2Config],
) -> Tacotron2:
    """Build a Tacotron 2 (Shen et al. 2018, arXiv:1712.05884), as in torchaudio.

    ``model.infer(tokens, lengths)`` takes symbol ids (N, L), padded with zeros, **longest first**,
    and returns mel spectrograms (N, 80, T) as natural logarithms of the magnitude, their lengths in
    frames, and the attention. Part of its dropout stays on in ``.eval()`` too:
    ``torch.manual_seed`` makes calls reproducible. ``weights.transforms()`` turns text into ids,
    and ``weights.postprocess()`` is the vocoder that turns the spectrograms into waveforms.
    ``model(tokens, token_lengths, mels, mel_lengths)`` is for training.

    Args:
        weights: A member of Tacotron2Weights, any WeightEntry, or None for random initialization.
        progress: Show a progress bar while downloading, on a terminal.
        n_symbol: Size of the alphabet; the weights fix it (38 characters, or 96 phonemes). The
            default is torchaudio's own.
        **config: More arguments, see ``Tacotron2Config``, such as ``decoder_max_step=2000``, the
            maximum length.

    Returns:
        The model, in training mode: call ``.eval()`` to use it.

    Raises:
        DapiError: See ``dapi.build_model``. With weights, this reads the cache and the network.

    Example:
        >>> model = tacotron2(n_symbol=38)
        >>> model.embedding
        Embedding(38, 512)
    """
    from torchaudio.models import Tacotron2

    return Tacotron2(n_symbol=n_symbol, **config)


_SMALL_RECIPE = "recipes/tacotron2_espeak.py"
_SPEAKABLE = Lines("dapi.audio:data/espeak_words.txt")
_SMALL_VOCODER: dict[str, Any] = {
    "sample_rate": 16000,
    "n_mels": 80,
    "n_fft": 1024,
    "win_length": 1024,
    "hop_length": 320,
    "f_min": 0.0,
    "f_max": 8000.0,
}
# Independent of torchaudio's defaults: sizes that shapes show, and behavior that none shows.
_TINY = {
    **_BEHAVIOR,
    "symbol_embedding_dim": 128,
    "encoder_embedding_dim": 128,
    "attention_rnn_dim": 192,
    "attention_hidden_dim": 64,
    "attention_location_n_filter": 8,
    "attention_location_kernel_size": 15,
    "attention_dropout": 0.0,
    "decoder_rnn_dim": 256,
    "decoder_dropout": 0.0,
    "decoder_max_step": 400,
    "prenet_dim": 64,
    "postnet_n_convolution": 4,
    "postnet_embedding_dim": 128,
}


class Tacotron2TinyWeights(Weights, meta={"num_params": 1_568_753}):
    """Weights of ``tacotron2_tiny``. Their file comes with this distribution.

    ``Espeak_RefV1`` speaks English like the synthesizer espeak-ng: numbers and short commands of
    the words in ``meta["vocabulary"]``, in any order. It was trained on phrases of up to five
    words; other words are refused. ``meta["metrics"]`` states how many phrases a recognizer
    transcribes without error; for espeak-ng itself it is 98.75 %, and 97.5 % after resynthesis by
    this vocoder.
    """

    transforms: Callable[..., Characters]
    postprocess: Callable[..., GriffinLim]

    Espeak_RefV1 = WeightEntry(
        "package:dapi.audio/models/data/tacotron2_tiny_espeak_v1.safetensors",
        sha256="fc057a32caea7a0126258bfdd47876057ea5afae125574c62d9b27f99d4975e3",
        size=6289468,
        transforms=lazy("dapi.audio.transforms:Characters", words=_SPEAKABLE),
        postprocess=lazy("dapi.audio.postprocess:GriffinLim", **_SMALL_VOCODER),
        meta={
            "task": "text-to-speech",
            "license": "BSD-3-Clause",
            "license_source": "the LICENSE of this distribution: we trained them",
            "datasets": ["phrases spoken by espeak-ng 1.51 (recipes/espeak_phrases.py)"],
            "not_trained_on": "phrases for which is_held_out is true, in "
            "recipes/espeak_phrases.py: one in ten",
            "metrics": [
                {
                    "dataset": "240 held-out phrases, heard by transformer_ctc_tiny",
                    "name": "sentence accuracy",
                    "value": 97.5,
                    "source": _SMALL_RECIPE,
                }
            ],
            "recipe": _SMALL_RECIPE,
            "paper": "https://arxiv.org/abs/1712.05884",
            "hash_source": "measured from the file in this distribution",
            "language": "en",
            "symbols": "characters",
            "sample_rate": 16000,
            **of_spectrogram(_SMALL_VOCODER),
            "vocabulary": _SPEAKABLE,
        },
        latest=True,
        build=Build(config={"n_symbol": 38}),
    )


@register_model(weights=Tacotron2TinyWeights)
def tacotron2_tiny(
    *,
    weights: WeightsLike[Tacotron2TinyWeights] | None = None,
    progress: bool = True,
    n_symbol: int = 38,
    **config: Unpack[Tacotron2Config],
) -> Tacotron2:
    """Build a Tacotron 2 of 1.6 million parameters instead of 28, which trains in minutes on a CPU.

    It is torchaudio's class at a small size. ``model.infer(tokens, lengths)`` takes symbol ids (N,
    L), padded with zeros, **longest first**, as ``weights.transforms()`` makes them from text. It
    returns mel spectrograms (N, 80, T) as natural logarithms of the magnitude, their lengths in
    frames, and the attention; ``weights.postprocess()`` turns them into waveforms. In the weights
    ``Espeak_RefV1``, frames are 20 ms apart. They come with this distribution: loading them does
    not touch the network.

    Args:
        weights: A member of Tacotron2TinyWeights, any WeightEntry, or None for random
            initialization.
        progress: Show a progress bar while downloading other weights, on a terminal.
        n_symbol: Size of the alphabet; the weights fix it.
        **config: More arguments, see ``Tacotron2Config``, such as ``decoder_max_step=800``, the
            maximum length; 400 by default, 8 seconds.

    Returns:
        The model, in training mode: call ``.eval()`` to use it.

    Raises:
        DapiError: See ``dapi.build_model``.

    Example:
        >>> import torch
        >>> weights = Tacotron2TinyWeights.Espeak_RefV1
        >>> model = tacotron2_tiny(weights=weights).eval()
        >>> ids, lengths = weights.transforms()("Open the red door.")
        >>> with torch.inference_mode():
        ...     spectrogram, frames, _ = model.infer(ids, lengths)
        >>> waveform, samples = weights.postprocess()(spectrogram, frames)
        >>> 1.0 < samples.item() / weights.meta["sample_rate"] < 2.0
        True
    """
    from torchaudio.models import Tacotron2

    return Tacotron2(n_symbol=n_symbol, **{**_TINY, **config})
