"""Text becomes the ids that torchaudio's processors give, or an error that says why not."""

import json
import random
import string

import pytest
import torch
from torchaudio import functional, pipelines
from torchaudio.pipelines._tts import utils

from dapi import WeightEntry
from dapi.audio import Tacotron2Weights
from dapi.audio.exceptions import UnsupportedInputError
from dapi.audio.transforms import Characters, LogMel, NormalizedDecibels, Phonemes, Waveform
from dapi.exceptions import MissingDependencyError, OfflineError

SENTENCES = [
    "Hello world! T T S stands for Text to Speech!",
    "The examination and testimony of the experts enabled the Commission to conclude that five "
    "shots may have been fired,",
    "Printing, in the only sense with which we are at present concerned, differs from most",
    "(She said: 'no'; he asked why?) _ -",
    "In 1963, 3 shots; café, naïve, İstanbul, STRASSE/straße & 50 %\n\ttab",
]
SPELT = [phone for phone in utils._get_phones() if phone.isalpha()]
PHONES = Tacotron2Weights.LJSpeech_PhonemesGriffinLim_RefV1


@pytest.fixture(scope="module")
def oracle():
    """torchaudio's character processor."""
    return pipelines.TACOTRON2_GRIFFINLIM_CHAR_LJSPEECH.get_text_processor()


def same(found, expected):
    """Equal to the bit, dtypes included."""
    return all(
        torch.equal(a, b) and a.dtype == b.dtype for a, b in zip(found, expected, strict=True)
    )


@pytest.mark.parametrize("sentence", SENTENCES)
def test_characters_of_one_text_equal_torchaudios(oracle, sentence):
    """Ids and lengths are the same; what is no symbol is left out, as there."""
    assert same(Characters()(sentence), oracle(sentence))


def test_characters_of_a_batch_equal_torchaudios(oracle):
    """Shorter texts are padded with zeros."""
    ids, lengths = Characters()(SENTENCES)

    assert same((ids, lengths), oracle(SENTENCES))
    assert ids.shape == (len(SENTENCES), int(lengths.max()))


def test_characters_of_random_texts_equal_torchaudios(oracle):
    """Also for any mixture of printable and other characters."""
    chance = random.Random(0)
    alphabet = string.printable + "äßİœ¿“🎵"
    texts = ["".join(chance.choices(alphabet, k=chance.randint(1, 60))) + "x" for _ in range(200)]

    assert same(Characters()(texts), oracle(texts))


def test_character_symbols_are_torchaudios():
    """38 of them, in the same order."""
    assert Characters.symbols == utils._get_chars()


@pytest.mark.parametrize("text", ["", "123", "你好"])
def test_text_without_symbols_says_what_the_symbols_are(text):
    """Nothing to speak is an error, not a tensor without columns."""
    with pytest.raises(UnsupportedInputError, match="letters a to z"):
        Characters()(["fine", text])


def test_words_alone_are_spoken_where_they_are_given():
    """Marks and case are no matter; other words are named, with the nearest and with all."""
    transform = Characters(words=("five", "orange", "windows"))

    assert same(transform("Five windows!"), Characters()("five windows!"))
    with pytest.raises(UnsupportedInputError, match=r"'5', 'window' in .* Their words are five,"):
        transform(["orange", "5 orange window"])
    with pytest.raises(UnsupportedInputError, match="Did you mean 'windows'"):
        transform("window five")
    assert repr(transform) == "Characters(words=('five', 'orange', 'windows'))"


@pytest.mark.parametrize("transform", [Characters(), Phonemes()], ids=repr)
def test_no_text_is_an_error(transform):
    """An empty batch says so."""
    with pytest.raises(UnsupportedInputError, match="no text"):
        transform([])


def test_phoneme_symbols_are_torchaudios():
    """96 of them, in the same order."""
    assert Phonemes.symbols == utils._get_phones()


def test_phonemes_equal_torchaudios(monkeypatch):
    """Lists of phonemes give what torchaudio gives when its phonemizer finds them."""
    spelt = [
        ["HH", "AH", "L", "OW", ",", " ", "W", "ER", "L", "D", "!"],
        ["T", "EH", "K", "S", "T", "-", "T", "UW", " ", "S", "P", "IY", "CH", "?"],
    ]
    as_text = ["".join(f"[{p}]" if p.isalpha() else p for p in phones) for phones in spelt]
    monkeypatch.setattr(utils, "_load_phonemizer", lambda *_, **__: lambda texts, lang: as_text)
    theirs = pipelines.TACOTRON2_GRIFFINLIM_PHONE_LJSPEECH.get_text_processor()

    assert same(Phonemes()(spelt), theirs(["first", "second"]))


