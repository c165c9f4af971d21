"""tacotron2 equals the models that torchaudio's bundles build, to the bit."""

import inspect

import pytest
import torch
from torchaudio import pipelines
from torchaudio.models import Tacotron2

import dapi
from dapi.audio import Tacotron2Weights, WaveRNNWeights, tacotron2
from dapi.exceptions import (
    ConfigConflictError,
    LegacyArgumentWarning,
    OfflineError,
    StateDictMismatchError,
    UnexpectedArgumentError,
    UnknownWeightsError,
    WeightsTypeError,
)

BUNDLES = {
    Tacotron2Weights.LJSpeech_CharactersGriffinLim_RefV1: (
        pipelines.TACOTRON2_GRIFFINLIM_CHAR_LJSPEECH
    ),
    Tacotron2Weights.LJSpeech_PhonemesGriffinLim_RefV1: (
        pipelines.TACOTRON2_GRIFFINLIM_PHONE_LJSPEECH
    ),
    Tacotron2Weights.LJSpeech_CharactersWaveRNN_RefV1: pipelines.TACOTRON2_WAVERNN_CHAR_LJSPEECH,
    Tacotron2Weights.LJSpeech_PhonemesWaveRNN_RefV1: pipelines.TACOTRON2_WAVERNN_PHONE_LJSPEECH,
}
MEMBERS = list(BUNDLES)
STEPS = 4


@pytest.fixture(
    scope="module",
    params=[*((member, "zip") for member in MEMBERS), (MEMBERS[0], "legacy")],
    ids=lambda param: f"{param[0].name}-{param[1]}",
)
def pair(request, made, answer_with, tmp_path_factory):
    """The same weights in our model and in the bundle's: (member, ours, theirs)."""
    member, layout = request.param
    bundle = BUNDLES[member]
    state = made.state_dict(Tacotron2(**bundle._tacotron2_params), seed=MEMBERS.index(member))
    path = made.save(state, tmp_path_factory.mktemp("weights") / "weights.pth", layout=layout)
    ours = tacotron2(
        weights=made.entry(member, path), decoder_max_step=STEPS, decoder_early_stopping=False
    )
    path.unlink()
    with pytest.MonkeyPatch.context() as patch:
        answer_with(patch, member.url, state)
        theirs = bundle.get_tacotron2()
    assert ours.training and not theirs.training  # compare in one mode, which each test states
    theirs.decoder.decoder_max_step = STEPS
    theirs.decoder.decoder_early_stopping = False  # made weights may stop at the first frame
    return member, ours, theirs


def batch_for(member):
    """Symbol ids of two sentences, the longer one first."""
    generator = torch.Generator().manual_seed(7)
    n_symbol = member.build.config["n_symbol"]
    return torch.randint(n_symbol, (2, 9), generator=generator), torch.tensor([9, 6])


def test_state_dicts_are_equal(pair):
    """The same keys in order, shapes, dtypes and values, buffers included."""
    _, ours, theirs = pair
    found, expected = ours.state_dict(), theirs.state_dict()

    assert list(found) == list(expected)
    assert all(torch.equal(found[key], expected[key]) for key in expected)
    assert all(found[key].dtype == expected[key].dtype for key in expected)
    found, expected = dict(ours.named_buffers()), dict(theirs.named_buffers())
    assert list(found) == list(expected)
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_parameters_are_trained_alike(pair):
    """Each parameter wants a gradient where the bundle's does."""
    _, ours, theirs = pair

    assert [(name, p.requires_grad) for name, p in ours.named_parameters()] == [
        (name, p.requires_grad) for name, p in theirs.named_parameters()
    ]


def test_builder_returns_training_mode():
    """Also in every module inside."""
    assert all(module.training for module in tacotron2(n_symbol=38).modules())


def test_infer_is_equal(pair):
    """Spectrograms, lengths and attention are the same to the bit: eval mode, one seed."""
    member, ours, theirs = pair
    results = []
    for model in (ours.eval(), theirs.eval()):
        torch.manual_seed(3)
        with torch.no_grad(), pytest.warns(UserWarning, match="max decoder steps"):
            results.append(model.infer(*batch_for(member)))

    assert results[0][0].shape == (2, 80, STEPS)
    assert results[0][0].isfinite().all() and results[0][0].std() > 0
    assert all(map(torch.equal, *results))


@pytest.mark.parametrize("mode", [True, False], ids=["train", "eval"])
def test_forward_is_equal(pair, mode):
    """Teacher forcing gives the same to the bit, in train and in eval mode: one seed."""
    member, ours, theirs = pair
    mel = torch.randn(2, 80, 5, generator=torch.Generator().manual_seed(8))
    results = []
    for model in (ours, theirs):
        before = {name: buffer.clone() for name, buffer in model.named_buffers()}
        torch.manual_seed(4)
        with torch.no_grad():
            results.append(model.train(mode)(*batch_for(member), mel, torch.tensor([5, 4])))
        model.load_state_dict(before, strict=False)  # batch norm counts in train mode

    assert all(map(torch.equal, *results))


