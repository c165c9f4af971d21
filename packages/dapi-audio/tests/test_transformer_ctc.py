"""transformer_ctc_tiny: real weights, measured on voices and phrases that they never heard."""

import copy
import json
import shutil
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch.nn.utils.rnn import pad_sequence
from torchaudio.functional import edit_distance, resample

import dapi
from dapi.audio import TransformerCTCTinyWeights, _wav, transformer_ctc_tiny
from dapi.audio.models._transformer_ctc import MelExtractor
from dapi.exceptions import NoWeightsError

SOUNDS = Path(__file__).parent / "data" / "espeak"
MEMBER = TransformerCTCTinyWeights.Espeak_RefV1
needs_espeak = pytest.mark.skipif(
    shutil.which("espeak-ng") is None, reason="the program espeak-ng is not installed"
)


@pytest.fixture(scope="module")
def ctc(recipe):
    """The module that trained the weights."""
    return recipe("ctc_espeak")


@pytest.fixture(scope="module")
def sounds():
    """What is kept of what the recognizer was not trained on: each file's text and voice."""
    return json.loads((SOUNDS / "sounds.json").read_text())


@pytest.fixture(scope="module")
def waveforms(sounds):
    """Of each sound (1, T), as the transforms make it."""
    return [MEMBER.transforms()(*_wav.read(SOUNDS / each["file"])) for each in sounds]


@pytest.fixture(scope="module")
def model():
    """With its weights, in eval mode."""
    return transformer_ctc_tiny(weights=MEMBER).eval()


@pytest.fixture(scope="module")
def heard(model, waveforms):
    """What it understands of each sound."""
    return [understood(model, each)[0] for each in waveforms]


@torch.inference_mode()
def understood(model, waveforms, **options):
    return MEMBER.postprocess(**options)(*model(waveforms))


def together(waveforms):
    """One batch, with noise where a waveform is over, and the lengths."""
    lengths = torch.tensor([each.shape[1] for each in waveforms])
    padded = pad_sequence([each[0] for each in waveforms], batch_first=True, padding_value=9.0)
    return padded, lengths


def word_error_rate(sounds, texts):
    said = [each["text"].split() for each in sounds]
    errors = sum(edit_distance(a, b.split()) for a, b in zip(said, texts, strict=True))
    return round(100 * errors / sum(map(len, said)), 2)


def test_word_error_rate_is_what_is_stated(model, sounds, waveforms, heard):
    """In percent, over all words of the sounds that are kept: in words, and in letters alone."""
    stated = {metric["name"]: metric["value"] for metric in MEMBER.meta["metrics"]}
    letters = [understood(model, each, words=None)[0] for each in waveforms]

    assert word_error_rate(sounds, heard) <= stated["wer"] < 5
    assert word_error_rate(sounds, letters) <= stated["letters wer"]
    assert {metric["source"] for metric in MEMBER.meta["metrics"]} == {"recipes/ctc_espeak.py"}
    assert len(sounds) >= 40


@pytest.mark.parametrize("seconds", [0.001, 0.1, 1, 2.5, 10])
@pytest.mark.parametrize("level", [0.0, 0.5])
def test_silence_is_an_empty_text(model, seconds, level):
    """And no number; of whatever length, and of a constant that is not zero."""
    silence = torch.full((1, max(1, int(16000 * seconds))), level)

    assert [""] == understood(model, MEMBER.transforms()(silence, 16000))


def test_noise_is_an_empty_text(model):
    """White, brown, and the hum of a socket: a word is read into less than one in fifty."""
    generator = torch.Generator().manual_seed(1)
    found = []
    for seconds in (0.2, 0.5, 1.0, 1.5, 2.0, 3.0):
        for level in (0.001, 0.01, 0.1, 0.5) * 2:
            white = torch.randn(int(16000 * seconds), generator=generator)
            hum = torch.sin(torch.arange(len(white)) * (2 * torch.pi * 100 / 16000))
            for noise in (white, white.cumsum(0) / 30, hum + white / 20):
                waveform = MEMBER.transforms()(level * noise, 16000)
                found += understood(model, waveform)

    assert len(found) == 144 and len(list(filter(None, found))) < len(found) / 50


def test_words_are_those_of_the_corpus(recipe):
    """What is understood is what was taught."""
    assert recipe("espeak_phrases").VOCABULARY == tuple(MEMBER.meta["vocabulary"])


