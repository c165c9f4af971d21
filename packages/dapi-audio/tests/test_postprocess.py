"""Waveforms and texts are those that torchaudio makes, to the bit; names are the entries'."""

import pytest
import torch
from torchaudio import pipelines
from torchaudio.functional import mu_law_decoding
from torchaudio.models import WaveRNN
from torchaudio.pipelines._tts import utils

from dapi.audio import EmformerRNNTBaseWeights, Tacotron2Weights, WaveRNNWeights
from dapi.audio.exceptions import AssetError, UnsupportedInputError
from dapi.audio.postprocess import (
    CTCText,
    GriffinLim,
    MuLawWaveform,
    Scores,
    Sources,
    TransducerText,
    WaveRNNVocoder,
)
from dapi.exceptions import MissingDependencyError, NoWeightsError, OfflineError

CHARACTERS = Tacotron2Weights.LJSpeech_CharactersGriffinLim_RefV1
TO_WAVERNN = Tacotron2Weights.LJSpeech_CharactersWaveRNN_RefV1


def log_mel(frames, batch=2):
    """A spectrogram of about the loudness of speech."""
    generator = torch.Generator().manual_seed(11)
    return torch.randn(batch, 80, frames, generator=generator) * 2 - 5


def seeded(vocoder, *inputs):
    """Call with random state of a known beginning."""
    torch.manual_seed(13)
    return vocoder(*inputs)


@pytest.mark.parametrize("frames", [4, 30])
def test_griffin_lim_equals_torchaudios(frames):
    """The same waveform under the same seed, from the entry's own postprocess."""
    theirs = pipelines.TACOTRON2_GRIFFINLIM_CHAR_LJSPEECH.get_vocoder()
    mel = log_mel(frames)
    waveforms, _ = seeded(CHARACTERS.postprocess(), mel)

    assert waveforms.shape == (2, (frames - 1) * 256)
    assert waveforms.isfinite().all() and waveforms.std() > 0
    assert torch.equal(waveforms, seeded(theirs, mel)[0])


def test_griffin_lim_gives_lengths_in_samples():
    """Where torchaudio's hands the frames back: all of a spectrogram is all of its waveform."""
    waveforms, lengths = GriffinLim()(log_mel(6), torch.tensor([6, 3], dtype=torch.int32))

    assert lengths.tolist() == [waveforms.shape[1], 2 * 256]
    assert GriffinLim()(log_mel(4))[1] is None


def test_griffin_lim_is_a_module_with_torchaudios_buffers():
    """What it computes with moves with it, and float16 does not change what it says."""
    ours = CHARACTERS.postprocess()
    theirs = pipelines.TACOTRON2_GRIFFINLIM_CHAR_LJSPEECH.get_vocoder()
    assert isinstance(ours, torch.nn.Module) and not ours.training
    assert all(map(torch.equal, ours.buffers(), theirs.buffers()))
    assert len(list(ours.buffers())) == len(list(theirs.buffers())) > 0

    before = seeded(ours, log_mel(4))
    assert torch.equal(seeded(torch.nn.Sequential(ours).float(), log_mel(4))[0], before[0])
    assert {buffer.device.type for buffer in ours.to("meta").buffers()} == {"meta"}


def test_griffin_lim_keeps_no_gradient_and_leaves_its_input_alone():
    """It is the end of the line: nothing is trained through it."""
    mel = log_mel(4).requires_grad_()
    before = mel.detach().clone()

    assert not GriffinLim()(mel)[0].requires_grad
    assert torch.equal(mel, before)


@pytest.mark.parametrize("member", list(Tacotron2Weights), ids=lambda member: member.name)
def test_sample_rate_is_torchaudios(member):
    """On the vocoder and in meta; reading it fetches nothing."""
    theirs = pipelines.TACOTRON2_GRIFFINLIM_CHAR_LJSPEECH.get_vocoder().sample_rate

    assert theirs == member.postprocess().sample_rate == member.meta["sample_rate"]