def test_stressed_phonemes_have_ids_of_their_own():
    """CMUdict's stress is kept."""
    ids, lengths = Phonemes()([("AH0", "AH1", "AH2", "AH")])

    assert [Phonemes.symbols[i] for i in ids[0]] == ["AH0", "AH1", "AH2", "AH"]
    assert lengths.tolist() == [4]


def test_unknown_phoneme_suggests_the_nearest():
    """The phoneme, and what it may have meant."""
    with pytest.raises(UnsupportedInputError, match=r"'ah0'.*Did you mean .*'AH0'"):
        Phonemes()([["HH", "ah0"]])


def test_no_phonemes_is_an_error():
    """An empty list in a batch says so."""
    with pytest.raises(UnsupportedInputError, match="no phonemes"):
        Phonemes()([["HH"], []])


def test_entry_declares_its_phonemizer_without_fetching_it(monkeypatch):
    """With lists of phonemes the entry's transform works offline."""
    monkeypatch.setenv("DAPI_OFFLINE", "1")
    ids, _ = PHONES.transforms()([["HH", "AY1"]])

    assert ids.shape == (1, 2)


def test_text_without_a_phonemizer_says_what_is_needed(monkeypatch):
    """Whether or not deep-phonemizer is here: without it, its name and the command."""
    monkeypatch.setitem(__import__("sys").modules, "dp.phonemizer", None)

    with pytest.raises(MissingDependencyError, match=r"deep-phonemizer.*dapi-audio\[phonemes\]"):
        PHONES.transforms()("Hello")


def test_text_when_only_phonemes_were_meant():
    """Phonemes() alone has no phonemizer to use."""
    with pytest.raises(UnsupportedInputError, match="none was passed"):
        Phonemes()("Hello")


@pytest.fixture
def phonemizer_file(tmp_path):
    """An untrained model of DeepPhonemizer, in its own format."""
    pytest.importorskip("dp", reason="needs dapi-audio[phonemes]")
    from dp.model.model import ModelType, create_model
    from dp.preprocessing.text import Preprocessor

    config = {
        "preprocessing": {
            "languages": ["en_us"],
            "text_symbols": string.ascii_lowercase + "'",
            "phoneme_symbols": [f"[{phone}]" for phone in SPELT],
            "char_repeats": 3,
            "lowercase": True,
        },
        "model": {
            "type": "transformer",
            "d_model": 16,
            "d_fft": 16,
            "layers": 1,
            "dropout": 0.1,
            "heads": 2,
        },
    }
    preprocessor = Preprocessor.from_config(config)
    config["model"] |= {
        "encoder_vocab_size": preprocessor.text_tokenizer.vocab_size,
        "decoder_vocab_size": preprocessor.phoneme_tokenizer.vocab_size,
        "decoder_start_index": preprocessor.phoneme_tokenizer._get_start_index("en_us"),
        "decoder_end_index": preprocessor.phoneme_tokenizer.end_index,
    }
    torch.manual_seed(0)
    model = create_model(ModelType("transformer"), config)
    path = tmp_path / "checkpoints" / "en_us_cmudict_forward.pt"
    path.parent.mkdir()
    torch.save(
        {"config": config, "model": model.state_dict(), "preprocessor": preprocessor, "step": 1},
        path,
    )
    return path