def test_sounds_are_held_out_by_voice_and_by_order_of_words(sounds, recipe):
    """No accent, no timbre and no phrase of them is trained on, whatever the seed."""
    corpus = recipe("espeak_phrases")
    trained = corpus.TRAINING_VOICES + corpus.FURTHER_VOICES
    accents = {voice.language for voice in trained}
    timbres = {voice.variant for voice in trained}

    assert all(corpus.is_held_out(each["text"]) for each in sounds)
    assert not accents & {each["voice"]["language"] for each in sounds}
    assert not timbres & {each["voice"]["variant"] for each in sounds}
    assert {voice.variant for voice in corpus.HELD_OUT_VOICES} == {
        each["voice"]["variant"] for each in sounds
    }


def test_what_is_trained_on_is_not_held_out(ctc, recipe, sounds):
    """Voices vary in pitch and speed only, and no phrase is one that is kept."""
    corpus, trained = recipe("espeak_phrases"), ctc.Recipe()
    texts = ctc.training_texts(trained)
    voices = list(ctc.varied(trained.voices, len(texts), ctc.np.random.default_rng(0)))

    assert not any(map(corpus.is_held_out, texts))
    assert not set(texts) & {each["text"] for each in sounds}
    assert {(v.language, v.variant) for v in voices} == {
        (v.language, v.variant) for v in trained.voices
    }
    assert trained.voices == corpus.TRAINING_VOICES + corpus.FURTHER_VOICES
    assert corpus.SPEAKER not in voices
    assert all(0 <= v.pitch <= 99 and 130 <= v.speed <= 230 for v in voices)


@needs_espeak
def test_sounds_are_what_espeak_says(sounds, recipe, ctc):
    """They can be made again, sample by sample, by the release that made them."""
    corpus = recipe("espeak_phrases")
    voices = {voice.variant: voice for voice in corpus.HELD_OUT_VOICES}
    for each in sounds[:8]:
        voice = voices[each["voice"]["variant"]]
        found, rate = _wav.read(SOUNDS / each["file"])

        assert asdict(voice) == each["voice"] and corpus.SAMPLE_RATE == rate
        expected = ctc.to_16_bits(corpus.say(each["text"], voice))
        assert torch.equal(expected, (found[0] * 32768).to(torch.int16))


def test_a_batch_is_understood_as_its_waveforms_are(model, waveforms, heard):
    """To 1e-4 in the logits: what lies behind a length, and how long others are, is no matter."""
    inputs, lengths = together(waveforms[:12])
    with torch.inference_mode():
        logits, frames = model(inputs, lengths)
        for i, waveform in enumerate(waveforms[:12]):
            alone, none = model(waveform)
            assert none is None and alone.shape[1] == frames[i]
            torch.testing.assert_close(logits[i, : frames[i]], alone[0], atol=1e-4, rtol=0)

    assert heard[:12] == MEMBER.postprocess()(logits, frames)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is")
def test_it_is_scripted_as_torchaudios_models_are(model, waveforms):
    """torch.jit.script makes a model of it that returns the same, with lengths and without."""
    scripted = torch.jit.script(model)
    inputs, lengths = together(waveforms[:3])
    with torch.inference_mode():
        expected, found = model(inputs, lengths), scripted(inputs, lengths)

        assert all(map(torch.equal, expected, found))
        assert torch.equal(model(inputs)[0], scripted(inputs)[0])


def test_any_sound_is_understood_alike(model, sounds, heard):
    """What is understood is so if it is softer, of another sample rate, and of two channels."""
    right = [each for each, text in zip(sounds, heard, strict=True) if each["text"] == text]
    assert len(right) > 24
    for each in right[:8]:
        waveform, rate = _wav.read(SOUNDS / each["file"])
        stereo = resample(waveform, rate, 44100).repeat(2, 1) * 0.1

        assert [each["text"]] == understood(model, MEMBER.transforms()(stereo.mean(dim=0), 44100))


def test_frames_are_30_ms_apart():
    """A second more is 33 frames more; a single sample is long enough."""
    extractor = MelExtractor(8)
    features, frames = extractor(torch.zeros(2, 48000), torch.tensor([48000, 1]))

    assert (2, 101, 8) == features.shape and [101, 1] == frames.tolist()
    assert extractor(torch.zeros(1, 1), None)[0].shape == (1, 1, 8)


def test_features_of_every_layer(model, waveforms):
    """As of the other models of this class: a tensor a layer."""
    with torch.inference_mode():
        layers, _ = model.extract_features(waveforms[0])

    assert [128] * 4 == [each.shape[2] for each in layers]


def test_a_new_head_is_initialised_and_the_rest_is_loaded():
    """Other labels: all but the head is what the file holds."""
    model = transformer_ctc_tiny(weights=MEMBER, aux_num_out=40, new_head=True)
    file = MEMBER.state_dict()

    assert model.aux.out_features == 40
    for key, value in model.state_dict().items():
        assert key.startswith("aux.") or torch.equal(value, file[key]), key