@pytest.fixture(scope="module")
def wavernns(made, answer_with, tmp_path_factory):
    """The same weights in our vocoder and in the bundle's."""
    bundle = pipelines.TACOTRON2_WAVERNN_CHAR_LJSPEECH
    # Large enough for what is drawn to depend on the spectrogram.
    state = made.state_dict(WaveRNN(**bundle._wavernn_params), seed=2, scale=0.2)
    path = made.save(state, tmp_path_factory.mktemp("w") / "weights.pth", layout="zip")
    entry = made.entry(WaveRNNWeights.LJSpeech_RefV1, path)
    with pytest.MonkeyPatch.context() as patch:
        answer_with(patch, WaveRNNWeights.LJSpeech_RefV1.url, state)
        return TO_WAVERNN.postprocess(weights=entry), bundle.get_vocoder()


def test_wavernn_vocoder_equals_torchaudios(wavernns):
    """The same waveform and lengths under the same seed, though ours is built by the call."""
    lengths = torch.tensor([2, 1])
    ours, theirs = (seeded(vocoder, log_mel(2), lengths) for vocoder in wavernns)

    assert ours[0].shape == (2, 550)
    assert torch.equal(ours[0], theirs[0])
    assert torch.equal(ours[1], theirs[1]) and ours[1].tolist() == [550, 275]


def test_wavernn_sees_what_torchaudios_does(wavernns, monkeypatch):
    """Spectrograms are normalized alike, to the bit."""
    ours, theirs = wavernns
    seen = []
    mel = torch.linspace(-20, 5, 800).reshape(1, 80, 10)
    monkeypatch.setattr(theirs._model, "infer", lambda *given: seen.append(given[0]) or given)
    theirs(mel)

    assert torch.equal(ours.weights.transforms()(mel), seen[0])


def test_wavernn_vocoder_without_lengths_returns_none(wavernns):
    """As torchaudio's does."""
    ours, theirs = (seeded(vocoder, log_mel(1, batch=1)) for vocoder in wavernns)

    assert ours[1] is theirs[1] is None
    assert torch.equal(ours[0], theirs[0])


def test_wavernn_vocoder_builds_its_model_once(wavernns):
    """And for inference."""
    ours, _ = wavernns

    assert ours.model is ours.model
    assert not ours.model.training


def test_wavernn_vocoder_is_a_module_with_torchaudios_parameters(wavernns):
    """Once its model was read; until then nothing was fetched, and it has none."""
    ours, theirs = wavernns
    unread = TO_WAVERNN.postprocess(weights=ours.weights)
    assert isinstance(unread, torch.nn.Module) and not list(unread.parameters())
    assert not unread.model.training

    found, expected = (list(vocoder.parameters()) for vocoder in (unread, theirs))
    assert len(found) == len(expected) > 0 and all(map(torch.equal, found, expected))


def test_wavernn_vocoder_is_made_of_the_asset(monkeypatch):
    """The entry's vocoder fetches the weights that the entry names, on the first call."""
    monkeypatch.setenv("DAPI_OFFLINE", "1")
    vocoder = TO_WAVERNN.postprocess()

    with pytest.raises(OfflineError) as raised:
        vocoder(log_mel(1))

    assert vocoder.weights is TO_WAVERNN.assets["vocoder"]
    assert raised.value.url == WaveRNNWeights.LJSpeech_RefV1.url


def test_vocoder_weights_without_transforms_say_so(made, tmp_path):
    """A bare file does not say how its input is normalized."""
    from dapi import WeightEntry

    torch.save({}, tmp_path / "weights.pth")

    with pytest.raises(NoWeightsError, match="transforms"):
        WaveRNNVocoder(weights=WeightEntry.from_file(tmp_path / "weights.pth"))


@pytest.mark.parametrize("shape", [(80, 9), (1, 79, 9), (1, 80, 3), (0,)], ids=str)
def test_griffin_lim_refuses_other_shapes(shape):
    """The shape that it has, and the one that was expected."""
    with pytest.raises(UnsupportedInputError, match=r"Expected \(N, 80, T\).*4 frames"):
        GriffinLim()(torch.zeros(shape))


