"""recipes/aligned_speech.py: where in a text each frame of its speech is read."""

import shutil

import pytest
import torch


@pytest.fixture(scope="module")
def script(recipe):
    """The module."""
    return recipe("aligned_speech")


@pytest.fixture
def spoken(script):
    """Two words, said in 20 frames; their letters are heard in every second one."""
    times = torch.tensor([2.0, 4.0, 6.0, 10.0, 12.0, 14.0])
    return script.Spoken("red box", torch.zeros(20, 80), times)


def test_a_frame_is_read_where_its_letter_is_written(script, spoken):
    """Whatever marks stand between the words; frames between two letters, between them."""
    plain, marked = (script.places(spoken, text) for text in ("red box", "Red, box!"))

    assert [0, 1, 2, 4, 5, 6] == plain[[2, 4, 6, 10, 12, 14]].tolist()
    assert [0, 1, 2, 5, 6, 7] == marked[[2, 4, 6, 10, 12, 14]].tolist()
    assert 0.5 == plain[3] and 3 == plain[8]
    assert (plain.diff() >= 0).all() and 0 == plain[0] and 6 < plain[19] < 7


@pytest.mark.skipif(
    shutil.which("espeak-ng") is None, reason="the program espeak-ng is not installed"
)
def test_letters_are_heard_in_order_while_they_are_spoken(script):
    """The recognizer aligns what it has never heard."""
    sound = script.say("open the red door", script.SPEAKER)
    times = script.letter_times(sound, "open the red door")

    assert 14 == len(times) and (times.diff() > 0).all()
    assert 0 <= times[0] and times[-1] <= len(sound) / script.SPECTROGRAM["hop_length"]
