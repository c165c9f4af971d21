"""Answers: what a change of a distribution does to them, and how they are kept."""

import json
import os
import re
import subprocess
import sys
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dapi
from dapi import _cli
from dapi._answers import answers, differences
from dapi._answers import leaves as _leaves
from dapi._answers.distribution import names, record_distribution
from dapi._catalog import builders
from dapi._plugins import discovery
from dapi.exceptions import AnswersError

torch = pytest.importorskip("torch")

FAMILY = """
from dapi import WeightEntry, Weights, lazy, register_model

class LeafWeights(Weights):
    Leaves_RefV1 = WeightEntry(
        "package:leafy/leaf.safetensors",
        sha256="{digest}",
        transforms=lazy("leafy.parts:Scale", mean=0.5, std=0.25),
        postprocess=lazy("leafy.parts:Names", categories=["oak", "beech", "ash", "elm"]),
        meta={{"task": "leaf-naming"}},
        latest=True,
    )

@register_model(weights=LeafWeights)
def leafnet(*, weights=None, progress=True, **config):
    from leafy.parts import Leaf

    return Leaf(**config)
"""

PARTS = """
from hashlib import shake_256

import torch
from torch import nn
from torch.nn import functional

from dapi import tasks


class Scale:
    def __init__(self, mean, std):
        self.mean, self.std = mean, std

    def __call__(self, picture):
        return (picture.float() / 255 - self.mean) / self.std


class Names:
    def __init__(self, categories):
        self.categories = categories

    def __call__(self, logits):
        found = zip(self.categories, logits[0].softmax(0).tolist())
        return [sorted(found, key=lambda each: -each[1])]


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2, padding=1)
        self.bn = nn.BatchNorm2d(channels, eps=1e-5, momentum=0.1)
        self.act = nn.ReLU()

    def forward(self, x):
        return self.act(self.bn(self.conv(x)))


class Leaf(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3)
        self.blocks = nn.Sequential(Block(8), Block(8))
        self.drop = nn.Dropout(0.2)
        self.fc = nn.Linear(8, 4)

    def forward(self, x):
        return self.fc(self.drop(self.blocks(self.stem(x)).mean((2, 3))))


def naming(model, weights):
    transforms, postprocess = weights.transforms(), weights.postprocess()

    def predict(picture):
        found = postprocess(model(tasks.place(transforms(picture).unsqueeze(0), model)))
        return tasks.Prediction({"leaf": found[0][0]})

    return tasks.Predictor(lambda path: [], predict)


def sample(weights):
    levels = bytearray(shake_256(b"leaf").digest(3 * 16 * 16))
    return tasks.Sample(torch.frombuffer(levels, dtype=torch.uint8).reshape(3, 16, 16))
"""

POINTS = """
[dapi.models]
leafnet = leafy:leafnet
[dapi.weights]
leafnet = leafy:LeafWeights
[dapi.tasks]
leaf-naming = leafy.parts:naming
[dapi.samples]
leaf-naming = leafy.parts:sample
[dapi.answers]
answers = leafy
"""


class Distribution:
    """The distribution acme-leaves: its package can be changed, and is then imported again."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(parents=True)
        self.sources = {"__init__": FAMILY, "parts": PARTS}
        self.write()
        self.save_weights()

    def write(self):
        file = self.folder / "leaf.safetensors"
        digest = sha256(file.read_bytes()).hexdigest() if file.exists() else "0" * 64
        for name, source in self.sources.items():
            text = source.format(digest=digest) if name == "__init__" else source
            (self.folder / f"{name}.py").write_text(text)
        self.forget()

    def forget(self):
        for name in [name for name in sys.modules if name.partition(".")[0] == "leafy"]:
            del sys.modules[name]
        builders._registered.clear()
        discovery.forget()

    def save_weights(self):
        from safetensors.torch import save_file

        from dapi._answers import synthetic

        model = dapi.get_builder("leafnet")(weights=None)
        synthetic.fill(model, torch.float32)
        state = {key: value.contiguous() for key, value in model.state_dict().items()}
        save_file(state, self.folder / "leaf.safetensors")
        self.write()

    def change(self, old, new):
        changed = {name: source.replace(old, new) for name, source in self.sources.items()}
        assert changed != self.sources
        self.sources = changed
        self.write()

    def record(self, **options):
        return dict(record_distribution("acme-leaves", **options))


@pytest.fixture
def leaves(advertise, alone, tmp_path, monkeypatch):
    """A distribution that has recorded its answers."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(builders, "_registered", {})
    advertise("acme-leaves", POINTS)
    distribution = Distribution(tmp_path / "site" / "leafy")
    recorded = distribution.record()
    assert recorded == {"leafnet": "", "leafnet:Leaves_RefV1": ""}
    distribution.forget()
    yield distribution
    distribution.forget()


