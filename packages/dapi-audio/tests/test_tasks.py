"""Tasks on sounds: what is read, what is told of them, and what is written."""

import dataclasses
import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import torch
from torchaudio.models import wav2vec2_model
from torchaudio.models.rnnt import emformer_rnnt_model

import dapi
from dapi._cli import main
from dapi.audio import (
    SileroVADWeights,
    TransformerCTCTinyWeights,
    _wav,
    silero_vad,
    tasks,
    transformer_ctc_tiny,
)
from dapi.audio.exceptions import UnsupportedInputError
from dapi.audio.postprocess import GriffinLim
from dapi.audio.transforms import Characters, Waveform
from dapi.exceptions import InputError


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A directory of its own, in which each test reads and writes."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)


@pytest.fixture
def sound():
    """A second of noise, in a file of another sample rate than any model's."""
    generator = torch.Generator().manual_seed(0)
    _wav.write(Path("noise.wav"), torch.randn(11025, generator=generator) * 0.1, 11025)
    return "noise.wav"


def entry(transforms, postprocess, **meta):
    """Weights that only say what stands around the model."""
    factories = {"transforms": lambda: transforms, "postprocess": lambda: postprocess}
    return dapi.WeightEntry("https://example.org/1.safetensors", meta=meta, **factories)


def predict(task, model, weights, source):
    predictor = task(model.eval(), weights)
    with torch.inference_mode():
        [found] = predictor.read(source)
        return predictor.predict(found.value)


def wav2vec2(outputs):
    """A wav2vec2 that is small, with as many labels."""
    return wav2vec2_model(
        extractor_mode="group_norm", extractor_conv_layer_config=None, extractor_conv_bias=False,
        encoder_embed_dim=48, encoder_projection_dropout=0.0, encoder_pos_conv_kernel=9,
        encoder_pos_conv_groups=4, encoder_num_layers=1, encoder_num_heads=4,
        encoder_attention_dropout=0.0, encoder_ff_interm_features=48,
        encoder_ff_interm_dropout=0.0, encoder_dropout=0.0, encoder_layer_norm_first=False,
        encoder_layer_drop=0.0, aux_num_out=outputs,
    )  # fmt: skip


def test_speech_is_written_down():
    """Word for word, of a sound that the weights never heard."""
    weights = TransformerCTCTinyWeights.Espeak_RefV1
    model = transformer_ctc_tiny(weights=weights).eval()
    folder = Path(__file__).parent / "data" / "espeak"
    said = json.loads((folder / "sounds.json").read_text())[1]
    found = predict(tasks.automatic_speech_recognition, model, weights, str(folder / said["file"]))

    assert {"text": said["text"]} == found.facts


def test_bad_sounds_stop_no_others(capsys):
    """Of ten inputs four are bad, in four ways; the six are written down, the four told."""
    folder = Path(__file__).parent / "data" / "espeak"
    said = json.loads((folder / "sounds.json").read_text())[:6]
    good = [str(folder / each["file"]) for each in said]
    _wav.write(Path("samples.wav"), torch.zeros(1, 1), 16000)
    Path("samples.wav").write_bytes(Path("samples.wav").read_bytes()[:44])
    Path("empty.wav").touch()
    Path("folder").mkdir()
    bad = ["empty.wav", "samples.wav", "folder", "absent.wav"]
    status = main(["predict", "--json", "transformer_ctc_tiny", *good[:3], *bad, *good[3:]])
    printed = capsys.readouterr()

    lines = {line["input"]: line for line in map(json.loads, printed.out.splitlines())}
    assert (1, 10) == (status, len(lines))
    assert 4 <= sum(lines[g]["facts"]["text"] == s["text"] for g, s in zip(good, said, strict=True))
    for name, reason in zip(
        bad, ["is empty", "has no samples", "is a directory", "no such file"], strict=True
    ):
        assert reason in lines[name]["error"]["message"] and f"dapi: {name}: " in printed.err


