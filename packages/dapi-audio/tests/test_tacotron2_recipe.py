"""recipes/tacotron2_espeak.py: what training makes of its data, and that it can be interrupted."""

from itertools import count

import pytest
import torch


@pytest.fixture(scope="module")
def script(recipe):
    """The module."""
    return recipe("tacotron2_espeak")


@pytest.fixture
def spoken(script):
    """Two words, said in 20 frames; their letters are heard in every second one."""
    times = torch.tensor([2.0, 4.0, 6.0, 10.0, 12.0, 14.0])
    return script.Spoken("red box", torch.zeros(20, 80), times)


def test_gaps_are_average_frames(script):
    """A frame is the average one or near what it was, and each spectrogram has gaps of its own."""
    torch.manual_seed(0)
    average, mels = torch.arange(80.0), torch.full((6, 80, 200), -3.0)
    given = script.gapped(mels, average, noise=0.0)
    gone = (given == average[:, None]).all(dim=1)

    assert torch.equal(given.transpose(1, 2)[~gone], mels.transpose(1, 2)[~gone])
    assert gone.float().mean(dim=1).unique().numel() == 6
    assert not script.gapped(mels, average, noise=0.5).eq(-3.0).any()


def test_attention_is_a_distribution_over_the_text(script, spoken):
    """Of each frame that is spoken, the most where it is read; of what lies behind, nothing."""
    short = script.Spoken("on", torch.zeros(9, 80), torch.tensor([2.0, 5.0]))
    batch = script.batch_of([short, spoken], ["on.", "red box"], reach=0.7)

    assert [20, 9] == batch.mel_lengths.tolist() and (2, 20, 7) == batch.attention.shape
    torch.testing.assert_close(batch.attention.sum(dim=2), batch.speaking.float())
    assert [0, 1, 2] == batch.attention[0].argmax(dim=1)[[2, 4, 6]].tolist()
    assert not batch.attention[1, :, 3:].any()


def test_no_phrase_that_is_learnt_is_held_out(script):
    """What is learnt is disjoint from what is measured, whatever the seed of a training."""
    learnt = set(script.phrases(script.Recipe().phrases, held_out=False, seed=0))

    assert not learnt & set(script.phrases(240, held_out=True, seed=2))
    assert len(learnt) == script.Recipe().phrases


def test_interrupted_training_ends_alike(script, recipe, tmp_path, monkeypatch, restored):
    """What went on from a checkpoint has the same weights, to the bit, as what was never cut."""
    monkeypatch.setattr(
        recipe("aligned_speech"), "say", lambda phrase, voice: torch.linspace(0, 1e4, 48000).sin()
    )
    monkeypatch.setattr(recipe("training"), "SECONDS_BETWEEN_CHECKPOINTS", 0)
    short = script.Recipe(phrases=12, steps=4, batch_size=2)
    whole, expected = script.train(short, seed=3, output=tmp_path / "whole", device="cpu")

    with monkeypatch.context() as patch:
        patch.setattr(script, "draw", interrupted(script.draw, before=2))
        with pytest.raises(KeyboardInterrupt):
            script.train(short, seed=3, output=tmp_path / "parts", device="cpu")
    resumed, found = script.train(short, seed=3, output=tmp_path / "parts", device="cpu")

    assert expected.losses == found.losses
    assert all(map(torch.equal, whole.state_dict().values(), resumed.state_dict().values()))


def interrupted(draw, *, before):
    """The same function, for as many calls, and then as if somebody pressed Ctrl-C."""
    calls = count()

    def batch(*arguments, **options):
        if next(calls) == before:
            raise KeyboardInterrupt
        return draw(*arguments, **options)

    return batch
