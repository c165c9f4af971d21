"""Segments of speech are those that silero-vad finds in the same probabilities."""

import math

import pytest
import torch

from dapi.audio.activity import Segment, VoiceActivity
from dapi.audio.exceptions import UnsupportedInputError


def changing(frames, seed):
    """Probabilities that stay high or low for a while, and cross the thresholds now and then."""
    generator = torch.Generator().manual_seed(seed)
    steps = torch.randn(frames, generator=generator).cumsum(0) * 0.7
    return torch.sigmoid(steps - steps.mean() + torch.randn(frames, generator=generator))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({}, {}),
        ({"threshold": 0.3, "min_speech": 0.05}, {"threshold": 0.3, "min_speech_duration_ms": 50}),
        (
            {"min_silence": 0.04, "padding": 0.2},
            {"min_silence_duration_ms": 40, "speech_pad_ms": 200},
        ),
        ({"threshold": 0.1, "hysteresis": 0.2}, {"threshold": 0.1, "neg_threshold": 0.01}),
    ],
    ids=["defaults", "lower", "padded", "lowest"],
)
def test_segments_are_those_of_the_package(ours, theirs):
    """To the sample, over forty sounds of any length."""
    package = pytest.importorskip("silero_vad")
    find, found = VoiceActivity(**ours), 0
    for seed in range(40):
        probabilities, samples = changing(150 + seed, seed), (150 + seed) * 512 - 13 * seed
        expected = package.get_speech_timestamps_from_probs(
            probabilities.tolist(), audio_length_samples=samples, **theirs
        )
        [segments] = find(probabilities.unsqueeze(0), [samples / 16000])
        in_samples = [[round(edge * 16000, 3) for edge in segment] for segment in segments]
        assert [[each["start"], each["end"]] for each in expected] == in_samples
        found += len(expected)

    assert found > 40


def test_each_sound_of_a_batch_has_its_own():
    """The segments of a row are those that it has alone."""
    batch = torch.stack([changing(120, seed) for seed in range(4)] + [torch.zeros(120)])
    find = VoiceActivity()

    assert [find(row.unsqueeze(0))[0] for row in batch] == find(batch)
    assert find(batch)[-1] == [] != find(batch)[0]


def test_speech_lasts_as_long_as_the_sound():
    """A segment at the end ends with the sound, and one at the beginning begins at 0."""
    assert VoiceActivity()(torch.ones(1, 20), [0.61]) == [[Segment(0.0, 0.61)]]
    assert VoiceActivity()(torch.ones(1, 7)) == [[]]  # not longer than a quarter of a second


def test_not_a_number_is_no_speech():
    """A frame of NaN neither begins nor ends anything."""
    probabilities = torch.ones(1, 20)
    probabilities[0, 10] = math.nan

    assert VoiceActivity()(probabilities) == VoiceActivity()(torch.ones(1, 20))
    assert VoiceActivity()(torch.full((1, 20), math.nan)) == [[]]


@pytest.mark.parametrize(
    ("given", "reason"),
    [((torch.ones(1, 9), None), "are of tuple"), (torch.ones(9), r"have the shape \(9,\)")],
    ids=["tuple", "shape"],
)
def test_other_input_is_refused(given, reason):
    """By what it is, and what was expected."""
    with pytest.raises(UnsupportedInputError, match=f"{reason}.*Expected"):
        VoiceActivity()(given)
