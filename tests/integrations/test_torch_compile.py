"""A model compiles into one graph, and still knows its weights."""

import pytest
import torch

import dapi

INTEGRATION = "torch.compile"
DISTRIBUTION = "torch"
REMARK = "Detectors and spectrograms have graph breaks in torchvision and torchaudio."


def example():
    import torch

    import dapi

    model = dapi.get_model("resnet20_v2").eval()
    compiled = torch.compile(model, fullgraph=True)  # an error if there is a graph break
    images = torch.rand(8, 1, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(compiled(images), model(images))
    print(dapi.weights_of(compiled))


def test_a_compiled_model_gives_the_same(run_example):
    """Compiled by PyTorch's own compiler, with its weights still on it."""
    assert "resnet20_v2:Digits_RefV1\n" == run_example()


def test_a_model_with_a_compiled_forward_is_saved(tmp_path):
    """As the model that it is."""
    model = dapi.get_model("resnet20_v2")
    model.forward = torch.compile(model.forward, backend="eager")
    dapi.save(model, tmp_path / "net.safetensors")

    assert torch.equal(model.fc.weight, dapi.load(tmp_path / "net.safetensors").fc.weight)


INPUTS = {
    "resnet20_v2": (torch.rand(2, 1, 32, 32),),
    "efficientnet_lite0": (torch.rand(1, 3, 224, 224),),
    "roberta_tiny": (torch.ones(2, 8, dtype=torch.long),),
    "silero_vad": (torch.rand(1, 16000),),
    "transformer_ctc_tiny": (torch.rand(1, 16000), torch.tensor([16000])),
    "fcos_resnet20_fpn": ([torch.rand(1, 64, 96)],),
}
OTHERS = ("fcos_resnet20_fpn", "transformer_ctc_tiny")  # with breaks in torchvision, torchaudio


@pytest.mark.filterwarnings("ignore::FutureWarning")  # PyTorch's own, as it traces torchvision
@pytest.mark.parametrize("name", INPUTS)
def test_dapi_breaks_no_graph(name):
    """Each break, if there is one, is in the code of another library."""
    model = dapi.get_model(name).eval()

    with torch.inference_mode():
        explained = torch._dynamo.explain(model)(*INPUTS[name])

    files = [reason.user_stack[-1].filename for reason in explained.break_reasons]
    assert [] == [each for each in files if "/dapi/" in each]
    assert name in OTHERS or 0 == explained.graph_break_count
