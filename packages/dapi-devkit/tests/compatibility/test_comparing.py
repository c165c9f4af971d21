"""Comparing: every kind of break is found, and what breaks nothing is not."""

import pytest

from dapi.devkit.compatibility import witnesses
from dapi.devkit.compatibility.comparing import compare


def found(old, new, **options):
    """Return the rules of what was found, by level."""
    levels = {"break": [], "note": [], "added": []}
    for each in compare(old, new, testify=witnesses.testify, **options):
        levels[each.level].append((each.rule.name, each.target))
    return levels


BREAKS = {
    "activation": (("nn.ReLU()", "nn.SiLU()"), "EVAL_OUTPUT_SAME", "leafnet"),
    "eps": (('"eps", 1e-5', '"eps", 1e-4'), "EVAL_OUTPUT_SAME", "leafnet:Leaves_RefV2"),
    "context": (('{"eps": 1e-3}', '{"eps": 1e-2}'), "WEIGHTS_MEMBER_SAME_BUILD",
                "leafnet:Leaves_RefV1"),
    "momentum": (("momentum=0.1", "momentum=0.01"), "TRAIN_STEP_SAME", "leafnet"),
    "dropout": (("Dropout(0.2)", "Dropout(0.5)"), "TRAIN_STEP_SAME", "leafnet"),
    "stride": (("stride=2", "stride=1"), "EVAL_OUTPUT_SAME", "leafnet"),
    "std": (("std=0.25", "std=0.1"), "TRANSFORMS_SAME_CONFIG", "leafnet:Leaves_RefV1"),
    "scale": (("- self.mean) /", "+ self.mean) /"), "TRANSFORMS_SAME_OUTPUT",
              "leafnet:Leaves_RefV1"),
    "names": (('"oak", "beech"', '"beech", "oak"'), "META_SAME_CATEGORIES", "leafnet:Leaves_RefV1"),
    "sigmoid": (("softmax(0)", "sigmoid()"), "POSTPROCESS_SAME", "leafnet:Leaves_RefV1"),
    "disagreement": (
        ("categories=NAMES),\n        build=Build(config={\"num_classes\": 4})",
         "categories=NAMES[::-1]),\n        build=Build(config={\"num_classes\": 4})"),
        "POSTPROCESS_MATCHES_META", "leafnet:Leaves_RefV2",
    ),
    "license": (('"license": "MIT", "cat', '"license": "GPL-3.0-only", "cat'),
                "WEIGHTS_MEMBER_SAME_LICENSE", "leafnet:Leaves_RefV2"),
    "renamed": (("Leaves_RefV2 =", "Leaves_RefV3 ="), "WEIGHTS_MEMBER_NO_DELETE",
                "leafnet:Leaves_RefV2"),
    "bytes": (('"b" * 64', '"c" * 64'), "WEIGHTS_MEMBER_SAME_BYTES", "leafnet:Leaves_RefV2"),
    "default": (("width: int = 8", "width: int = 16"), "PARAM_SAME_DEFAULT", "leafnet"),
}  # fmt: skip


@pytest.mark.parametrize("change", BREAKS)
def test_a_break_is_found(leaves, change):
    """What a user would notice is found, at the weights or the builder that it is of."""
    replacement, rule, target = BREAKS[change]
    old = leaves.image()
    leaves.change(replacement)

    assert (rule, target) in found(old, leaves.image())["break"]


HARMLESS = {
    "nothing": (),
    "class": (("Block", "Stage"),),
    "kernel": ((".mean((2, 3))", ".flatten(2).permute(2, 0, 1).mean(0)"),),
    "module": (("nn.ReLU()", "nn.Threshold(0, 0)"),),
    "function": (("self.act(self.bn(self.conv(x)))", "functional.relu(self.bn(self.conv(x)))"),),
    "transforms": (("(picture.float() / 255 - self.mean)", "(picture / 255.0).sub(self.mean)"),),
    "argument": (("def __init__(self, channels):", "def __init__(self, channels, groups=1):"),),
    "optional": (("width: int = 8,", "width: int = 8,\n    depth: int = 2,"),),
    "option": (("clip=None):", "clip=None, dither=False):"),),
    "spelt": (("mean=0.5, std=0.25", "mean=0.5, std=0.25, clip=None"),),
    "mirror": (("size=2000,", 'size=2000, mirrors=("https://example.com/leaf-2.pth",),'),),
    "moved": (("https://example.org/leaf-2.pth", "https://example.com/leaf-2.pth"),),
    "metric": (("91.0", "91.5"),),
    "member": (
        ("@register_model", "LeafWeights\n\n@register_model"),
        ("    Leaves_RefV2 =", "    Leaves_RefV3 = WeightEntry('https://example.org/3.pth', "
         "sha256='d' * 64)\n    Leaves_RefV2 ="),
    ),
}  # fmt: skip


