"""PEFT: adapters know the model that they were trained on."""

import json
import shutil
import warnings

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import dapi
from dapi.exceptions import DapiWarning, SavingError
from dapi.lock import peft as adapters
from dapi.lock.exceptions import AdapterBaseError, AdapterError, UnchangedModelWarning

peft = pytest.importorskip("peft", reason="PEFT is not installed")

INTEGRATION = "PEFT"
DISTRIBUTION = "peft"

pytestmark = [
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore:Unsupported layer type:UserWarning"),  # PEFT's, of LayerNorm
]


def example():
    import warnings

    import torch
    from peft import LoraConfig, get_peft_model

    import dapi
    from dapi.lock import peft as adapters
    from dapi.lock.exceptions import AdapterBaseError

    warnings.filterwarnings("ignore", category=FutureWarning)  # PEFT's, of transformers
    name = "roberta_tiny:ManPages_RefV1"
    labels = {"num_labels": 3, "new_head": True}
    config = LoraConfig(task_type="SEQ_CLS", target_modules=["query", "value"])
    model = get_peft_model(dapi.get_model(name, **labels), config)

    batch = dapi.get_weights(name).transforms()(["ein Satz", "a sentence", "une phrase"])
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    for _ in range(5):
        loss = model(**batch, labels=torch.arange(3)).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    adapters.save(model, "my-adapter")

    again = adapters.load(dapi.get_model(name, **labels), "my-adapter")
    print(torch.equal(model.eval()(**batch).logits, again.eval()(**batch).logits))
    try:
        adapters.load(dapi.get_model("roberta_tiny", weights=None, num_labels=3), "my-adapter")
    except AdapterBaseError as error:
        print(len(error.differing), "tensors differ")


def test_example_runs(run_example):
    """The adapter comes back on its base, and is refused by another."""
    assert ["True", "37 tensors differ"] == run_example().splitlines()


TEXT = "roberta_tiny:ManPages_RefV1"
PICTURES = "resnet20_v2:Digits_RefV1"
TARGETS = ["query", "value"]
# A configuration for each way in which PEFT changes a model.
METHODS = {
    "adalora": peft.AdaLoraConfig(target_modules=TARGETS, total_step=10),
    "dora": peft.LoraConfig(target_modules=TARGETS, use_dora=True),
    "ia3": peft.IA3Config(target_modules=TARGETS, feedforward_modules=[]),
    "ln_tuning": peft.LNTuningConfig(target_modules=["LayerNorm"]),
    "loha": peft.LoHaConfig(target_modules=TARGETS),
    "lokr": peft.LoKrConfig(target_modules=TARGETS),
    "lora": peft.LoraConfig(target_modules=TARGETS),
    "oft": peft.OFTConfig(target_modules=TARGETS, oft_block_size=4, r=0),
    "vera": peft.VeraConfig(target_modules=TARGETS),
}


@pytest.fixture
def base():
    return dapi.get_model(TEXT).eval()


@pytest.fixture
def batch():
    ids = torch.randint(5, 500, (2, 9), generator=torch.Generator().manual_seed(0))
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


