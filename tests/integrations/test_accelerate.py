"""Accelerate prepares a model for its devices and precision; ``dapi.save`` writes it."""

import torch

import dapi

INTEGRATION = "Accelerate"
DISTRIBUTION = "accelerate"


def example():
    import torch
    from accelerate import Accelerator
    from torch.utils.data import DataLoader, TensorDataset

    import dapi

    accelerator = Accelerator(cpu=True)
    model = dapi.get_model("resnet20_v2", num_classes=2, new_head=True)
    data = TensorDataset(torch.rand(16, 1, 32, 32), torch.arange(16) % 2)
    model, optimizer, loader = accelerator.prepare(
        model, torch.optim.SGD(model.parameters(), lr=0.1), DataLoader(data, batch_size=8)
    )
    for images, labels in loader:
        loss = torch.nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        accelerator.backward(loss)
        optimizer.step()

    trained = accelerator.unwrap_model(model)
    if accelerator.is_main_process:
        dapi.save(trained, "parity.safetensors")
    accelerator.wait_for_everyone()
    print(torch.equal(dapi.load("parity.safetensors").fc.weight, trained.fc.weight))


def test_a_trained_model_is_saved(run_example):
    """In one process."""
    assert "True\n" == run_example()


def test_a_model_in_mixed_precision_is_saved(tmp_path):
    """Wrapped or unwrapped: the precision is how it runs, not what it is."""
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=True, mixed_precision="bf16")
    prepared = accelerator.prepare(dapi.get_model("resnet20_v2"))

    for keep in (True, False):
        trained = accelerator.unwrap_model(prepared, keep_fp32_wrapper=keep)
        dapi.save(trained, tmp_path / "a.safetensors")
        assert torch.equal(prepared.fc.weight, dapi.load(tmp_path / "a.safetensors").fc.weight)


def test_a_model_is_dispatched_from_the_verified_file(tmp_path):
    """Constructed on meta, and filled by accelerate; it can be saved again."""
    from accelerate import load_checkpoint_and_dispatch

    weights = dapi.get_weights("resnet20_v2:Digits_RefV1")
    empty = dapi.get_model(weights, device="meta")
    model = load_checkpoint_and_dispatch(empty, str(weights.fetch()), device_map={"": "cpu"})
    dapi.save(model, tmp_path / "net.safetensors")

    images = torch.rand(2, 1, 32, 32)
    with torch.inference_mode():
        expected = dapi.get_model(weights).eval()(images)
        for each in (model, dapi.load(tmp_path / "net.safetensors")):
            assert torch.equal(expected, each.eval()(images))


def test_processes_train_one_model(run_example):
    """Two processes, of which the first saves: both find their parameters in the file."""
    assert ["True", "True"] == run_example(processes=2).splitlines()
