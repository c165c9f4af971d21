"""A LightningModule trains a model of dapi, and ``dapi.save`` writes the model inside."""

INTEGRATION = "Lightning"
DISTRIBUTION = "lightning"


def example():
    import lightning
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    import dapi

    class Parity(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.model = dapi.get_model("resnet20_v2", num_classes=2, new_head=True)

        def training_step(self, batch, _):
            images, labels = batch
            return torch.nn.functional.cross_entropy(self.model(images), labels)

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.1)

    lightning.seed_everything(0)
    module = Parity()
    loader = DataLoader(TensorDataset(torch.rand(16, 1, 32, 32), torch.arange(16) % 2), 8)
    trainer = lightning.Trainer(
        max_epochs=1, accelerator="cpu", logger=False, enable_progress_bar=False
    )
    trainer.fit(module, loader)

    dapi.save(module.model, "parity.safetensors")
    again = dapi.load("parity.safetensors")
    print(torch.equal(again.fc.weight, module.model.fc.weight))
    restored = Parity.load_from_checkpoint(trainer.checkpoint_callback.best_model_path)
    print(torch.equal(restored.model.fc.weight, module.model.fc.weight))


def test_a_trained_model_is_saved(run_example):
    """By dapi, as one file, and by Lightning, as a checkpoint that it restores."""
    assert ["True", "True"] == run_example().splitlines()[-2:]