def test_labels_of_a_new_head_are_given():
    """And the words that the old one had learnt are not what is read."""
    model = transformer_ctc_tiny(weights=MEMBER, aux_num_out=4, new_head=True)
    weights = dapi.weights_of(model)
    with pytest.raises(NoWeightsError, match=r"postprocess\(labels=\[\.\.\.\]\)"):
        weights.postprocess()
    frames = torch.tensor([1, 1, 0, 1, 2, 3, 3])

    assert ["XX Y"] == weights.postprocess(labels="-X|Y")(torch.eye(4)[frames].unsqueeze(0))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_a_gpu_understands_the_same(model, waveforms, heard):
    """The same texts, and logits that differ by at most 1e-2."""
    inputs, lengths = together(waveforms)
    on_gpu = copy.deepcopy(model).cuda()
    with torch.inference_mode():
        expected, _ = model(inputs, lengths)
        logits, frames = on_gpu(inputs.cuda(), lengths.cuda())

    assert heard == MEMBER.postprocess()(logits, frames)
    for found, wanted, count in zip(logits.cpu(), expected, frames.tolist(), strict=True):
        torch.testing.assert_close(found[:count], wanted[:count], atol=1e-2, rtol=0)


def test_recipe_prepares_sounds_as_the_transforms_do(ctc, waveforms):
    """To the bit: each of mean 0 and variance 1, then padded."""
    raw = [_wav.read(SOUNDS / f"{i:02}.wav")[0][0] for i in range(3)]
    inputs, lengths = ctc.to_input(raw)

    for row, length, waveform in zip(inputs, lengths, waveforms, strict=False):
        assert torch.equal(row[:length], waveform[0])


def test_augmentation_is_for_training_only(ctc):
    """Spectrograms are hidden in part, tilted and blurred, as torch's generator says."""
    spectrograms = torch.randn(4, 40, 90)
    augment, module = ctc.SpecAugment(), torch.nn.Identity()
    torch.manual_seed(3)
    first = augment(module.train(), (), spectrograms)
    torch.manual_seed(3)

    assert torch.equal(first, augment(module, (), spectrograms))
    assert not torch.equal(first, spectrograms)
    assert augment(module.eval(), (), spectrograms) is spectrograms


def test_batches_depend_on_the_step_alone(ctc):
    """Asked again, or not asked for those before, a step has the same; four share a pool."""
    examples = [
        ctc.Example(torch.ones(2000 + 90 * i, dtype=torch.int16), str(i)) for i in range(99)
    ]
    batches = ctc.Batches(examples, size=5, seed=1)
    waveforms, texts = batches(6)
    again, same = ctc.Batches(examples, size=5, seed=1)(6)

    assert texts == same and all(map(torch.equal, waveforms, again))
    assert texts != ctc.Batches(examples, size=5, seed=2)(6)[1]
    spans = sorted((min(map(int, t)), max(map(int, t))) for t in (batches(i)[1] for i in range(4)))
    assert all(a[1] <= b[0] for a, b in pairwise(spans))


def test_silence_around_is_cut_or_added(ctc):
    """A disturbed waveform is up to 15 % shorter or longer, with 40 ms less or 60 ms more."""
    rng = ctc.np.random.default_rng(0)
    samples = torch.full((16000,), 3000, dtype=torch.int16)
    found = [len(ctc.disturbed(samples, rng)) for _ in range(200)]

    assert 16000 / 1.18 - 1280 <= min(found) < 14000 and 18000 < max(found) <= 16000 / 0.85 + 1920


@needs_espeak
def test_an_interrupted_training_ends_as_one_that_was_not(ctc, tmp_path, monkeypatch, restored):
    """The same command goes on, and writes the same weights to the bit."""
    recipe = ctc.Recipe(phrases=3, resynthesised=1, steps=6, batch_size=2)
    monkeypatch.setattr("training.SECONDS_BETWEEN_CHECKPOINTS", -1.0)
    monkeypatch.setattr(ctc, "held_out_examples", lambda count: [])  # not measured so soon
    whole, _ = ctc.train(recipe, seed=1, device="cpu", output=tmp_path / "whole")

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(ctc.Batches, "__call__", interrupted_at(4, ctc.Batches.__call__))
        ctc.train(recipe, seed=1, device="cpu", output=tmp_path / "parts")
    parts, history = ctc.train(recipe, seed=1, device="cpu", output=tmp_path / "parts")

    assert 6 == len(history.losses)
    for key, value in whole.state_dict().items():
        assert torch.equal(value, parts.state_dict()[key]), key


def interrupted_at(last, method):
    """The same method, until it is asked for a step."""

    def call(self, step):
        if step == last:
            raise KeyboardInterrupt
        return method(self, step)

    return call