def test_a_transducer_writes_down_speech(sound):
    """Its hypotheses are searched for, the best of which is the text."""
    model = emformer_rnnt_model(
        input_dim=80, encoding_dim=16, num_symbols=40, segment_length=16, right_context_length=4,
        time_reduction_input_dim=8, time_reduction_stride=4, transformer_num_heads=2,
        transformer_ffn_dim=16, transformer_num_layers=1, transformer_dropout=0.0,
        transformer_activation="gelu", transformer_left_context_length=30,
        transformer_max_memory_size=0, transformer_weight_init_scale_strategy="depthwise",
        transformer_tanh_on_mem=True, symbol_embedding_dim=8, num_lstm_layers=1,
        lstm_layer_norm=True, lstm_layer_norm_epsilon=1e-3, lstm_dropout=0.0,
    )  # fmt: skip
    features = torch.zeros(36, 80), torch.tensor([36])
    weights = entry(lambda *_: features, lambda found: [str(each[0]) for each in found], blank=39)
    found = predict(tasks.automatic_speech_recognition, model, weights, sound)

    assert found.facts["text"].startswith("[39")


@pytest.fixture(scope="module")
def speaker():
    """A Tacotron 2 that knows no word, and stops after ten frames."""
    endless = {"decoder_max_step": 10, "gate_threshold": 2.0}
    model = dapi.get_builder("tacotron2")(n_symbol=38, n_mels=8, **endless)
    vocoder = GriffinLim(sample_rate=16000, n_mels=8, n_fft=256, win_length=256, hop_length=128)
    return model, entry(Characters(), vocoder)


@pytest.mark.filterwarnings("ignore:Reached max decoder steps")
def test_words_are_spoken_into_a_wav(speaker):
    """At the vocoder's sample rate; how long it is, is told."""
    found = predict(tasks.text_to_speech, *speaker, "Hello, world!")
    found.files["wav"](Path("a.wav"))

    waveform, rate = _wav.read(Path("a.wav"))
    assert 16000 == rate
    assert found.facts["seconds"] == round(waveform.shape[1] / rate, 2) > 0


def test_silence_is_no_speech():
    """A model that stops at once says nothing: that is an error, and no empty file."""
    model = dapi.get_builder("tacotron2")(n_symbol=38, n_mels=8, gate_threshold=0.0)
    weights = entry(Characters(), lambda mel, lengths: (mel[:, 0], lengths * 0))

    with pytest.raises(UnsupportedInputError, match="'Hello' is not spoken"):
        predict(tasks.text_to_speech, model, weights, "Hello")


@pytest.mark.parametrize("text", ["call 42", "日本", "naïve"])
def test_what_cannot_be_spoken_is_told(speaker, text):
    """A text is spoken whole, or refused with the letters that there are."""
    with pytest.raises(UnsupportedInputError, match="cannot be spoken.*spell out numbers"):
        predict(tasks.text_to_speech, *speaker, text)


def test_sources_are_written_apart(sound):
    """A wav for each, at the model's sample rate."""
    model = dapi.get_builder("conv_tasnet_base")()
    weights = dapi.list_weights("conv_tasnet_base")[0]
    found = predict(tasks.audio_to_audio, model, weights, sound)

    assert ({"s1.wav", "s2.wav"}, 1.0) == (set(found.files), found.facts["seconds"])
    found.files["s2.wav"](Path("s2.wav"))
    assert (8000, (1, 8000)) == (
        _wav.read(Path("s2.wav"))[1],
        tuple(_wav.read(Path("s2.wav"))[0].shape),
    )


def test_channels_of_a_file_are_mixed_for_a_model_of_one():
    """A file says that they are of one recording, as a tensor does not."""
    _wav.write(Path("a.wav"), torch.tensor([[0.5, 0.25], [0.0, 0.75]]), 16000)
    [found] = tasks._read_sound("a.wav")
    [stereo] = tasks._read_sound("a.wav", channels=2)

    assert [[0.25, 0.5]] == found.value[0].mul(100).round().div(100).tolist()
    assert (2, 2) == tuple(stereo.value[0].shape)