@pytest.mark.parametrize("pair", [(MEMBERS[0], "zip")], indirect=True, ids=["characters"])
def test_speech_equals_the_bundles(pair):
    """From real text to a waveform, by the entry's own transforms and postprocess."""
    member, ours, theirs = pair
    bundle = BUNDLES[member]
    ways = (
        (member.transforms(), ours.eval(), member.postprocess()),
        (bundle.get_text_processor(), theirs.eval(), bundle.get_vocoder()),
    )
    spoken = []
    for to_ids, model, vocoder in ways:
        torch.manual_seed(5)
        with torch.no_grad(), pytest.warns(UserWarning, match="max decoder steps"):
            mel, lengths, _ = model.infer(*to_ids(["Text to speech!", "Hello world."]))
        spoken.append(vocoder(mel, lengths)[0])

    assert spoken[0].shape == (2, (STEPS - 1) * 256)
    assert torch.equal(*spoken)


@pytest.mark.parametrize("member", MEMBERS, ids=lambda member: member.name)
def test_entry_says_what_the_bundle_does(member):
    """URL, alphabet and every argument are the bundle's, whether a shape shows them or not."""
    bundle = BUNDLES[member]
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(Tacotron2).parameters.items()
    }

    assert member.url.rpartition("/")[2] == bundle._tacotron2_path
    assert {**defaults, **member.build.defaults, **member.build.config} == bundle._tacotron2_params


@pytest.mark.parametrize("member", MEMBERS, ids=lambda member: member.name)
def test_meta_is_measured(member):
    """Parameters are those of the model, the sample rate is the vocoder's."""
    model = tacotron2(**member.build.config)

    assert member.meta["num_params"] == sum(p.numel() for p in model.parameters())
    assert member.meta["sample_rate"] == member.postprocess().sample_rate
    assert member.build.config["n_symbol"] == len(member.transforms().symbols)


def test_every_member_is_latest_and_the_first_needs_nothing_else():
    """Each has its own alphabet and vocoder; LATEST is the one without assets."""
    assert all(member.latest for member in Tacotron2Weights)
    assert Tacotron2Weights.get_latest() is MEMBERS[0]
    assert not MEMBERS[0].assets


def test_wavernn_members_name_their_vocoder():
    """The two trained for WaveRNN have its weights as an asset, the others have not."""
    vocoders = {member.name: member.assets.get("vocoder") for member in MEMBERS}

    assert {name for name, vocoder in vocoders.items() if vocoder} == {
        "LJSpeech_CharactersWaveRNN_RefV1",
        "LJSpeech_PhonemesWaveRNN_RefV1",
    }
    assert set(vocoders.values()) == {None, WaveRNNWeights.LJSpeech_RefV1}


@pytest.mark.parametrize("member", MEMBERS, ids=lambda member: member.name)
def test_checkpoint_name_means_the_member(member, monkeypatch):
    """The old argument warns with the exact replacement, and asks for the member's file."""
    monkeypatch.setenv("DAPI_OFFLINE", "1")
    name = member.url.rpartition("/")[2].removesuffix(".pth")

    with (
        pytest.warns(LegacyArgumentWarning) as caught,
        pytest.raises(OfflineError) as raised,
    ):
        tacotron2(checkpoint_name=name)

    assert str(caught[0].message).endswith(
        f"Write tacotron2(weights=Tacotron2Weights.{member.name})."
    )
    assert raised.value.url == member.url


def test_unknown_checkpoint_name_lists_the_known():
    """A name that never was is an error that gives those that were."""
    with pytest.raises(
        UnknownWeightsError, match="tacotron2_english_characters_1500_epochs_ljspeech"
    ):
        tacotron2(checkpoint_name="tacotron2_french")


def test_another_alphabet_contradicts_the_weights():
    """n_symbol is fixed by the weights; both values are said, before anything is fetched."""
    with pytest.raises(ConfigConflictError, match="n_symbol=96 .* n_symbol=38"):
        tacotron2(weights=MEMBERS[0], n_symbol=96)


def test_misspelt_argument_is_refused():
    """**config does not swallow it."""
    with pytest.raises(UnexpectedArgumentError, match="n_symbol"):
        tacotron2(n_symbols=38)


def test_weights_of_the_vocoder_are_refused():
    """Another builder's weights are named as such."""
    with pytest.raises(WeightsTypeError, match="wavernn"):
        tacotron2(weights=WaveRNNWeights.LJSpeech_RefV1)


def test_a_file_of_the_other_alphabet_does_not_load(made, tmp_path):
    """96 phonemes in the file of an entry for 38 characters: the shapes are said."""
    state = made.state_dict(tacotron2(n_symbol=96), seed=0)
    path = made.save(state, tmp_path / "weights.pth", layout="zip")

    with pytest.raises(StateDictMismatchError, match=r"embedding.weight is \(96, 512\)"):
        tacotron2(weights=made.entry(MEMBERS[0], path))


def test_without_weights_it_is_torchaudios_class():
    """Random initialization is that of the class, with its default arguments."""
    torch.manual_seed(0)
    ours = dapi.get_model("tacotron2", weights=None).state_dict()
    torch.manual_seed(0)
    theirs = Tacotron2().state_dict()

    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)
