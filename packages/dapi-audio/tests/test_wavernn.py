"""wavernn equals the model inside torchaudio's vocoder, to the bit."""

import inspect

import pytest
import torch
from torchaudio import pipelines
from torchaudio.models import WaveRNN

from dapi.audio import WaveRNNWeights, wavernn
from dapi.exceptions import ConfigConflictError, LegacyArgumentWarning, OfflineError

BUNDLE = pipelines.TACOTRON2_WAVERNN_CHAR_LJSPEECH
MEMBER = WaveRNNWeights.LJSpeech_RefV1


@pytest.fixture(scope="module", params=["zip", "legacy"])
def pair(request, made, answer_with, tmp_path_factory):
    """The same weights in our model and in the bundle's: (ours, theirs)."""
    state = made.state_dict(WaveRNN(**BUNDLE._wavernn_params), seed=1)
    path = made.save(state, tmp_path_factory.mktemp("w") / "weights.pth", layout=request.param)
    ours = wavernn(weights=made.entry(MEMBER, path))
    assert ours.training
    with pytest.MonkeyPatch.context() as patch:
        answer_with(patch, MEMBER.url, state)
        theirs = BUNDLE.get_vocoder()._model
    return ours, theirs


def test_state_dicts_are_equal(pair):
    """The same keys in order, shapes, dtypes, values, buffers and gradients wanted."""
    ours, theirs = pair
    found, expected = ours.state_dict(), theirs.state_dict()

    assert list(found) == list(expected)
    assert all(torch.equal(found[key], expected[key]) for key in expected)
    assert all(found[key].dtype == expected[key].dtype for key in expected)
    assert [name for name, _ in ours.named_buffers()] == [
        name for name, _ in theirs.named_buffers()
    ]
    assert [p.requires_grad for p in ours.parameters()] == [
        p.requires_grad for p in theirs.parameters()
    ]


@pytest.mark.parametrize("mode", [True, False], ids=["train", "eval"])
def test_forward_is_equal(pair, mode):
    """Logits for a waveform and its spectrogram are the same to the bit, in both modes."""
    generator = torch.Generator().manual_seed(2)
    spectrogram = torch.rand(2, 1, 80, 6, generator=generator)
    waveform = torch.rand(2, 1, 2 * 275, generator=generator) * 2 - 1
    results = []
    for model in pair:
        before = {name: buffer.clone() for name, buffer in model.named_buffers()}
        with torch.no_grad():
            results.append(model.train(mode)(waveform, spectrogram))
        model.load_state_dict(before, strict=False)  # batch norm counts in train mode

    assert results[0].shape == (2, 1, 550, 256)
    assert torch.equal(*results)


def test_infer_is_equal(pair):
    """Drawn samples and lengths are the same to the bit: eval mode, one seed."""
    spectrogram = torch.rand(1, 80, 1, generator=torch.Generator().manual_seed(3))
    results = []
    for model in pair:
        torch.manual_seed(5)
        with torch.no_grad():
            results.append(model.eval().infer(spectrogram, torch.tensor([1])))

    assert results[0][0].shape == (1, 1, 275)
    assert all(map(torch.equal, *results))


def test_entry_says_what_the_bundle_does():
    """URL and every argument are the bundle's; what the weights fix is on the entry."""
    defaults = {
        name: parameter.default for name, parameter in inspect.signature(WaveRNN).parameters.items()
    }
    found = {**defaults, **MEMBER.build.config}

    assert MEMBER.url.rpartition("/")[2] == BUNDLE._wavernn_path
    assert {**found, "upsample_scales": list(found["upsample_scales"])} == BUNDLE._wavernn_params


def test_builder_defaults_are_those_of_its_weights():
    """Without weights it is the same architecture, and its size is the one in meta."""
    model = wavernn()

    assert MEMBER.meta["num_params"] == sum(p.numel() for p in model.parameters())
    assert {
        name: inspect.signature(wavernn).parameters[name].default for name in MEMBER.build.config
    } == dict(MEMBER.build.config)


def test_another_bit_depth_contradicts_the_weights():
    """n_classes is fixed by the weights."""
    with pytest.raises(ConfigConflictError, match="n_classes=512 .* n_classes=256"):
        wavernn(weights=MEMBER, n_classes=512)


def test_checkpoint_name_means_the_member(monkeypatch):
    """The old argument warns with the exact replacement, and asks for the member's file."""
    monkeypatch.setenv("DAPI_OFFLINE", "1")

    with (
        pytest.warns(LegacyArgumentWarning, match=r"wavernn\(weights=WaveRNNWeights.LJSpeech_Re"),
        pytest.raises(OfflineError) as raised,
    ):
        wavernn(checkpoint_name="wavernn_10k_epochs_8bits_ljspeech")

    assert raised.value.url == MEMBER.url
