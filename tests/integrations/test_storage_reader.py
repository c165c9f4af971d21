"""``HuggingFaceStorageReader`` reads weights of several files, each process only its shards."""

INTEGRATION = "HuggingFaceStorageReader"
DISTRIBUTION = "torch"
REMARK = "The files are safetensors with the keys of the model: no step of `dapi.adapt` is applied."


def example():
    import hashlib
    from pathlib import Path

    import torch
    import torch.distributed as dist
    import torch.distributed.checkpoint as dcp
    from safetensors.torch import save_file
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    import dapi

    def publish(tensors):
        """Write a checkpoint of two files, as large models have it, and describe it."""
        files = []
        for number, keys in enumerate((sorted(tensors)[::2], sorted(tensors)[1::2]), start=1):
            path = Path(f"model-0000{number}-of-00002.safetensors").resolve()
            if dist.get_rank() == 0:
                save_file({key: tensors[key].contiguous() for key in keys}, path)
            dist.barrier()
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            files.append(dapi.File(path.as_uri(), sha256=digest))
        return dapi.WeightEntry(
            files, build=dapi.Build(config={"in_channels": 1, "num_classes": 10})
        )

    if __name__ == "__main__":  # torchrun --nproc-per-node 2 example.py
        dist.init_process_group("gloo")
        whole = dapi.get_model("resnet20_v2")
        weights = publish(whole.state_dict())

        model = dapi.get_model("resnet20_v2", weights=weights, device="meta")
        fully_shard(model, mesh=init_device_mesh("cpu", (dist.get_world_size(),)))
        model._apply(lambda each: torch.empty_like(each, device="cpu") if each.is_meta else each)
        state = model.state_dict()
        files = weights.fetch(directory=True)
        dcp.load(state, storage_reader=dcp.HuggingFaceStorageReader(path=str(files)))
        model.load_state_dict(state)

        images = torch.ones(2, 1, 32, 32)
        same = torch.allclose(model.eval()(images), whole.eval()(images))
        print(sorted(path.name for path in files.iterdir()), "same:", same)
        dist.destroy_process_group()


def test_shards_of_two_files_make_one_model(run_example):
    """In each of two processes."""
    names = "['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors']"
    assert 2 * [f"{names} same: True"] == run_example(processes=2).splitlines()
