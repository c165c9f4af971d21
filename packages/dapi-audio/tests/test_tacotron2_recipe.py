"""recipes/tacotron2_espeak.py: what training makes of its data, and that it can be interrupted."""

from itertools import count

import pytest
import torch


@pytest.fixture(scope="module")
def script(recipe):
    """The module."""
    return recipe("tacotron2_espeak")


def test_gaps_are_average_frames(script):
    """A frame is the average one or near what it was, and each spectrogram has gaps of its own."""
    torch.manual_seed(0)
    average, mels = torch.arange(80.0), torch.full((6, 80, 200), -3.0)
    given = script.gapped(mels, average, noise=0.0)
    gone = (given == average[:, None]).all(dim=1)

    assert torch.equal(given.transpose(1, 2)[~gone], mels.transpose(1, 2)[~gone])
    assert gone.float().mean(dim=1).unique().numel() == 6
    assert not script.gapped(mels, average, noise=0.5).eq(-3.0).any()


def test_guidance_wants_the_diagonal(script):
    """Attention that goes through a text at one speed costs nothing; that stands still, much."""
    lengths = torch.tensor([40])
    batch = script.Batch(torch.zeros(1, 40).long(), lengths, torch.zeros(1, 80, 40), lengths)
    still = torch.zeros(1, 40, 40)
    still[:, :, 0] = 1

    assert script.guidance(torch.eye(40)[None], batch, width=0.2) == 0
    assert script.guidance(still, batch, width=0.2) > 0.5


def test_interrupted_training_ends_alike(script, recipe, tmp_path, monkeypatch, restored):
    """What went on from a checkpoint has the same weights, to the bit, as what was never cut."""
    monkeypatch.setattr(script, "say", lambda phrase, voice: torch.linspace(0, 1e4, 4000).sin())
    monkeypatch.setattr(recipe("training"), "SECONDS_BETWEEN_CHECKPOINTS", 0)
    short = script.Recipe(phrases=20, steps=4, batch_size=2)
    whole, expected = script.train(short, seed=3, output=tmp_path / "whole", device="cpu")

    with monkeypatch.context() as patch:
        patch.setattr(script, "loss_of", interrupted(script.loss_of, before=2))
        with pytest.raises(KeyboardInterrupt):
            script.train(short, seed=3, output=tmp_path / "parts", device="cpu")
    resumed, found = script.train(short, seed=3, output=tmp_path / "parts", device="cpu")

    assert expected.losses == found.losses
    assert all(map(torch.equal, whole.state_dict().values(), resumed.state_dict().values()))


def interrupted(loss_of, *, before):
    """The same function, for as many calls, and then as if somebody pressed Ctrl-C."""
    calls = count()

    def loss(*arguments, **options):
        if next(calls) == before:
            raise KeyboardInterrupt
        return loss_of(*arguments, **options)

    return loss
