"""recipes/espeak_phrases.py: what is held out stays so, and voices are what they are called."""

import shutil
import string
from itertools import pairwise

import pytest
import torch

needs_espeak = pytest.mark.skipif(
    shutil.which("espeak-ng") is None, reason="the program espeak-ng is not installed"
)


@pytest.fixture(scope="module")
def corpus(recipe):
    """The module."""
    return recipe("espeak_phrases")


@pytest.mark.parametrize("seed", [0, 1])
def test_no_phrase_to_train_on_is_held_out(corpus, seed):
    """Whatever the seed, the two never share an order of words."""
    trained = set(corpus.phrases(3000, held_out=False, seed=seed))
    held_out = set(corpus.phrases(500, held_out=True, seed=seed))

    assert (3000, 500) == (len(trained), len(held_out))
    assert not any(map(corpus.is_held_out, trained))
    assert all(map(corpus.is_held_out, held_out))


def test_one_phrase_in_ten_is_held_out(corpus):
    """By its words alone: how they are spaced is no matter."""
    phrases = corpus.phrases(900, held_out=False, seed=0) + corpus.phrases(
        100, held_out=True, seed=0
    )

    assert [corpus.is_held_out(each) for each in phrases] == [
        corpus.is_held_out("  ".join(each.split()) + " ") for each in phrases
    ]
    drawn = (f"{a} {b}" for a in corpus.VOCABULARY for b in corpus.VOCABULARY)
    assert 0.08 < sum(map(corpus.is_held_out, drawn)) / len(corpus.VOCABULARY) ** 2 < 0.12


def test_phrases_have_every_word_and_few_of_them(corpus):
    """One to five words, all of the vocabulary and each of it, which has every letter."""
    words = [each.split() for each in corpus.phrases(3000, held_out=False, seed=0)]

    assert set(range(1, corpus.MOST_WORDS + 1)) == set(map(len, words))
    assert set(corpus.VOCABULARY) == {word for phrase in words for word in phrase}
    assert set(string.ascii_lowercase) == set("".join(corpus.VOCABULARY))
    assert len(set(corpus.VOCABULARY)) == len(corpus.VOCABULARY)


def test_each_word_follows_many(corpus):
    """Orders are free enough that a model cannot learn sentences by heart."""
    phrases = corpus.phrases(3000, held_out=False, seed=0)
    before = {word: set() for word in corpus.VOCABULARY}
    for first, second in (pair for each in phrases for pair in pairwise(each.split())):
        before[second].add(first)

    assert min(map(len, before.values())) > 20


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0, "zero"),
        (21, "twenty one"),
        (706, "seven hundred and six"),
        (40_019, "forty thousand and nineteen"),
        (215_340, "two hundred and fifteen thousand three hundred and forty"),
    ],
)
def test_numbers_are_said_as_people_do(corpus, number, said):
    """With "and" where a hundred is over."""
    assert said == " ".join(corpus.number_words(number))


def test_held_out_voices_share_nothing_with_training(corpus):
    """No accent and no timbre of theirs occurs there, and the speaker's voice neither."""
    training = corpus.TRAINING_VOICES + corpus.FURTHER_VOICES
    held_out = corpus.HELD_OUT_VOICES

    assert not {v.language for v in training} & {v.language for v in held_out}
    assert not {v.variant for v in training} & {v.variant for v in held_out}
    assert corpus.SPEAKER not in training
    assert len(set(training)) >= 24 and len(set(held_out)) >= 6


@needs_espeak
def test_every_voice_sounds_otherwise(corpus):
    """espeak-ng falls back on another voice in silence when it does not know a name."""
    voices = [corpus.SPEAKER, *corpus.TRAINING_VOICES, *corpus.HELD_OUT_VOICES]
    alike = [corpus.Voice(voice.language, voice.variant) for voice in set(voices)]
    spoken = {corpus.say("red five", voice).numpy().tobytes() for voice in set(alike)}

    assert len(set(alike)) == len(spoken)


@needs_espeak
def test_speech_is_trimmed_and_repeats(corpus):
    """Mono at 16 kHz in [-1, 1], with as much silence on either side, the same each time."""
    waveform = corpus.say("open the red door", corpus.SPEAKER)
    margin = round(corpus.SILENCE * corpus.SAMPLE_RATE)

    assert (torch.float32, 1) == (waveform.dtype, waveform.ndim)
    assert waveform[:margin].count_nonzero() == waveform[-margin:].count_nonzero() == 0
    assert waveform[margin] != 0 != waveform[-margin - 1]
    assert 0.2 < waveform.abs().max() <= 1
    assert torch.equal(waveform, corpus.say("open the red door", corpus.SPEAKER))


def test_missing_program_says_how_to_get_it(corpus, monkeypatch):
    """Its release and its package are named."""
    monkeypatch.setenv("PATH", "")

    with pytest.raises(FileNotFoundError, match="apt-get install espeak-ng"):
        corpus.say("one", corpus.SPEAKER)