def test_quality_is_scored_by_name(sound):
    """As the weights name the scores."""
    model = dapi.get_builder("squim_objective_base")()
    weights = dapi.list_weights("squim_objective_base")[0]
    found = predict(tasks.speech_quality_assessment, model, weights, sound)

    assert ["STOI", "PESQ", "SI-SDR"] == list(found.facts)


@pytest.mark.parametrize(
    ("task", "name", "instead"),
    [
        (tasks.speech_quality_assessment, "squim_subjective_base", "squim_objective_base"),
        (tasks.vocoder, "wavernn", "tacotron2:LJSpeech_CharactersWaveRNN_RefV1"),
    ],
)
def test_what_no_file_can_be_given_to_names_what_can(task, name, instead):
    """Weights that need two sounds, or a spectrogram."""
    with pytest.raises(InputError, match=f"^{name}:.*Expected .*{instead}"):
        task(torch.nn.Identity(), dapi.list_weights(name)[0])


def test_words_are_aligned_with_the_transcript_beside(sound):
    """When each word of the text file of the same name is spoken."""
    weights = dapi.get_weights("wav2vec2_xlsr_300m:MMS_ForcedAlignment_RefV1")
    weights = dataclasses.replace(weights.value, transforms=lambda: Waveform(sample_rate=16000))
    Path("noise.txt").write_text("Ab\nc\n")
    found = predict(tasks.forced_alignment, wav2vec2(28), weights, sound)

    assert ["ab", "c"] == [row["word"] for row in found.facts["words"]]
    assert all(0 <= row["start"] < row["end"] <= 1 for row in found.facts["words"])
    found.files["words.svg"](Path("a.svg"))
    assert [">ab<", ">c<"] == re.findall(">[a-z]+<", Path("a.svg").read_text())


def test_a_missing_transcript_is_told(sound):
    """By the name that it should have."""
    weights = entry(None, None)

    with pytest.raises(InputError, match=r"^noise.txt: no such file.*the transcript"):
        predict(tasks.forced_alignment, torch.nn.Identity(), weights, sound)


def test_speech_is_found_and_drawn():
    """When somebody speaks, in seconds; the drawing has a ground for each segment."""
    pytest.importorskip("silero_vad")
    weights = SileroVADWeights.get_latest()
    folder = Path(__file__).parent / "data" / "espeak"
    phrases = [_wav.read(folder / name)[0] for name in ("00.wav", "01.wav")]
    silence = torch.zeros(1, 16000)
    _wav.write(Path("a.wav"), torch.cat([silence, phrases[0], silence, phrases[1]], dim=1), 16000)
    model = silero_vad(weights=weights)
    found = predict(tasks.voice_activity_detection, model, weights, "a.wav")
    found.files["speech.svg"](Path("a.svg"))

    assert found.facts["seconds"] == 4.77
    assert [1.1, 3.1] == [round(each["start"], 1) for each in found.facts["speech"]]
    assert 2 < found.facts["spoken"] < 3
    drawn = ET.parse("a.svg").getroot()
    [wave] = drawn.findall("{*}path")
    assert (3, 800) == (len(drawn.findall("{*}rect")), wave.get("d").count("M"))
    assert "1.1" in drawn.find("{*}text").text


def test_silence_has_no_speech():
    """Of a sound of one sample as well: nothing is told, and the drawing has a wave."""
    pytest.importorskip("silero_vad")
    weights = SileroVADWeights.get_latest()
    model = silero_vad(weights=weights)
    for samples in (1, 48000):
        _wav.write(Path("a.wav"), torch.zeros(1, samples), 48000)
        found = predict(tasks.voice_activity_detection, model, weights, "a.wav")
        found.files["speech.svg"](Path("a.svg"))

        assert {"seconds": round(samples / 48000, 2), "spoken": 0, "speech": []} == found.facts
        assert 1 == len(ET.parse("a.svg").getroot().findall("{*}rect"))