def trained(model):
    """Move what is trained, as training does."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                noise = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1))
                parameter.add_(noise, alpha=0.1)
    return model.eval()


def outputs(model, batch):
    with torch.inference_mode():
        return model(**batch).logits


@pytest.mark.parametrize("method", METHODS)
def test_adapter_comes_back_on_its_base(method, base, batch, tmp_path):
    """The same outputs to the bit; PEFT alone reads the directory, too."""
    before = {key: tensor.clone() for key, tensor in base.state_dict().items()}
    model = trained(peft.get_peft_model(base, METHODS[method]))
    expected = outputs(model, batch)
    adapters.save(model, tmp_path / "adapter")

    assert torch.equal(expected, outputs(model, batch))  # saving leaves the model as it was
    again = adapters.load(dapi.get_model(TEXT).eval(), tmp_path / "adapter")
    alone = peft.PeftModel.from_pretrained(dapi.get_model(TEXT).eval(), tmp_path / "adapter")
    assert torch.equal(expected, outputs(again, batch))
    assert torch.equal(expected, outputs(alone.eval(), batch))
    assert not torch.equal(expected, outputs(dapi.get_model(TEXT).eval(), batch))
    assert dapi.weights_of(again) == dapi.get_weights(TEXT)
    now = dapi.get_model(TEXT).state_dict()
    assert all(torch.equal(tensor, now[key]) for key, tensor in before.items())


@pytest.mark.parametrize("method", METHODS)
def test_adapter_that_changes_nothing_is_told(method, base, batch, tmp_path):
    """It was not trained: the model with it equals its base."""
    expected = outputs(base, batch)
    model = peft.get_peft_model(base, METHODS[method]).eval()
    with pytest.warns(UnchangedModelWarning, match="'default' changes nothing"):
        adapters.save(model, tmp_path)
    fresh = dapi.get_model(TEXT).eval()
    with pytest.warns(UnchangedModelWarning, match=f"adapter in {tmp_path} changes nothing"):
        again = adapters.load(fresh, tmp_path)

    assert torch.allclose(expected, outputs(again, batch), atol=1e-5)


def test_tensors_that_are_not_found_are_told(base, tmp_path):
    """PEFT goes on without them, and computes what the base does."""
    adapters.save(trained(peft.get_peft_model(base, METHODS["lora"])), tmp_path)
    path = tmp_path / "adapter_model.safetensors"
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    renamed = {key.replace("lora_", "old_"): each for key, each in load_file(path).items()}
    save_file(renamed, path, metadata)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        adapters.load(dapi.get_model(TEXT), tmp_path)
    assert UnchangedModelWarning in {each.category for each in caught}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda model: model.classifier.out_proj.bias.add_(1),
            r"1 of this model's \d+ tensors differ \(classif",
        ),
        (lambda model: model.to(torch.bfloat16), "has another dtype"),
        (lambda model: model.roberta.encoder.layer.append(torch.nn.Linear(2, 2)), "differ"),
        (lambda model: model.roberta.encoder.layer.pop(1), "encoder.layer.1"),
    ],
)
def test_adapter_of_another_base_is_refused(change, message, base, tmp_path):
    """A base that was trained, converted, or has other layers; the first are named."""
    adapters.save(trained(peft.get_peft_model(base, METHODS["lora"])), tmp_path)
    other = dapi.get_model(TEXT)
    with torch.no_grad():
        change(other)
    with pytest.raises(AdapterBaseError, match=message) as caught:
        adapters.load(other, tmp_path)
    assert TEXT == caught.value.base
    assert not isinstance(other, peft.PeftModel)


def test_adapter_of_random_weights_is_refused(base, tmp_path):
    """The same builder with other weights is another model, which the error names."""
    adapters.save(trained(peft.get_peft_model(base, METHODS["lora"])), tmp_path)
    other = dapi.get_model("roberta_tiny", weights=None, num_labels=22)
    with pytest.raises(AdapterBaseError, match="it was trained on roberta_tiny:ManPages_RefV1"):
        adapters.load(other, tmp_path)


def test_new_head_is_of_the_adapter_or_of_no_use(batch, tmp_path):
    """Named in modules_to_save it comes back; else the random one of the base is missed."""

    def build():
        return dapi.get_model(TEXT, num_labels=3, new_head=True).eval()

    lost = peft.LoraConfig(target_modules=TARGETS)
    adapters.save(trained(peft.get_peft_model(build(), lost)), tmp_path / "lost")
    with pytest.raises(AdapterBaseError, match="name a new head in modules_to_save"):
        adapters.load(build(), tmp_path / "lost")

    kept = peft.LoraConfig(target_modules=TARGETS, task_type="SEQ_CLS")
    model = trained(peft.get_peft_model(build(), kept))
    adapters.save(model, tmp_path / "kept")
    again = adapters.load(build(), tmp_path / "kept")
    assert torch.equal(outputs(model, batch), outputs(again, batch))


def test_convolutions_take_adapters(tmp_path):
    """A model of pictures, in training mode: batch norm's statistics are of the base."""
    config = peft.LoraConfig(target_modules=r".*\.conv\d", modules_to_save=["fc"])
    pictures = torch.randn(4, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    model = trained(peft.get_peft_model(dapi.get_model(PICTURES), config))
    adapters.save(model, tmp_path / "frozen")
    again = adapters.load(dapi.get_model(PICTURES), tmp_path / "frozen").eval()
    with torch.inference_mode():
        assert torch.equal(model(pictures), again(pictures))

    model.train()(pictures)
    adapters.save(model, tmp_path / "moved")
    with pytest.raises(AdapterBaseError, match="statistics of batch norm"):
        adapters.load(dapi.get_model(PICTURES), tmp_path / "moved")


def test_adapter_of_a_saved_model_knows_it(batch, tmp_path):
    """What dapi.save wrote is a base, too: not the weights that it started from."""
    tuned = dapi.get_model(TEXT)
    with torch.no_grad():
        tuned.classifier.out_proj.bias.add_(1)
    dapi.save(tuned, tmp_path / "tuned.safetensors")
    model = trained(peft.get_peft_model(tuned, METHODS["lora"]))
    adapters.save(model, tmp_path / "adapter")

    again = adapters.load(dapi.load(tmp_path / "tuned.safetensors"), tmp_path / "adapter")
    assert torch.equal(outputs(model, batch), outputs(again.eval(), batch))
    with pytest.raises(AdapterBaseError):
        adapters.load(dapi.get_model(TEXT), tmp_path / "adapter")


def test_model_takes_several_adapters(base, batch, tmp_path):
    """A second one is compared with the base inside."""
    first = trained(peft.get_peft_model(base, METHODS["lora"]))
    adapters.save(first, tmp_path / "first")
    again = adapters.load(dapi.get_model(TEXT).eval(), tmp_path / "first", adapter="one")
    adapters.load(again, tmp_path / "first", adapter="two")
    again.set_adapter("two")
    assert torch.equal(outputs(first, batch), outputs(again.eval(), batch))

    adapters.save(again, tmp_path / "second", adapter="two")
    third = adapters.load(dapi.get_model(TEXT).eval(), tmp_path / "second", trainable=True)
    assert torch.equal(outputs(first, batch), outputs(third.eval(), batch))
    assert any(parameter.requires_grad for parameter in third.parameters())


def test_merged_adapter_is_not_saved(base, tmp_path):
    """Its base is no longer the base."""
    model = trained(peft.get_peft_model(base, METHODS["lora"]))
    model.merge_adapter()
    with pytest.raises(AdapterError, match="unmerge_adapter"):
        adapters.save(model, tmp_path)
    with pytest.raises(AdapterError, match="no adapter 'other'. Its adapters are: default"):
        adapters.save(model, tmp_path, adapter="other")
    with pytest.raises(AdapterError, match="Its adapters are: none"):
        adapters.save(dapi.get_model(TEXT), tmp_path)


@pytest.mark.parametrize("method", ["pissa", "olora"])
def test_initialisation_that_changes_the_base_is_refused(method, base, tmp_path):
    """When it is saved, not only when nobody can load it any more."""
    before = base.roberta.encoder.layer[0].attention.self.query.weight.clone()
    config = peft.LoraConfig(target_modules=TARGETS, init_lora_weights=method)
    model = peft.get_peft_model(base, config)
    found = model.base_model.model.roberta.encoder.layer[0].attention.self.query.base_layer.weight
    assert not torch.equal(before, found)
    with pytest.raises(AdapterError, match=f"init_lora_weights='{method}' changed its base"):
        adapters.save(model, tmp_path)


def test_adapter_without_its_base_is_refused(base, tmp_path):
    """One that PEFT alone saved, a damaged one, and none at all."""
    trained(peft.get_peft_model(base, METHODS["lora"])).save_pretrained(tmp_path / "alone")
    with pytest.raises(AdapterError, match="does not record on which model"):
        adapters.load(dapi.get_model(TEXT), tmp_path / "alone")

    path = tmp_path / "alone" / "adapter_model.safetensors"
    tensors, content = load_file(path), path.read_bytes()
    for record in ("", "[]", "{}", json.dumps({"tensors": [], "replaced": []}), "[" * 100_000):
        save_file(tensors, path, {"dapi.base": record})
        with pytest.raises(AdapterError, match="damaged"):
            adapters.load(dapi.get_model(TEXT), tmp_path / "alone")
    path.write_bytes(content[:50])
    with pytest.raises(AdapterError, match="damaged"):
        adapters.load(dapi.get_model(TEXT), tmp_path / "alone")
    with pytest.raises(AdapterError, match="no adapter_config.json"):
        adapters.load(dapi.get_model(TEXT), tmp_path / "nowhere")


def test_adapter_is_replaced_as_a_whole(base, tmp_path):
    """Nothing but the adapter's files lies in its directory."""
    for _ in range(2):
        model = trained(peft.get_peft_model(dapi.get_model(TEXT), METHODS["lora"]))
        adapters.save(model, tmp_path / "adapter")
    names = {path.name for path in (tmp_path / "adapter").iterdir()}
    assert {"adapter_config.json", "adapter_model.safetensors"} <= names
    assert {"adapter"} == {path.name for path in tmp_path.iterdir()}
    shutil.rmtree(tmp_path / "adapter")


def test_readme_is_not_replaced(base, tmp_path):
    """PEFT writes a template; what the user made of it stays."""
    model = trained(peft.get_peft_model(base, METHODS["lora"]))
    adapters.save(model, tmp_path)
    assert (tmp_path / "README.md").exists()
    (tmp_path / "README.md").write_text("mine")
    adapters.save(model, tmp_path)

    assert "mine" == (tmp_path / "README.md").read_text()


@pytest.mark.parametrize("change", [{"lora_alpha": 64}, {"peft_type": "OTHER"}, {"r": "many"}])
def test_changed_configuration_is_refused(change, base, batch, tmp_path):
    """With another scale the same tensors compute something else; another layout is no change."""
    model = trained(peft.get_peft_model(base, METHODS["lora"]))
    adapters.save(model, tmp_path)
    path = tmp_path / "adapter_config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps(dict(reversed(config.items()))))
    again = adapters.load(dapi.get_model(TEXT).eval(), tmp_path)
    assert torch.equal(outputs(model, batch), outputs(again, batch))

    path.write_text(json.dumps({**config, **change}))
    with pytest.raises(AdapterError, match=r"its adapter_config.json was changed.* save the adap"):
        adapters.load(dapi.get_model(TEXT), tmp_path)
    path.write_text("{")
    with pytest.raises(AdapterError, match=r"its adapter_config.json is damaged"):
        adapters.load(dapi.get_model(TEXT), tmp_path)


def test_adapter_that_peft_refuses_is_an_error_of_dapi(base, tmp_path):
    """Whatever PEFT raises, it names the directory."""
    adapters.save(trained(peft.get_peft_model(base, METHODS["lora"])), tmp_path)
    path = tmp_path / "adapter_model.safetensors"
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    save_file({key: each[:1, :1].clone() for key, each in load_file(path).items()}, path, metadata)

    with pytest.raises(AdapterError, match="PEFT cannot load it"):
        adapters.load(dapi.get_model(TEXT), tmp_path)


def test_merged_model_is_saved_as_any_other(base, batch, tmp_path):
    """With the adapter in its weights, it needs PEFT no longer."""
    model = trained(peft.get_peft_model(base, METHODS["lora"]))
    expected = outputs(model, batch)
    with pytest.raises(SavingError, match=r"merge_and_unload\(\).*dapi.lock.peft.save"):
        dapi.save(model, tmp_path / "model.safetensors")
    dapi.save(model.merge_and_unload(), tmp_path / "model.safetensors")
    found = outputs(dapi.load(tmp_path / "model.safetensors").eval(), batch)
    assert torch.allclose(expected, found, atol=1e-5)


def test_warning_is_one_of_dapi():
    """Programs filter it with the others."""
    assert issubclass(UnchangedModelWarning, DapiWarning)
