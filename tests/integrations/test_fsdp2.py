"""Each process reads and trains its part of the files of ``fetch(directory=True)``."""

INTEGRATION = "FSDP2"
DISTRIBUTION = "torch"
REMARK = "`dapi.save` refuses shards: gather the state dict, and save a model that loaded it."


def example():
    import torch
    import torch.distributed as dist
    import torch.distributed.checkpoint as dcp
    from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    import dapi

    if __name__ == "__main__":  # torchrun --nproc-per-node 2 example.py
        dist.init_process_group("gloo")
        weights = dapi.get_weights("resnet20_v2:Digits_RefV1")
        model = dapi.get_model(weights, device="meta")  # no memory for parameters
        fully_shard(model, mesh=init_device_mesh("cpu", (dist.get_world_size(),)))
        model._apply(lambda each: torch.empty_like(each, device="cpu") if each.is_meta else each)

        state = model.state_dict()
        files = weights.fetch(directory=True)  # one download on each machine
        dcp.load(state, storage_reader=dcp.HuggingFaceStorageReader(path=str(files)))
        model.load_state_dict(state)

        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        loss = model(torch.rand(8, 1, 32, 32)).square().mean()
        loss.backward()
        optimizer.step()

        gathered = StateDictOptions(full_state_dict=True, cpu_offload=True)
        state = get_model_state_dict(model, options=gathered)  # on the first process
        if dist.get_rank() == 0:
            whole = dapi.get_model(weights)
            print("trained:", not torch.equal(whole.fc.weight, state["fc.weight"]))
            whole.load_state_dict(state)
            dapi.save(whole, "trained.safetensors")
            again = dapi.load("trained.safetensors")
            print("saved:", torch.equal(again.fc.weight, state["fc.weight"]))
        dist.destroy_process_group()


def test_shards_are_loaded_trained_and_saved(run_example):
    """As one file, which any process can load again."""
    assert ["trained: True", "saved: True"] == run_example(processes=2).splitlines()
