"""torchao quantizes the linear layers of a model in place."""

INTEGRATION = "torchao"
DISTRIBUTION = "torchao"
REMARK = "A quantized model is saved by PyTorch: `dapi.save` refuses it, and names a layer."


def example():
    import torch
    from torchao.quantization import Int8WeightOnlyConfig, quantize_

    import dapi
    from dapi.exceptions import SavingError

    model = dapi.get_model("efficientnet_lite0").eval()
    images = torch.rand(4, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = model(images)
        quantize_(model, Int8WeightOnlyConfig(version=2))
        found = model(images)
    print(torch.equal(found.argmax(1), expected.argmax(1)), torch.equal(found, expected))
    print(dapi.weights_of(model))

    try:
        dapi.save(model, "quantized.safetensors")
    except SavingError as error:
        print(error)


def test_a_quantized_model_finds_the_same(run_example):
    """The same labels by other numbers; it knows its weights, and is not saved by mistake."""
    same, weights, refused = run_example().splitlines()

    assert "True False" == same
    assert "efficientnet_lite0:ImageNet1K_RefV1" == weights
    assert "cannot be saved" in refused