def test_features_are_written(sound):
    """Of each frame, as tensors in a file."""
    from safetensors.torch import load_file

    weights = dapi.list_weights("wav2vec2_base")[0]
    found = predict(tasks.feature_extraction, wav2vec2(None), weights, sound)
    found.files["safetensors"](Path("a.safetensors"))

    assert {"frames": 49, "width": 48} == found.facts
    assert (49, 48) == tuple(load_file("a.safetensors")["features"].shape)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "it is empty"), (None, "no such file")],
    ids=["empty", "missing"],
)
def test_what_is_no_sound_is_told(content, reason):
    """With its name, in words."""
    if content is not None:
        Path("a.wav").write_bytes(content)

    with pytest.raises(InputError, match=f"^a.wav: {reason}.*Expected a sound"):
        tasks._read_sound("a.wav")


@pytest.mark.parametrize(
    ("name", "source", "reason"),
    [
        ("wav2vec2_base:LibriSpeech_ASR960h_RefV1", "absent.wav", "no such file"),
        ("hubert_base", "absent.wav", "no such file"),
        ("conv_tasnet_base", "absent.wav", "no such file"),
        ("tacotron2", "absent.txt", "no such file"),
        ("wavernn", "noise.wav", "these weights convert spectrograms to sound"),
        ("squim_subjective_base", "noise.wav", "they compare two recordings"),
        (
            "wav2vec2_xlsr_300m:MMS_ForcedAlignment_RefV1",
            "noise.wav",
            "the transcript of the recording",
        ),
    ],
)
def test_what_cannot_be_done_is_told_before_a_download(name, source, reason, sound, capsys):
    """A file that is not there, and weights that no file fits, need no model to be seen."""
    status = main(["predict", name, source])
    errors = capsys.readouterr().err

    assert 1 == status
    assert reason in errors and "will be downloaded" not in errors


def sounds():
    """Two sounds of one length, and another one."""
    generator = torch.Generator().manual_seed(0)
    return [(torch.randn(1, n, generator=generator) * 0.1, 8000) for n in (8000, 8000, 6000)]


SPOKEN = dataclasses.replace(
    dapi.get_weights("wav2vec2_xlsr_300m:MMS_ForcedAlignment_RefV1").value,
    transforms=lambda: Waveform(sample_rate=8000),
)


@pytest.mark.parametrize("task", [
    "audio_to_audio", "speech_quality_assessment", "feature_extraction", "forced_alignment",
    "voice_activity_detection", "automatic_speech_recognition",
])  # fmt: skip
def test_a_batch_says_the_same(task):
    """As each sound alone, within the rounding of floats: sounds of one length run at once."""
    from dapi._prediction import batches

    if task == "voice_activity_detection":
        pytest.importorskip("silero_vad")
    torch.manual_seed(0)
    models = {
        "audio_to_audio": lambda: (dapi.get_builder("conv_tasnet_base")(), "conv_tasnet_base"),
        "speech_quality_assessment": lambda: (
            dapi.get_builder("squim_objective_base")(), "squim_objective_base",
        ),
        "feature_extraction": lambda: (wav2vec2(None), "wav2vec2_base"),
        "forced_alignment": lambda: (wav2vec2(28), SPOKEN),
        "voice_activity_detection": lambda: (dapi.get_model("silero_vad"), "silero_vad"),
        "automatic_speech_recognition": lambda: (
            dapi.get_model("transformer_ctc_tiny"), "transformer_ctc_tiny",
        ),
    }  # fmt: skip
    model, weights = models[task]()
    weights = dapi.list_weights(weights)[0] if isinstance(weights, str) else weights
    predictor, values = getattr(tasks, task)(model.eval(), weights), sounds()
    if task == "forced_alignment":
        values = [(sound, "ab c") for sound in values]
    with torch.inference_mode():
        alone = [predictor.predict(value) for value in values]
        prepared = [predictor.batch.prepare(value) for value in values]
        found = batches.outputs(predictor.batch.run, prepared)
        together = [*map(predictor.batch.present, values, found)]
    for one, other in zip(alone, together, strict=True):
        torch.testing.assert_close(one.output, other.output, rtol=1e-3, atol=1e-4)
        assert one.facts.keys() == other.facts.keys()