CHANGES = {
    "activation": ("nn.ReLU()", "nn.SiLU()", "model", "blocks.0"),
    "eps": ("eps=1e-5", "eps=1e-4", "model", "blocks.0"),
    "momentum": ("momentum=0.1", "momentum=0.01", "training", "buffers of blocks.0"),
    "dropout": ("Dropout(0.2)", "Dropout(0.5)", "training", "dropout"),
    "stride": ("stride=2", "stride=1", "model", "blocks.0"),
    "mean": ("mean=0.5", "mean=0.45", "transforms", ""),
    "std": ("std=0.25", "std=0.1", "transforms", ""),
    "categories": ('"oak", "beech"', '"beech", "oak"', "postprocess", "[*]"),
    "postprocess": ("softmax(0)", "sigmoid()", "postprocess", "[*]"),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", ["leafnet", "leafnet:Leaves_RefV1"])
def test_a_change_of_behaviour_is_found_and_located(leaves, name, change):
    """Whatever makes a model say something else differs, first where it was made."""
    old, new, stage, where = CHANGES[change]
    leaves.change(old, new)

    found = dapi.check(name)

    assert found.state == "differs"
    assert found.first.stage == stage
    assert found.first.where.startswith(where)
    assert found.first.units > 1


HARMLESS = {
    "module": ("nn.ReLU()", "nn.Threshold(0, 0)"),
    "class": ("Block", "Stage"),
    "function": ("self.act(self.bn(self.conv(x)))", "functional.relu(self.bn(self.conv(x)))"),
    "kernel": (".mean((2, 3))", ".flatten(2).permute(2, 0, 1).mean(0)"),
    "transforms": ("(picture.float() / 255 - self.mean)", "(picture / 255.0).sub(self.mean)"),
    "argument": ("def __init__(self, channels):", "def __init__(self, channels, groups=1):"),
    "metadata": ('{{"task": "leaf-naming"}}', '{{"task": "leaf-naming", "license": "MIT"}}'),
}  # fmt: skip


@pytest.mark.parametrize("change", HARMLESS)
def test_a_refactoring_is_silent(leaves, change):
    """The same function, written in another way, is equal."""
    leaves.change(*HARMLESS[change])

    assert [dapi.check("leafnet").state, dapi.check("leafnet:Leaves_RefV1").state] == ["equal"] * 2


def test_a_table_that_training_leaves_alone_may_grow(leaves):
    """What is compared of buffers is what a step of training does to them."""
    layer = "self.fc = nn.Linear(8, 4)"
    table = f"{layer}; self.register_buffer('places', torch.arange(%d), persistent=False)"
    leaves.change(layer, table % 16)
    leaves.record(accept="a table")

    leaves.change(table % 16, table % 32)
    assert dapi.check("leafnet").state == "equal"

    leaves.change("momentum=0.1", "momentum=0.0")
    assert dapi.check("leafnet").first.where.startswith("buffers of blocks")


def test_a_builder_is_equal_though_other_weights_are_the_latest(leaves):
    """It runs as it did when its answer was recorded, whichever weights are the latest."""
    latest = "        latest=True,\n    )"
    other = 'WeightEntry("package:leafy/other.safetensors", transforms=lazy("leafy.parts:Scale", '
    other += 'mean=0.4, std=0.2), meta={{"task": "leaf-naming"}}, latest=True)'

    leaves.change(latest, f"    )\n    Leaves_RefV2 = {other}")

    assert dapi.check("leafnet").state == "equal"


def test_a_model_in_memory_is_compared(leaves):
    """A model says what it should by its code, and with its own weights, where it is."""
    model = dapi.get_model("leafnet")
    assert dapi.check(model).state == dapi.check(dapi.get_model("leafnet", weights=None)).state
    assert dapi.check(model).state == "equal"

    model.blocks[1].bn.eps = 1e-3
    found = dapi.check(model)

    assert (found.name, found.state, found.first.where) == (
        "leafnet:Leaves_RefV1",
        "differs",
        "blocks.1",
    )
    assert model.blocks[1].bn.eps == 1e-3 and model.training and model.fc.weight.dtype.itemsize == 4


def test_a_model_with_other_arguments_is_not_compared(leaves):
    """What its answers are of, and what it has instead, is told."""
    leaves.change('meta={{"task"', 'build=Build(config={{"outputs": 4}}), meta={{"task"')
    leaves.change("from dapi import", "from dapi import Build,")
    leaves.change("def __init__(self):", "def __init__(self, outputs=4):")

    found = dapi.check(dapi.get_model("leafnet", weights=None, outputs=7))

    assert (found.state, dapi.check("leafnet").state) == ("unchecked", "equal")
    assert "outputs=7" in found.reason


def test_a_model_that_dapi_did_not_build_is_not_compared(leaves):
    """It is told why, and what to do."""
    found = dapi.check(torch.nn.Linear(2, 2))

    assert found.state == "unchecked"
    assert "dapi.get_model" in found.reason


def test_noise_is_far_below_the_tolerance(leaves):
    """Threads change nothing; batches and memory formats next to nothing."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert dapi.check("leafnet").margin < 0.01
    finally:
        torch.set_num_threads(before)
    model = dapi.get_model("leafnet").double().eval()
    image = torch.linspace(-1, 1, 3 * 16 * 16, dtype=torch.float64).reshape(1, 3, 16, 16)
    with torch.inference_mode():
        alone = model(image)
        pair = model(torch.cat([image, -image]))[:1]
        last = model.to(memory_format=torch.channels_last)(
            image.contiguous(memory_format=torch.channels_last)
        )
    for other in (pair, last):
        assert (other - alone).abs().max() < 0.01 * 1e-9 * alone.std()


def test_the_last_digit_of_a_single_probability_is_noise(leaves):
    """A value has no spread of its own: the tolerance is not below what float32 can hold."""
    value = torch.tensor([0.35])
    for other, is_noise in [(torch.nextafter(value, torch.ones(1)), True), (value + 1e-5, False)]:
        leaves, others = (_leaves.describe("postprocess", [float(x)]) for x in (value, other))
        one, two = (answers.Answer("leafnet", leaves=tuple(each)) for each in (leaves, others))
        assert (differences.compare(one, two).margin < 1) == is_noise


def test_norms_that_are_not_finite_are_kept_and_compared(leaves):
    """A training step may end in NaN: its answer is written, and is equal to itself."""
    lost = "(float('nan') if self.training else 1.0) * "
    leaves.change("self.fc(self.drop(", f"self.fc({lost}self.drop(")
    leaves.record(accept="a step that ends in NaN")

    recorded = json.loads((leaves.folder / "answers.json").read_text())["answers"]["leafnet"]

    assert "nan" in next(leaf["norms"] for leaf in recorded["leaves"] if "norms" in leaf).values()
    assert dapi.check("leafnet").state == "equal"
    leaves.change(lost, "")
    assert dapi.check("leafnet").first.stage == "training"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="what Linux says of a process")
def test_memory_of_a_model_is_given_back(leaves):
    """What many small tensors took is not kept for the process after a check."""

    def resident():
        with open("/proc/self/statm") as stream:
            return int(stream.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    leaves.change("nn.Linear(8, 4)", "nn.Linear(8, 4); self.more = nn.ParameterList(MORE)")
    leaves.change(
        "class Names:", "MORE = [torch.zeros(8000) for _ in range(4000)]\n\n\nclass Names:"
    )
    dapi.get_builder("leafnet")(weights=None)
    before = resident()

    dapi.check("leafnet")

    assert resident() - before < 100_000_000  # its parameters in float64 take 256


def test_answers_are_replaced_only_for_a_reason(leaves):
    """What was recorded for a version stays, unless somebody says why it may change."""
    leaves.change("eps=1e-5", "eps=1e-4")
    before = (leaves.folder / "answers.json").read_bytes()

    with pytest.raises(AnswersError, match="--accept REASON"):
        leaves.record()
    assert (leaves.folder / "answers.json").read_bytes() == before

    leaves.record(accept="a wrong eps")

    assert dapi.check("leafnet").state == "equal"
    assert dapi.check("leafnet").recorded["accepted"] == "a wrong eps"


def test_answers_of_what_is_no_longer_provided_are_removed(leaves):
    """Without a reason: nobody can check them. Those that remain stay as they were."""
    leaves.change("Leaves_RefV1", "Leaves_RefV2")

    changed = leaves.record()

    assert changed == {
        "leafnet:Leaves_RefV1": "It is no longer provided.",
        "leafnet:Leaves_RefV2": "",
    }
    left = ["acme-leaves/leafnet", "acme-leaves/leafnet:Leaves_RefV2"]
    assert left == names("acme-leaves")


def test_recording_again_writes_the_same_bytes(leaves):
    """The file is canonical."""
    before = (leaves.folder / "answers.json").read_bytes()
    (leaves.folder / "answers.json").unlink()

    leaves.record()

    assert (leaves.folder / "answers.json").read_bytes() == before


@pytest.mark.parametrize("fault", ["1 / 0", "raise SystemExit(3)"])
def test_one_that_fails_is_left_out_and_stops_no_other(leaves, fault):
    """A builder that cannot be run is kept with the reason; the others are recorded."""
    leaves.change(
        "    return Leaf(**config)",
        "    return Leaf(**config)\n\n"
        "class BadWeights(Weights):\n"
        '    Leaves_RefV1 = WeightEntry("https://example.org/bad.pth", latest=True,\n'
        '        meta={{"task": "leaf-naming"}})\n\n'
        "@register_model(weights=BadWeights)\n"
        "def badnet(*, weights=None, progress=True, **config):\n"
        f"    {fault}",
    )
    points = leaves.folder.parent / "acme_leaves-1.0.dist-info" / "entry_points.txt"
    line = "leafnet = leafy:leafnet"
    points.write_text(POINTS.replace(line, f"{line}\nbadnet = leafy:badnet"))
    discovery.forget()

    recorded = leaves.record(accept="anew")

    assert recorded["leafnet"] == "" and recorded["badnet"]
    assert dapi.check("leafnet").state == "equal"
    found = dapi.check("badnet")
    assert found.state == "unchecked" and recorded["badnet"] in found.reason
    assert not list(leaves.folder.glob(".*"))


@pytest.mark.parametrize(
    ("content", "remedy"),
    [
        ('{"format": 99}', "pip install --upgrade dapi-core"),
        ('{"format":1,\n"recorded":[', "Install its distribution again"),
        ('{"format":1,"left_out":{},"recorded":[],"answers":{"leafnet":{}}}', "again"),
    ],
)
def test_answers_that_cannot_be_read_say_what_to_do(leaves, content, remedy):
    """A newer format, a truncated file and a damaged one are errors with a remedy."""
    (leaves.folder / "answers.json").write_text(content)

    with pytest.raises(AnswersError, match=remedy):
        dapi.check("leafnet")


def test_a_file_of_answers_chooses_no_argument_of_a_builder(leaves, tmp_path):
    """It may be a stranger's: only what the sample names is passed on, and known types."""
    path, kept = leaves.folder / "answers.json", tmp_path / "answers.json"
    text = path.read_text()
    kept.write_text(text.replace('"config":{}', '"config":{"device":"meta"}'))

    found = dapi.check("leafnet", answers=kept)

    assert found.state == "unchecked" and "sample" in found.reason
    kept.write_text(text.replace('"dtype":"float64","tolerance"', '"dtype":"load","tolerance"'))
    with pytest.raises(AnswersError, match="damaged"):
        dapi.check("leafnet", answers=kept)


def test_without_a_sample_a_model_could_not_be_checked(leaves):
    """It is told how to provide one."""
    points = leaves.folder.parent / "acme_leaves-1.0.dist-info" / "entry_points.txt"
    points.write_text(POINTS.replace("dapi.samples", "dapi.others"))
    discovery.forget()

    found = dapi.check("leafnet")

    assert found.state == "unchecked" and "dapi.samples" in found.reason


def test_without_weights_a_builder_could_not_be_checked(leaves):
    """Nothing states its task: that is a reason, not an error."""
    leaves.change("(weights=LeafWeights)", "()")

    found = dapi.check("leafnet")

    assert found.state == "unchecked" and "no published weights" in found.reason


def run(capsys, *words):
    status = _cli.main(words)
    return status, capsys.readouterr().out


def test_the_command_says_what_differs(leaves, capsys):
    """Equal is 0; a difference 1, with stage, module, size and versions; unchecked 2."""
    status, text = run(capsys, "check", "leafnet", "leafnet:Leaves_RefV1")
    assert status == 0 and text.count("equal") == 2

    leaves.change("eps=1e-5", "eps=1e-4")
    status, text = run(capsys, "check", "leafnet")
    assert status == 1
    assert "model blocks.0" in text and "times the tolerance" in text
    assert "The versions are those with which it was recorded." in text

    status, text = run(capsys, "check", "oaknet", "leafnet")
    assert status == 1 and "oaknet: could not be checked" in text

    status, text = run(capsys, "check", "oaknet")
    assert status == 2


def test_the_command_checks_all_and_prints_json(leaves, capsys):
    """--all takes everything that needs no download; each line is JSON."""
    status, text = run(capsys, "check", "--all", "--json")

    found = [json.loads(line) for line in text.splitlines()]
    assert status == 0
    assert [each["name"] for each in found] == [
        "leafnet",
        "leafnet:Leaves_RefV1",
    ]
    assert all(each["state"] == "equal" and each["recorded"]["python"] for each in found)


def test_a_user_records_into_a_file_of_their_own(leaves, capsys, tmp_path):
    """What was recorded once can be compared later, without the distribution's answers."""
    kept = tmp_path / "mine.json"
    assert run(capsys, "answers", "leafnet", "--output", str(kept))[0] == 0
    (leaves.folder / "answers.json").unlink()

    assert run(capsys, "check", "leafnet")[0] == 2
    assert run(capsys, "check", "leafnet", "--answers", str(kept))[0] == 0


class TestKept:
    """An answer as text, for who keeps it elsewhere."""

    NAME = "acme-leaves/leafnet:Leaves_RefV1"

    def test_shipped_answer_is_compared(self, leaves):
        """The text is one line, the same each time; what changed is found as by dapi.check."""
        kept = dapi.answers.shipped(self.NAME)
        before = dapi.answers.compare(self.NAME, kept).state
        leaves.change("eps=1e-5", "eps=1e-4")
        found = dapi.answers.compare(self.NAME, kept)

        assert "equal" == before and "\n" not in kept and kept == dapi.answers.shipped(self.NAME)
        assert ("differs", "model") == (found.state, found.first.stage)

    def test_recorded_answer_is_the_shipped_one(self, leaves):
        """What is recorded in the same environment."""
        assert dapi.answers.shipped(self.NAME) == dapi.answers.record(self.NAME)

    def test_answer_of_the_builder_stands_in(self, leaves):
        """For weights that have none: their builder, with synthetic weights."""
        kept = answers.Answers.read(leaves.folder / "answers.json")
        del kept.found["leafnet:Leaves_RefV1"]
        kept.write()

        text = dapi.answers.shipped(self.NAME)

        assert '"leafnet":' in text
        assert ("leafnet", "equal") == dapi.answers.compare(self.NAME, text)[:2]

    def test_without_answers_there_is_no_text(self, leaves):
        """And nothing is recorded."""
        (leaves.folder / "answers.json").unlink()

        assert "" == dapi.answers.shipped(self.NAME)

    @pytest.mark.parametrize("text", ["", "{}", "[]", "[" * 100_000, '{"format": 9}'])
    def test_other_text_is_refused(self, leaves, text):
        """It may be a stranger's."""
        with pytest.raises(AnswersError):
            dapi.answers.compare(self.NAME, text)


def test_commands_without_names_say_what_to_write(leaves, capsys):
    """Nothing named is a wrong command line."""
    assert run(capsys, "check")[0] == 2
    assert run(capsys, "answers")[0] == 2


def test_the_versions_that_changed_are_told(leaves, capsys):
    """A difference comes with what else is not as it was."""
    path = leaves.folder / "answers.json"
    path.write_text(re.sub(r'"torch":"[^"]+"', '"torch":"2.0"', path.read_text()))
    leaves.change("eps=1e-5", "eps=1e-4")

    assert "torch was 2.0 when it was recorded" in run(capsys, "check", "leafnet")[1]


def test_listing_reads_no_answers():
    """Answers cost who lists models nothing: neither their module nor torch is imported."""
    code = "import dapi, sys; dapi.list_models(); print(*sys.modules)"

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)

    imported = found.stdout.split()
    assert "dapi._catalog.builders" in imported and "torch" not in imported
    assert [] == [each for each in imported if each.startswith(("dapi._answers", "dapi.answers"))]


