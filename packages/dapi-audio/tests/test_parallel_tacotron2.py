"""recipes/parallel_tacotron2.py: all frames at once are what they are one after the other."""

import pytest
import torch

from dapi.audio import tacotron2_tiny


@pytest.fixture(scope="module")
def parallel(recipe):
    """The module."""
    return recipe("parallel_tacotron2")


@pytest.fixture(scope="module")
def decoder():
    """A decoder that does something, in eval mode."""
    torch.manual_seed(0)
    decoder = tacotron2_tiny().eval().decoder
    with torch.no_grad():
        for parameter in decoder.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return decoder


def given():
    """Three texts as an encoder has them, their lengths, and spectrograms."""
    generator = torch.Generator().manual_seed(1)
    memory = torch.randn(3, 9, 128, generator=generator)
    return memory, torch.tensor([9, 7, 5]), torch.randn(3, 80, 20, generator=generator)


@torch.no_grad()
def test_it_equals_the_decoder_given_its_attention(parallel, decoder):
    """To 1e-5: spectrograms, gate and attention, with the same dropout in the prenet."""
    memory, lengths, frames = given()
    torch.manual_seed(2)
    mels, gate, attention = decoder(memory, frames, lengths)
    torch.manual_seed(2)
    found = parallel.decode(decoder, memory, lengths, frames=frames, attention=attention)

    assert mels.std() > 0.1 and attention.std() > 0.01
    torch.testing.assert_close(found.mels, mels, atol=1e-5, rtol=0)
    torch.testing.assert_close(found.gate, gate, atol=1e-5, rtol=0)
    torch.testing.assert_close(found.attention, attention, atol=1e-5, rtol=0)


@torch.no_grad()
def test_a_frame_depends_on_those_before_it_alone(parallel, decoder):
    """Other frames and another attention from one place on change what comes after it."""
    memory, lengths, frames = given()
    attention = torch.full((3, 20, 9), 1 / 9)
    results = []
    for change in (0.0, 1.0):
        frames[:, :, 12:] += change
        attention[:, 12:, 0] += change
        torch.manual_seed(2)
        found = parallel.decode(decoder, memory, lengths, frames=frames, attention=attention)
        results.append(found.mels)

    assert torch.equal(results[0][:, :, :13], results[1][:, :, :13])
    assert not torch.equal(results[0][:, :, 13], results[1][:, :, 13])