@pytest.mark.filterwarnings("ignore:enable_nested_tensor:UserWarning")  # of DeepPhonemizer
def test_text_equals_torchaudios_with_the_same_phonemizer(phonemizer_file, monkeypatch):
    """DeepPhonemizer's output becomes the same ids, for a batch of real sentences."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(phonemizer_file.parents[1]))
    theirs = pipelines.TACOTRON2_GRIFFINLIM_PHONE_LJSPEECH.get_text_processor()
    ours = PHONES.transforms(phonemizer=WeightEntry.from_file(phonemizer_file))

    ids, _ = ours(SENTENCES[:4])

    assert len({Phonemes.symbols[i] for i in ids.flatten()} & set(SPELT)) > 3
    assert same(ours(SENTENCES[:4]), theirs(SENTENCES[:4]))
    assert same(ours(SENTENCES[0]), theirs(SENTENCES[0]))


def test_text_fetches_the_phonemizer_that_the_entry_names(monkeypatch):
    """The address is the one that torchaudio uses."""
    pytest.importorskip("dp", reason="needs dapi-audio[phonemes]")
    monkeypatch.setenv("DAPI_OFFLINE", "1")

    with pytest.raises(OfflineError) as raised:
        PHONES.transforms()("Hello")

    assert raised.value.url.endswith("DeepPhonemizer/en_us_cmudict_forward.pt")


def test_a_file_that_is_no_phonemizer_says_so(tmp_path):
    """Not a traceback from inside torch or the phonemizer."""
    pytest.importorskip("dp", reason="needs dapi-audio[phonemes]")
    torch.save({"weight": torch.zeros(1)}, tmp_path / "weights.pt")
    (tmp_path / "page.pt").write_text("<html></html>")

    for name in ("weights.pt", "page.pt"):
        with pytest.raises(ValueError, match="not contain a phonemizer|is a web page"):
            Phonemes(WeightEntry.from_file(tmp_path / name))("Hello")


def test_normalized_decibels_end_at_0_and_1():
    """A magnitude of 1 is 0 dB: 1; one of 1e-5 is -100 dB: 0; beyond, they are clipped."""
    magnitudes = torch.tensor([10.0, 1.0, 0.1, 1e-5, 1e-9])

    found = NormalizedDecibels()(torch.log(magnitudes))

    assert torch.allclose(found, torch.tensor([1.0, 1.0, 0.8, 0.0, 0.0]), atol=1e-5)


def noise(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(1)) * 0.3


def test_waveform_is_resampled_as_torchaudio_does():
    """To the bit, for a rate that is no multiple; one that is right stays as it is."""
    waveform = noise(1, 4410)

    found = Waveform(sample_rate=16000)(waveform, 44100)
    assert torch.equal(found, functional.resample(waveform, 44100, 16000))
    assert torch.equal(waveform, Waveform(sample_rate=16000)(waveform, 16000))


def test_waveform_of_no_channels_is_one():
    """What ``torchaudio.load`` would give as (1, T)."""
    assert torch.equal(noise(1, 9), Waveform(sample_rate=8000)(noise(1, 9)[0], 8000))


def test_one_channel_is_repeated_and_as_many_as_needed_stay():
    """For a model of two channels."""
    stereo, mono = noise(2, 9), noise(1, 9)
    to_stereo = Waveform(sample_rate=8000, channels=2)

    assert torch.equal(to_stereo(mono, 8000), torch.cat([mono, mono]))
    assert torch.equal(to_stereo(stereo, 8000), stereo)


def test_recordings_are_not_mixed(to_features):
    """Two of them have the shape of one in two channels: the error says how to give either."""
    a, b = noise(2, 16000)
    to_mono = Waveform(sample_rate=16000)
    for transform in (to_mono, to_features):
        with pytest.raises(
            UnsupportedInputError, match=r"2 channels. Expected 1:.*mean\(dim=0\).*call batch\("
        ):
            transform(torch.stack([a, b]), 16000)
        with pytest.raises(UnsupportedInputError, match="of list.*call batch for several"):
            transform([a, b], 16000)

    assert torch.equal(to_mono(torch.stack([a, b]).mean(dim=0), 16000)[0], (a + b) / 2)


@pytest.mark.parametrize("channels", [1, 2])
def test_a_batch_holds_each_recording_as_it_is_alone(channels):
    """Resampled and normalized on its own, then padded with zeros; the lengths say where."""
    transform = Waveform(sample_rate=16000, channels=channels, normalize=True)
    given = [noise(900), noise(1, 500), noise(channels, 700)]
    waveforms, lengths = transform.batch(given, 8000)

    assert ([1800, 1000, 1400], torch.int64) == (lengths.tolist(), lengths.dtype)
    assert waveforms.shape == ((3, 1800) if channels == 1 else (3, 2, 1800))
    for row, length, alone in zip(waveforms, lengths, given, strict=True):
        expected = transform(alone, 8000)
        assert torch.equal(row[..., :length].reshape(channels, -1), expected)
        assert not row[..., length:].any()


def test_a_batch_of_equal_lengths_may_be_one_tensor():
    """What people stack; in ``batch``, the first dimension is the recordings."""
    transform, stacked = Waveform(sample_rate=8000), noise(3, 90)

    assert torch.equal(transform.batch(stacked, 8000)[0], stacked)
    assert torch.equal(transform.batch(stacked.unsqueeze(1), 8000)[0], stacked)
    with pytest.raises(UnsupportedInputError, match="no waveform"):
        transform.batch([], 8000)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_array_is_as_a_tensor(dtype, to_features):
    """Alone and in a batch, also if it cannot be written to or is read backwards."""
    given = [noise(900).numpy().astype(dtype), noise(1, 500).numpy().astype(dtype)[:, ::-1]]
    given[0].flags.writeable = False
    tensors = [torch.tensor(each.copy()).float() for each in given]

    for transform in (Waveform(sample_rate=16000, normalize=True), to_features):
        (found, lengths), (expected, counts) = (
            transform.batch(each, 16000) for each in (given, tensors)
        )
        assert torch.equal(found, expected) and torch.equal(lengths, counts)
    assert torch.equal(
        Waveform(sample_rate=8000)(given[0], 16000), Waveform(sample_rate=8000)(tensors[0], 16000)
    )


def test_a_batch_of_features(to_features):
    """Of each recording what it gives alone, with zeros behind."""
    given = [noise(1, 3200), noise(8000)]
    features, lengths = to_features.batch(given, 16000)

    assert [20 + 1 + 4, 50 + 1 + 4] == lengths.tolist()
    for row, length, alone in zip(features, lengths, given, strict=True):
        assert torch.equal(row[:length], to_features(alone, 16000)[0])
        assert not row[length:].any()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_waveform_that_is_not_finite_says_so(value, to_features):
    """It would make an empty text of all that is said; how much of it is wrong is told."""
    waveform = noise(1, 16000)
    waveform[0, 7:9] = value
    for transform in (Waveform(sample_rate=16000, normalize=True), to_features):
        with pytest.raises(UnsupportedInputError, match="2 of the waveform's 16,000 samples"):
            transform(waveform, 16000)
        with pytest.raises(UnsupportedInputError, match="NaN"):
            transform.batch([noise(900), waveform], 16000)


def test_waveform_leaves_its_input_alone():
    """Also when it normalizes."""
    waveform = noise(1, 99)
    before = waveform.clone()
    found = Waveform(sample_rate=8000, normalize=True)(waveform, 8000)

    assert torch.equal(waveform, before)
    assert abs(float(found.mean())) < 1e-6 and float(found.std(correction=0)) == pytest.approx(
        1, 1e-3
    )


@pytest.mark.parametrize(
    ("waveform", "said"),
    [
        (torch.zeros(2, 9, dtype=torch.int16), r"torch.int16.*divide .* by 32768"),
        (torch.zeros(1, 2, 9), r"\(1, 2, 9\)"),
        (torch.zeros(2, 0), "at least one sample"),
        (torch.zeros(3, 9), "3 channels. Expected 1 or 2"),
        (torch.zeros(9, 2), r"more channels than samples.*pass waveform\.T"),
        (torch.zeros(2, 9).short().numpy(), r"of ndarray.*divide .* by 32768"),
    ],
    ids=["integers", "batch", "empty", "channels", "transposed", "array of integers"],
)
def test_waveform_that_is_none_says_so(waveform, said):
    """What it is, and what was expected."""
    with pytest.raises(UnsupportedInputError, match=said):
        Waveform(sample_rate=8000, channels=2)(waveform, 8000)


@pytest.mark.parametrize("rate", [0, 1, -8000, 44100.5, float("nan"), None])
def test_sample_rate_that_is_none_says_so(rate):
    """It is a whole number, of any type, that a sound can have."""
    with pytest.raises(UnsupportedInputError, match="sample rate .* integer of at least 100"):
        Waveform(sample_rate=8000)(noise(1, 9), rate)
    assert Waveform(sample_rate=8000)(noise(1, 9), 8000.0).shape == (1, 9)


def test_a_sample_rate_next_to_a_usual_one_takes_no_more():
    """Its ratio is rounded: exactly, torchaudio would take 12 GB, whatever the duration."""
    waveform = torch.sin(torch.arange(44100) * 0.01)
    usual = Waveform(sample_rate=16000)(waveform, 44100)
    odd = Waveform(sample_rate=16000)(waveform, 44101)

    torch.testing.assert_close(usual[:, :-20], odd[:, :-20], atol=0.02, rtol=0)


def test_transforms_print_what_they_do():
    """As a person would write them."""
    assert "Waveform(sample_rate=8000, channels=2, normalize=False)" == repr(
        Waveform(sample_rate=8000, channels=2)
    )


@pytest.fixture
def to_features(tmp_path):
    """The transform, with statistics that change nothing."""
    (tmp_path / "stats.json").write_text(json.dumps({"mean": [0.0] * 80, "invstddev": [1.0] * 80}))
    return LogMel(statistics=tmp_path / "stats.json")


def test_log_mel_resamples(to_features):
    """The same second is as many frames at any rate."""
    assert to_features(noise(1, 16000), 16000)[0].shape == (101 + 4, 80)
    assert to_features(noise(1, 44100), 44100)[1].tolist() == [105]
    assert "right_padding=4" in repr(to_features)


def test_log_mel_says_what_is_too_short(to_features):
    """Counted at the model's rate; one sample more is enough."""
    with pytest.raises(UnsupportedInputError, match="200 samples at 16000 Hz. Expected .* 201"):
        to_features(noise(1, 100), 8000)
    assert to_features(noise(1, 201), 16000)[0].isfinite().all()
