"""A small transformer from log mel spectrograms to letters, with weights in this distribution."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dapi import (
    Build,
    BuilderConfig,
    Lines,
    Weights,
    WeightsLike,
    lazy,
    register_model,
)
from dapi.audio.models._speech import dropout, speech

if TYPE_CHECKING:
    from torchaudio.models import Wav2Vec2Model
    from typing_extensions import Unpack

    from dapi.audio.postprocess import CTCText
    from dapi.audio.transforms import Waveform

_RECIPE = "recipes/ctc_espeak.py"
# The first is CTC's blank, "|" ends a word.
_LABELS = "-|abcdefghijklmnopqrstuvwxyz"
_WORDS = Lines("dapi.audio:data/espeak_words.txt")
_HELD_OUT = "48 held-out phrases spoken by held-out voices of espeak-ng"


class TransformerCTCConfig(BuilderConfig, total=False):
    """More arguments of ``torchaudio.models.wav2vec2_model``, from the encoder on.

    Attributes:
        encoder_embed_dim: Width of the transformer.
        encoder_projection_dropout: Probability that a feature is zeroed in training, before the
            transformer.
        encoder_pos_conv_kernel: Kernel size of the positional convolution, in frames.
        encoder_pos_conv_groups: Its groups.
        encoder_num_layers: Layers of the transformer.
        encoder_num_heads: Attention heads of each.
        encoder_attention_dropout: Probability that an attention weight is zeroed in training.
        encoder_ff_interm_features: Width inside the feed-forward layers.
        encoder_ff_interm_dropout: Probability that a value in them is zeroed in training.
        encoder_dropout: The same, after each layer.
        encoder_layer_norm_first: Whether normalization comes before each layer, not after it.
        encoder_layer_drop: Probability that a layer is skipped in training.
    """

    encoder_embed_dim: int
    encoder_projection_dropout: float
    encoder_pos_conv_kernel: int
    encoder_pos_conv_groups: int
    encoder_num_layers: int
    encoder_num_heads: int
    encoder_attention_dropout: float
    encoder_ff_interm_features: int
    encoder_ff_interm_dropout: float
    encoder_dropout: float
    encoder_layer_norm_first: bool
    encoder_layer_drop: float


class TransformerCTCTinyWeights(Weights, meta={"num_params": 739_259}):
    """Weights of ``transformer_ctc_tiny``. Their file comes with this distribution.

    ``Espeak_RefV1`` transcribes English speech of the synthesizer espeak-ng: numbers and short
    commands of the words in ``meta["vocabulary"]``, in any order, also in voices that it was not
    trained on. It does not transcribe human speech or other words, and was not trained on silence
    or noise. Its ``postprocess`` replaces each word by the nearest one of the vocabulary, and drops
    words that are far from any or improbable: silence gives an empty text, and less than one in
    fifty of the noises in its tests (white, brown, hum) becomes a word. ``postprocess(words=None)``
    returns the letters unchanged; their word error rate is ``letters wer`` in ``meta["metrics"]``.
    The metrics are measured on the 48 sounds of the tests; on 480 sounds the word error rate is 4.5
    %, and 9.1 % with letters; on speech of ``SPEAKER`` in ``recipes/espeak_phrases.py``, whose
    accent is in the training set, 0.2 % and 1.0 %.
    """

    transforms: Callable[..., Waveform]
    postprocess: Callable[..., CTCText]

    Espeak_RefV1 = speech(
        "package:dapi.audio/models/data/transformer_ctc_tiny_espeak_v1.safetensors",
        task="automatic-speech-recognition",
        normalize=True,
        sha256="6e338b046c66ba2e2f52477277ffec69807a046917cfdfa5097cebf8445da383",
        size=3001252,
        postprocess=lazy("dapi.audio.postprocess:CTCText", labels=_LABELS, words=_WORDS),
        build=Build(config={"aux_num_out": len(_LABELS)}, defaults=dropout(layer=0.1)),
        meta={
            "license": "BSD-3-Clause",
            "license_source": "the LICENSE of this distribution: we trained them",
            "datasets": ["phrases spoken by espeak-ng 1.51 (recipes/espeak_phrases.py)"],
            "not_trained_on": "voices of HELD_OUT_VOICES, and phrases for which is_held_out is "
            "true, in recipes/espeak_phrases.py",
            "metrics": [
                {"dataset": _HELD_OUT, "name": "wer", "value": 4.85, "source": _RECIPE},
                {"dataset": _HELD_OUT, "name": "letters wer", "value": 7.27, "source": _RECIPE},
            ],
            "recipe": _RECIPE,
            "hash_source": "measured from the file in this distribution",
            "language": "en",
            "n_fft": 400,
            "n_mels": 40,
            "hop_length": 160,
            "labels": list(_LABELS),
            "vocabulary": _WORDS,
        },
    )


@register_model(weights=TransformerCTCTinyWeights, head="aux")
def transformer_ctc_tiny(
    *,
    weights: WeightsLike[TransformerCTCTinyWeights] | None = None,
    progress: bool = True,
    aux_num_out: int | None = None,
    **config: Unpack[TransformerCTCConfig],
) -> Wav2Vec2Model:
    """Build a transformer of 0.7 million parameters, from log mel spectrograms to letters.

    It is a wav2vec 2.0 (Baevski et al. 2020, arXiv:2006.11477) as in torchaudio, with four layers
    of width 128 and the same interface, but over the logarithm of a mel spectrogram and three
    convolutions, so that it trains on a CPU in minutes, without pretraining: with CTC (Graves et
    al. 2006) from transcripts alone.

    ``model(waveforms, lengths)`` takes waveforms (N, T) of 16,000 samples per second, of mean 0 and
    variance 1, and their lengths in samples, or None. It returns logits (N, frames, aux_num_out), a
    frame each 30 ms, and their lengths; ``weights.postprocess()`` decodes text from them. Without a
    head it returns features (N, frames, 128). ``weights.transforms()`` makes the input from one
    recording, its ``batch`` from several. A batch with lengths gives the same results as its
    waveforms one by one. Does not touch the network: its weights come with the distribution.

    Args:
        weights: A member of TransformerCTCTinyWeights, any WeightEntry, or None for random
            initialization.
        progress: Show a progress bar while downloading other weights, on a terminal.
        aux_num_out: Size of the head, the number of labels with the blank; None for none. The
            weights fix it, unless ``new_head=True``.
        **config: More arguments, see ``TransformerCTCConfig``, such as ``encoder_layer_drop=0.0``.

    Returns:
        The model, in training mode: call ``.eval()`` to use it.

    Raises:
        DapiError: See ``dapi.build_model``.

    Example:
        >>> from dapi.audio import TransformerCTCTinyWeights, transformer_ctc_tiny
        >>> weights = TransformerCTCTinyWeights.Espeak_RefV1
        >>> model = transformer_ctc_tiny(weights=weights)
        >>> model.aux
        Linear(in_features=128, out_features=28, bias=True)
    """
    from dapi.audio._normalized import expect_normalized
    from dapi.audio.models._transformer_ctc import transformer_ctc

    return expect_normalized(transformer_ctc(aux_num_out=aux_num_out, **config), weights)