@pytest.mark.parametrize("change", HARMLESS)
def test_what_breaks_nothing_is_no_break(leaves, change):
    """A refactoring, and what is only added, are never called a break."""
    old = leaves.image()
    leaves.change(*HARMLESS[change])

    assert [] == found(old, leaves.image())["break"]


MIGRATION = """
    def _load_from_state_dict(self, state_dict, prefix, *args):
        for name in ("weight", "bias"):
            if f"{prefix}fc.{name}" in state_dict:
                state_dict[f"{prefix}head.{name}"] = state_dict.pop(f"{prefix}fc.{name}")
        super()._load_from_state_dict(state_dict, prefix, *args)

    def forward(self, x):
        return self.head("""


def test_a_model_that_reads_its_old_keys_breaks_nothing(leaves):
    """A layer may be renamed if old state dicts are translated; without that it may not."""
    old = leaves.image()
    leaves.change(("self.fc = ", "self.head = "), ('head="fc"', 'head="head"'))
    leaves.change(("\n    def forward(self, x):\n        return self.fc(", MIGRATION))
    translated = found(old, leaves.image())
    leaves.change(("_load_from_state_dict(self, s", "_not_called(self, s"))
    broken = found(old, leaves.image())

    assert [("HEAD_SAME", "leafnet")] == translated["break"]
    assert {("STATE_KEY_NO_DELETE", "leafnet"), ("STATE_KEY_ADDED", "leafnet")} < {*broken["break"]}


def test_a_renamed_enum_needs_an_alias(leaves):
    """Whether old imports still work is tried."""
    old = leaves.image(build=())
    leaves.change(("LeafWeights", "LeavesWeights"))
    broken = found(old, leaves.image(build=()))
    leaves.sources["nets"] += "\n\nLeafWeights = LeavesWeights\n"
    leaves.write()

    assert [("ENUM_SAME_NAME", "LeafWeights")] == broken["break"]
    assert [] == found(old, leaves.image(build=()))["break"]


def test_without_answers_modules_are_compared(leaves):
    """A task without a sample leaves classes and numbers of modules, which tell enough."""
    leaves.change(("[dapi.samples]\nleaf-naming = leafy.parts:sample\n", ""))
    old = leaves.image()
    leaves.change(("nn.ReLU()", "nn.SiLU()"))

    assert [("MODULE_TREE_SAME", "leafnet")] == found(old, leaves.image())["break"]


def test_shipped_answers_stand_for_models_that_do_not_run(leaves):
    """What a distribution recorded of itself is enough for the release before."""
    leaves.points += "[dapi.answers]\nanswers = leafy\n"
    leaves.write()
    from dapi._answers.distribution import record_distribution

    dict(record_distribution("acme-leaves"))
    old = leaves.image(run=())
    same = found(old, leaves.image())
    leaves.change(("nn.ReLU()", "nn.SiLU()"))

    assert [] == same["break"]
    assert [("EVAL_OUTPUT_SAME", "leafnet")] == found(old, leaves.image())["break"]


def test_weights_for_the_builder_of_somebody_else_are_compared(leaves, monkeypatch):
    """A distribution of weights alone has no builder, and the same rules."""
    leaves.change(
        ("leafnet = leafy.nets:leafnet\n", ""),
        ("leafnet = leafy.nets:LeafW", "resnet20 = leafy.nets:LeafW"),
    )
    leaves.change(('{"num_classes": 4}, context={"leafy.parts:Norm": {"eps": 1e-3}}', "{}"))
    old = leaves.image(run=())
    leaves.change(("std=0.25", "std=0.1"), ('"b" * 64', '"c" * 64'))

    pytest.importorskip("dapi.vision")
    assert "resnet20:Leaves_RefV1" in old["built"]
    assert {
        ("WEIGHTS_MEMBER_SAME_BYTES", "resnet20:Leaves_RefV2"),
        ("TRANSFORMS_SAME_CONFIG", "resnet20:Leaves_RefV1"),
    } < {*found(old, leaves.image(run=()))["break"]}