@pytest.mark.parametrize("shape", [(80, 9), (1, 79, 9), (1, 80, 0)], ids=str)
def test_wavernn_vocoder_refuses_other_shapes(shape):
    """Before anything is fetched."""
    with pytest.raises(UnsupportedInputError, match=r"Expected \(N, 80, T\)"):
        TO_WAVERNN.postprocess()(torch.zeros(shape))


def test_mu_law_decoding_equals_torchaudios():
    """For every level, and clipped beyond the ends."""
    drawn = torch.cat([2 * torch.arange(256).float() / 255 - 1, torch.tensor([-1.5, 1.5])])
    decoded = MuLawWaveform(bits=8)(drawn)

    assert torch.equal(decoded, mu_law_decoding(utils._unnormalize_waveform(drawn, 8), 256))
    assert decoded.min() == -1 and decoded.max() == 1


def logits_of(path, labels="-|ab"):
    """Logits of one item whose likeliest labels, by far, are those of ``path``."""
    return 9 * torch.eye(len(labels))[[labels.index(label) for label in path]].unsqueeze(0)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("--aa-abb--", "aab"),
        ("ab|-|ba", "ab  ba"),
        ("|a|", "a"),
        ("----", ""),
    ],
)
def test_ctc_text_drops_repetitions_and_blanks(path, text):
    """A letter that is repeated beyond a blank stays twice; a bar is a space."""
    assert CTCText("-|ab")(logits_of(path)) == [text]


def test_ctc_text_of_a_batch_ends_at_the_lengths():
    """What stands behind an item's length is not read."""
    batch = torch.cat([logits_of("aab"), logits_of("abb")])

    assert CTCText("-|ab")(batch) == ["ab", "ab"]
    assert CTCText("-|ab")(batch, torch.tensor([3, 1])) == ["ab", "a"]
    assert "-|ab" in repr(CTCText("-|ab"))


def test_words_are_the_nearest_of_those_that_can_be_said():
    """Each on its own; of those as near the first; and nothing stays nothing."""
    read = CTCText("-|ab", words=("aab", "bb", "ba"))

    assert read(logits_of("ab|b")) == ["aab bb"]
    assert read(logits_of("-|-")) == [""]
    assert repr(read) == "CTCText('-|ab', words=('aab', 'bb', 'ba'))"


@pytest.mark.parametrize(
    ("heard", "text"), [("a", ""), ("aa", "aab"), ("bbbbb", ""), ("a|aa|c", "aab"), ("cabbc", "")]
)
def test_letters_that_are_far_from_every_word_are_left_out(heard, text):
    """Where three in five of the longer's would have to change, nothing was said."""
    labels = "-|abc"
    read = CTCText(labels, words=("aab", "ccccc"))

    assert [text] == read(logits_of("-".join(heard), labels))


def test_letters_that_are_improbable_are_left_out():
    """Those of a word whose mean probability is below a half, each at its surest frame."""
    read, letters = CTCText("-|ab", words=("ab",)), CTCText("-|ab")
    sure, unsure = logits_of("a-b"), 0.1 * logits_of("a-b")
    half = torch.cat([sure[:, :1], unsure[:, :1], sure[:, 1:2], unsure[:, 2:]], dim=1)

    assert ["ab"] == read(sure) == letters(unsure) == read(half)
    assert [""] == read(unsure)


def test_ctc_text_of_what_is_not_a_number_is_refused():
    """It would be an empty text, which says that nothing was said."""
    logits = logits_of("aab")
    logits[0, 1] = torch.nan

    with pytest.raises(UnsupportedInputError, match="NaN.*float32"):
        CTCText("-|ab")(logits)


@pytest.mark.parametrize("shape", [(3, 4), (1, 3, 5)], ids=str)
def test_ctc_text_refuses_other_shapes(shape):
    """The shape that it has, and the one that was expected."""
    with pytest.raises(UnsupportedInputError, match=r"Expected \(N, frames, 4\)"):
        CTCText("-|ab")(torch.zeros(shape))


