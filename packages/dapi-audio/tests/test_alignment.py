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
