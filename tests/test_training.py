"""What the recipes share: a training that was interrupted ends as one that was not."""

import dataclasses

import pytest
import torch
import training
from safetensors.torch import load_file
from torch import nn
from training import History, Training, file_facts, plot, reproducible, save

STEPS = 12

pytestmark = pytest.mark.usefixtures("restored")


@pytest.fixture(autouse=True)
def often(monkeypatch):
    """Write a checkpoint after every step."""
    monkeypatch.setattr(training, "SECONDS_BETWEEN_CHECKPOINTS", -1.0)


def network():
    return nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 1))


def prepare(folder, *, seed=0, interrupted_at=None, **options):
    """Return a small training with all that changes in one, and its model."""
    reproducible(seed)
    model = network()
    average = torch.optim.swa_utils.AveragedModel(model, use_buffers=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=STEPS)

    def loss_of(step):
        if step == interrupted_at:
            raise KeyboardInterrupt
        rng = torch.Generator().manual_seed(step)
        return model(torch.randn(16, 3, generator=rng)).sub(1).square().mean()

    prepared = Training(
        loss_of,
        steps=STEPS,
        optimizer=optimizer,
        parts={"model": model, "schedule": schedule, "average": average},
        checkpoint=folder / "net.checkpoint",
        settings={"seed": seed},
        after_step=lambda: average.update_parameters(model),
        **{"measure": lambda: {"noise": torch.rand(()).item()}, "measure_every": 4, **options},
    )
    return prepared, nn.ModuleList([model, average])


def assert_same(expected, actual):
    for key, tensor in expected.state_dict().items():
        assert torch.equal(tensor, actual.state_dict()[key]), key


@pytest.mark.parametrize("interrupted_at", [1, 5, STEPS - 1])
def test_interrupted_training_goes_on(interrupted_at, tmp_path):
    """The same weights, average and losses to the bit: dropout and schedule go on as well."""
    whole, expected = prepare(tmp_path / "whole")
    history = whole.run()
    broken, _ = prepare(tmp_path / "broken", interrupted_at=interrupted_at)
    with pytest.raises(KeyboardInterrupt):
        broken.run()
    again, actual = prepare(tmp_path / "broken")
    resumed = again.run()

    assert (history.losses, history.measurements) == (resumed.losses, resumed.measurements)
    assert STEPS == len(history.losses)
    assert_same(expected, actual)


def test_finished_training_is_not_repeated(tmp_path):
    """A second call of a finished recipe gives its weights again."""
    first, expected = prepare(tmp_path)
    history = first.run()
    second, actual = prepare(tmp_path, interrupted_at=0)

    assert history == second.run()
    assert_same(expected, actual)


def test_measuring_changes_nothing(tmp_path):
    """What is drawn to measure is not missing from what is drawn to train."""
    often, expected = prepare(tmp_path / "often", measure_every=1)
    losses = often.run().losses
    never, actual = prepare(tmp_path / "never", measure=None)

    assert losses == never.run().losses
    assert_same(expected, actual)


def test_checkpoint_of_other_settings_is_refused(tmp_path):
    """A training never goes on from that of another seed; the error says what to do."""
    prepare(tmp_path)[0].run()
    with pytest.raises(ValueError, match=r'net\.checkpoint is of other settings: .*"seed": 0.*'):
        prepare(tmp_path, seed=1)[0].run()


def test_checkpoint_is_whole_or_not_there(tmp_path, monkeypatch):
    """Writing that fails midway leaves the checkpoint of before."""
    finished, _ = prepare(tmp_path)
    finished.run()
    before = (tmp_path / "net.checkpoint").read_bytes()

    def fill_the_disk(state, path):
        path.write_bytes(b"half of it")
        raise OSError("No space left on device")

    monkeypatch.setattr(torch, "save", fill_the_disk)
    with pytest.raises(OSError, match="No space left"):
        finished._save(History())
    assert before == (tmp_path / "net.checkpoint").read_bytes()


def test_gradient_that_is_not_finite_is_an_error(tmp_path):
    """A training that went wrong does not go on."""
    broken, model = prepare(tmp_path)
    with torch.no_grad():
        model[0][0].weight.fill_(float("nan"))
    with pytest.raises(RuntimeError, match="non-finite"):
        broken.run()


def test_plot_is_the_same_each_time(tmp_path):
    """Its file changes only with what it shows."""
    history = History([1.0, 0.5, 0.25], [{"step": 2, "accuracy": 0.5}], seconds=1.0)
    for name in ("once.svg", "twice.svg"):
        plot(history, tmp_path / name)
    longer = dataclasses.replace(history, losses=[*history.losses, 0.1])
    plot(longer, tmp_path / "longer.svg")
    once, twice, other = ((tmp_path / f"{n}.svg").read_bytes() for n in ("once", "twice", "longer"))

    assert once == twice != other


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_saved_file_holds_the_state(dtype, tmp_path):
    """Floats have the type that was asked for; counters keep theirs. Its facts are its own."""
    model, path = network(), tmp_path / "new" / "net.safetensors"
    save(model, path, dtype)
    facts = file_facts(path)

    for key, tensor in load_file(path).items():
        expected = model.state_dict()[key]
        kept = dtype if expected.is_floating_point() else expected.dtype
        assert kept == tensor.dtype and torch.equal(expected.to(kept), tensor)
    assert ("net.safetensors", path.stat().st_size) == (facts["file"], facts["size"])
    assert 64 == len(facts["sha256"])