def test_ctc_text_takes_logits_and_lengths_apart():
    """The model returns both in a tuple; the error says how to give them."""
    returned = logits_of("aab"), torch.tensor([2])

    assert CTCText("-|ab")(*returned) == ["a"]
    with pytest.raises(UnsupportedInputError, match=r"of tuple.*postprocess\(\*model"):
        CTCText("-|ab")(returned)


@pytest.fixture(scope="module")
def pieces(tmp_path_factory):
    """A small SentencePiece model, trained on a few sentences."""
    trainer = pytest.importorskip("sentencepiece", reason="needs dapi-audio[rnnt]")
    folder = tmp_path_factory.mktemp("pieces")
    sentences = ["he hoped there would be stew", "turnips and carrots", "bruised potatoes"]
    (folder / "text.txt").write_text("\n".join(sentences * 20))
    trainer.SentencePieceTrainer.train(
        input=str(folder / "text.txt"),
        model_prefix=str(folder / "spm"),
        vocab_size=60,
        model_type="bpe",
        minloglevel=2,
    )
    return folder / "spm.model"


def test_transducer_text_equals_torchaudios(pieces, answer_with_files, monkeypatch):
    """For tokens of a sentence with silent ones among them, and for none."""
    member = EmformerRNNTBaseWeights.LibriSpeech_RefV1
    answer_with_files(monkeypatch, {member.assets["pieces"].url: pieces})
    theirs = pipelines.EMFORMER_RNNT_BASE_LIBRISPEECH.get_token_processor()
    ours = member.postprocess(pieces=pieces)
    spoken = theirs.sp_model.encode("he hoped there would be turnips")
    hypotheses = [([4096, *spoken, 0, 2], None, [], -1.5), ([4096], None, [], -9.0)]

    assert ours(hypotheses) == ["he hoped there would be turnips", ""]
    assert ours(hypotheses) == [theirs(tokens) for tokens, *_ in hypotheses]
    assert repr(ours) == "TransducerText(pieces=60)"


def test_transducer_text_says_what_it_needs(monkeypatch):
    """The package and the command, before any file is read."""
    monkeypatch.setitem(__import__("sys").modules, "sentencepiece", None)

    with pytest.raises(MissingDependencyError, match=r"sentencepiece.*dapi-audio\[rnnt\]"):
        TransducerText(pieces="spm.model")


def test_pieces_that_are_none_say_so(tmp_path):
    """A web page, or no file at all."""
    pytest.importorskip("sentencepiece", reason="needs dapi-audio[rnnt]")
    (tmp_path / "page.model").write_text("<html></html>")

    for name in ("page.model", "absent.model"):
        with pytest.raises(AssetError, match="it is not a SentencePiece model"):
            TransducerText(pieces=tmp_path / name)


def test_sources_are_in_the_models_order():
    """Each name has what the model put at its place."""
    separated = torch.arange(12.0).reshape(1, 2, 2, 3)
    named = Sources(["drums", "bass"])(separated)

    assert torch.equal(named["bass"], separated[:, 1])
    assert repr(Sources(["drums", "bass"])) == "Sources(['drums', 'bass'])"
    with pytest.raises(UnsupportedInputError, match=r"\(N, 2, ..., T\): drums, bass"):
        Sources(["drums", "bass"])(separated[:, :1])


def test_scores_are_of_each_item():
    """As many names as the model has scores."""
    scores = [torch.tensor([0.5, 0.25]), torch.tensor([1.0, 2.0])]

    assert Scores(["STOI", "PESQ"])(scores) == [
        {"STOI": 0.5, "PESQ": 1.0},
        {"STOI": 0.25, "PESQ": 2.0},
    ]
    assert Scores(["MOS"])(scores[0]) == [{"MOS": 0.5}, {"MOS": 0.25}]
    assert repr(Scores(["MOS"])) == "Scores(['MOS'])"
    with pytest.raises(UnsupportedInputError, match="2 scores. Expected 1: MOS"):
        Scores(["MOS"])(scores)


@pytest.mark.parametrize("kind", [Sources, Scores])
def test_equal_names_are_refused(kind):
    """One source, or score, would take another's place."""
    with pytest.raises(ValueError, match="The names have 'voice' more than once"):
        kind(["voice", "noise", "voice"])
