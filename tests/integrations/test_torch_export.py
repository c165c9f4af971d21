"""A model exports to a file that runs without dapi."""

INTEGRATION = "torch.export"
DISTRIBUTION = "torch"
REMARK = "The file no longer knows its weights: keep the name beside it."


def example():
    import subprocess
    import sys

    import torch

    import dapi

    model = dapi.get_model("resnet20_v2").eval()
    images = torch.rand(2, 1, 32, 32)
    batch = torch.export.Dim("batch", max=1024)
    program = torch.export.export(model, (images,), dynamic_shapes=[{0: batch}])
    torch.export.save(program, "resnet20_v2.pt2")

    images = torch.rand(5, 1, 32, 32)  # another batch
    torch.save({"images": images, "expected": model(images)}, "expected.pt")
    elsewhere = """
    import sys, torch
    there = torch.load("expected.pt")
    program = torch.export.load("resnet20_v2.pt2").module()
    torch.testing.assert_close(program(there["images"]), there["expected"])
    print("dapi" in sys.modules)
    """
    code = "\n".join(line.strip() for line in elsewhere.splitlines())
    print(subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True).stdout)


def test_an_exported_model_runs_without_dapi(run_example):
    """In another process, on a batch of another size, with the same result."""
    assert "False" == run_example().strip()
