"""A model trains on two processes; one of them saves it, without the wrapper."""

INTEGRATION = "DistributedDataParallel"
DISTRIBUTION = "torch"


def example():
    import torch
    import torch.distributed as dist
    from torch.nn.parallel import DistributedDataParallel

    import dapi

    if __name__ == "__main__":  # torchrun --nproc-per-node 2 example.py
        dist.init_process_group("gloo")
        torch.manual_seed(0)  # the new head is the same everywhere
        model = dapi.get_model("resnet20_v2", num_classes=2, new_head=True)
        model = DistributedDataParallel(model)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

        torch.manual_seed(dist.get_rank())  # the data are not
        images, labels = torch.rand(8, 1, 32, 32), torch.arange(8) % 2
        for _ in range(2):
            loss = torch.nn.functional.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

        if dist.get_rank() == 0:
            dapi.save(model, "parity.safetensors")
        dist.barrier()
        again = dapi.load("parity.safetensors")
        same = map(torch.equal, again.parameters(), model.module.parameters())
        print("the same on", dist.get_rank(), all(same))
        dist.destroy_process_group()


def test_both_processes_have_what_one_saved(run_example):
    """The parameters of the file are those of each process after training."""
    lines = run_example(processes=2).splitlines()

    assert ["the same on 0 True", "the same on 1 True"] == sorted(lines)