FLOATS = st.floats(allow_nan=True, allow_infinity=True, width=32)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | FLOATS
    | st.lists(FLOATS).map(lambda each: torch.tensor(each, dtype=torch.float64))
    | st.lists(st.booleans()).map(lambda each: torch.tensor(each, dtype=torch.bool)),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(VALUES)
def test_an_answer_survives_its_file(tmp_path_factory, value):
    """Whatever a model returns is described, written, read, and equal to itself."""
    path = tmp_path_factory.mktemp("answers") / "answers.json"
    kept = answers.Answers(path)
    answer = answers.Answer("net", leaves=tuple(_leaves.describe("model", value)))
    kept.found["net"] = answer
    kept.write()

    found = answers.Answers.read(path)

    assert found.text() == kept.text()
    assert differences.compare(found.found["net"], answer).state == "equal"


def test_tools_record_and_compare_without_a_file(leaves):
    """An answer of today equals the shipped one; of weights, with their file or without it."""
    from dapi import catalog

    shipped = catalog.answers("acme-leaves").found
    builder, weights = (catalog.record_answer(name) for name in ("leafnet", "leafnet:Leaves_RefV1"))
    code = catalog.record_answer("acme-leaves/leafnet:Leaves_RefV1", synthetic=True)

    assert catalog.compare_answers(shipped["leafnet"], builder).state == "equal"
    assert catalog.compare_answers(shipped["leafnet:Leaves_RefV1"], weights).state == "equal"
    assert code.leaves == builder.leaves


def test_tools_are_told_why_a_model_cannot_be_run(leaves):
    """In an error of dapi's own."""
    from dapi import catalog

    leaves.change('"leaf-naming"', '"leaf-counting"')

    with pytest.raises(AnswersError, match="No installed distribution has a sample"):
        catalog.record_answer("leafnet:Leaves_RefV1", synthetic=True)
