"""tacotron2_tiny: real weights, heard by a recognizer that never heard them."""

import copy

import pytest
import torch

import dapi
from dapi.audio import Tacotron2TinyWeights, tacotron2_tiny
from dapi.audio.exceptions import UnsupportedInputError

MEMBER = Tacotron2TinyWeights.Espeak_RefV1


@pytest.fixture(scope="module")
def script(recipe):
    """The module that trained the weights."""
    return recipe("tacotron2_espeak")


@pytest.fixture(scope="module")
def model():
    """With its weights, in eval mode."""
    return tacotron2_tiny(weights=MEMBER).eval()


def test_what_it_says_is_understood_as_stated(model, script):
    """Word for word, of 240 phrases that were held out, in percent.

    But for one in a hundred: where sums are rounded otherwise, single phrases sound otherwise.
    """
    [stated] = MEMBER.meta["metrics"]
    texts = script.phrases(240, held_out=True, seed=2)
    torch.manual_seed(0)

    assert 100 * script.understood(model, texts) >= stated["value"] - 1 >= 95
    assert stated["source"] == "recipes/tacotron2_espeak.py"


def test_entry_says_what_the_recipe_does(script, recipe):
    """The spectrogram, its vocoder's rate, the words, and where speech ends."""
    assert dict(MEMBER.meta["spectrogram"]) == dict(script.SPECTROGRAM)
    assert MEMBER.meta["sample_rate"] == MEMBER.postprocess().sample_rate == script.SAMPLE_RATE
    assert recipe("espeak_phrases").VOCABULARY == tuple(MEMBER.meta["vocabulary"])
    assert MEMBER.build.config["n_symbol"] == len(MEMBER.transforms().symbols)


def test_one_seed_speaks_alike(model):
    """Dropout stays on while it speaks, so that two seeds differ and one does not."""
    spoken = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        with torch.inference_mode():
            mel, lengths, _ = model.infer(*MEMBER.transforms()("take nine green apple"))
            spoken.append(MEMBER.postprocess()(mel, lengths)[0])

    assert torch.equal(*spoken[:2]) and not torch.equal(spoken[1], spoken[2])


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is")
def test_it_is_scripted_as_torchaudios_is(model):
    """What torch.jit.script makes of it says the same under the same seed."""
    spoken = []
    for each in (model, torch.jit.script(model)):
        torch.manual_seed(0)
        with torch.inference_mode():
            spoken.append(each.infer(*MEMBER.transforms()("open the door"))[0])

    assert torch.equal(*spoken)


def test_other_words_are_refused():
    """By name, with the nearest that it can say; a text without a word, too."""
    with pytest.raises(UnsupportedInputError, match="'lamps'.* Did you mean 'lamp'"):
        MEMBER.transforms()("turn off the lamps")
    with pytest.raises(UnsupportedInputError, match="no word in '[?]{3}'"):
        MEMBER.transforms()("???")


def test_longer_phrases_than_it_learnt_are_understood(model, script):
    """Ten words, where it learnt from five at most."""
    text = "open the red door and take the green apple please"
    torch.manual_seed(0)

    assert [text] == script.listen(script.speak(model, [text]))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_a_gpu_speaks_the_same(model):
    """Frames that differ by at most 1e-2 when both are given the same ones before."""
    tokens, lengths = MEMBER.transforms()("open the red door")
    frames = torch.randn(1, 80, 60, generator=torch.Generator().manual_seed(0))
    found = []
    for device in ("cpu", "cuda"):
        moved = copy.deepcopy(model).to(device)
        inputs = (each.to(device) for each in (tokens, lengths, frames, torch.tensor([60])))
        with pytest.MonkeyPatch.context() as patch, torch.inference_mode():
            # The two draw other numbers: without what is dropped, they can be compared.
            patch.setattr("torch.nn.functional.dropout", lambda x, **options: x)
            found.append(moved(*inputs)[1].cpu())

    torch.testing.assert_close(*found, atol=1e-2, rtol=0)


def test_its_file_fits_the_wheel():
    """At most 8 MB."""
    assert MEMBER.size == MEMBER.fetch().stat().st_size <= 8_000_000
    assert dapi.weights_of(dapi.get_model("tacotron2_tiny")) is MEMBER
