"""Words are found where torchaudio's aligner finds them."""

import pytest
import torch
from torchaudio import pipelines

from dapi.audio import XLSR300MWeights
from dapi.audio.alignment import ForcedAlignment
from dapi.audio.exceptions import UnsupportedInputError

MEMBER = XLSR300MWeights.MMS_ForcedAlignment_RefV1
ALIGN = MEMBER.postprocess()


def logits(frames, seed=0):
    """Of a model that is not sure."""
    return torch.randn(1, frames, 28, generator=torch.Generator().manual_seed(seed)) * 3


@pytest.mark.parametrize("transcript", ["hello world", "a", "off * it's", "aaa bb"])
def test_spans_equal_torchaudios(transcript):
    """The letters' frames and scores, from the logits, for words with the star and without."""
    bundle, found = pipelines.MMS_FA, ALIGN(logits(60), transcript)
    theirs = logits(60).log_softmax(dim=-1)
    emission = torch.cat((theirs, torch.zeros(1, 60, 1)), dim=-1)[0]
    expected = bundle.get_aligner()(emission, bundle.get_tokenizer()(transcript.split()))

    assert [word.text for word in found] == transcript.split()
    assert [list(word.spans) for word in found] == expected


@pytest.mark.parametrize("has_star", [True, False])
@pytest.mark.parametrize("has_batch", [True, False])
def test_a_ready_emission_is_aligned_as_torchaudio_does(has_star, has_batch):
    """As its model with or without the star gives it, one of a batch or on its own."""
    bundle = pipelines.MMS_FA
    known = logits(60).log_softmax(dim=-1)
    emission = torch.cat((known, torch.zeros(1, 60, 1)), dim=-1)
    given = emission if has_star else known
    found = ALIGN.from_emission(given if has_batch else given[0], "off * it's")
    words = ["off", "*", "it's"]

    assert [list(word.spans) for word in found] == bundle.get_aligner()(
        emission[0], bundle.get_tokenizer()(words)
    )
    assert found == ALIGN(logits(60), words)


@pytest.mark.parametrize(
    ("emission", "said"),
    [
        (torch.zeros(2, 9, 28), r"\(2, 9, 28\). Expected \(frames, 28\), or 29"),
        (torch.zeros(9, 30), r"\(9, 30\)"),
        (torch.full((9, 28), 2.5), "up to 2.5. Expected log probabilities.*call the aligner"),
        (torch.full((9, 28), torch.nan), "NaN"),
    ],
    ids=["batch", "labels", "logits", "nan"],
)
def test_an_emission_that_is_none_says_so(emission, said):
    """Logits too, which would be aligned wrongly."""
    with pytest.raises(UnsupportedInputError, match=said):
        ALIGN.from_emission(emission, "a")


def test_an_emission_in_place_of_logits_says_where_it_belongs():
    """The aligner itself takes what the model returns."""
    with pytest.raises(UnsupportedInputError, match=r"call from_emission\("):
        ALIGN(torch.zeros(1, 9, 29), "a")


def test_labels_are_those_of_torchaudios_bundle():
    """With the blank first; the aligner's have the star, too."""
    assert list(pipelines.MMS_FA.get_labels(star=None)) == list(MEMBER.meta["labels"])
    assert ALIGN.labels == pipelines.MMS_FA.get_labels()
    with pytest.raises(AttributeError, match=r"weights\.meta\['labels'\]"):
        MEMBER.get_labels(blank="-")


def test_times_are_those_of_the_frames():
    """A frame is 320 of 16,000 samples; a word lasts from its first letter to its last."""
    for word in ALIGN(logits(60), "hello world"):
        assert word.start == pytest.approx(word.spans[0].start * 320 / 16000)
        assert word.end == pytest.approx(word.spans[-1].end * 320 / 16000)
        assert min(s.score for s in word.spans) <= word.score <= max(s.score for s in word.spans)


def test_a_transcript_can_be_a_list_of_words():
    """Which is what a text is split into."""
    assert ALIGN(logits(60), ["hello", "world"]) == ALIGN(logits(60), "hello world")


@pytest.mark.parametrize(
    ("transcript", "said"),
    [
        ("Hello, world", "',', 'H'.*romanize"),
        ("so-so", "'-'"),  # the blank is no letter
        ("", "lacks a word"),
        (["a", ""], "lacks a word"),
    ],
)
def test_a_transcript_that_cannot_be_spoken_says_so(transcript, said):
    """What is in it that is no letter, and which are."""
    with pytest.raises(UnsupportedInputError, match=said):
        ALIGN(logits(60), transcript)


def test_a_transcript_that_is_too_long_says_so():
    """Two equal letters need a frame between them."""
    assert ALIGN(logits(3), "aa")
    with pytest.raises(UnsupportedInputError, match="needs 5 frames, but the waveform has 4"):
        ALIGN(logits(4), "aaa")


@pytest.mark.parametrize("shape", [(9, 28), (2, 9, 28), (1, 9, 29)], ids=str)
def test_other_shapes_are_refused(shape):
    """One waveform at a time, without the star, which is added here."""
    with pytest.raises(UnsupportedInputError, match=r"Expected \(1, frames, 28\)"):
        ALIGN(torch.zeros(shape), "a")


def test_what_the_model_returns_is_to_be_taken_apart():
    """It is a tuple of logits and lengths; the error says so."""
    with pytest.raises(UnsupportedInputError, match="of tuple.*logits, _ = model"):
        ALIGN((logits(3), None), "a")


def test_what_is_not_a_number_is_refused():
    """Words would be spoken at times that mean nothing."""
    found = logits(9)
    found[0, 3] = torch.nan

    with pytest.raises(UnsupportedInputError, match="NaN.*float32"):
        ALIGN(found, "a")


def test_it_prints_its_labels():
    """Without the star."""
    assert repr(ForcedAlignment("-ab")) == "ForcedAlignment('-ab')"
