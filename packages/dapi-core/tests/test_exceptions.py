"""Errors: each is also the builtin that one would catch, pickles, and says what to do."""

import pickle
import re
import subprocess
import sys
from enum import Enum
from pathlib import Path

import pytest

from dapi import exceptions
from dapi.exceptions import DapiError

MESSAGES = Path(__file__).parent / "data" / "messages.txt"


class Recipe(Enum):
    """Weights of another library."""

    OLD = 1


EXAMPLES = [
    exceptions.InvalidNameError("a b"),
    exceptions.UnknownModelError("resnet51", available=["resnet50", "vit"]),
    exceptions.UnknownModelError("resnet50", provider="dapi-vision"),
    exceptions.UnknownModelError("resnet50"),
    exceptions.UnknownModelError("ResNet_Weights.V1", equivalents=["resnet:A_RefV1"]),
    exceptions.InvalidNameError("1-net", equivalents=["net:A_RefV1"]),
    exceptions.RemovedModelError(
        "net", distribution="acme", version="2.0", successor="net_v2", reason="It drifted."
    ),
    exceptions.DisabledModelError("net", distribution="acme", variable="DAPI_PLUGINS"),
    exceptions.UnknownPluginError("acmee", available=["acme"], variable="DAPI_PREFER"),
    exceptions.AmbiguousModelError("net", candidates=["a/net", "b/net"]),
    exceptions.AmbiguousExtensionError("dapi.schemes", "s3", distributions=["a", "b"]),
    exceptions.DuplicateModelError("net", first="m:a", second="m:b"),
    exceptions.NotLockedError(
        "net:A_RefV1", lock="dapi.lock", reason="it does not name them", remedy="Add: dapi lock X."
    ),
    exceptions.UnknownWeightsError("NetWeights", "RefV3", available=["RefV1", "RefV2"]),
    exceptions.UnknownWeightsError("NetWeights", "V1", available=[], equivalents=["A_RefV1"]),
    exceptions.UnknownFacetError("task", "detect", available=["object-detection"]),
    exceptions.UnknownFacetError("task", "detect", available=[]),
    exceptions.UnknownTaskError("net:A", "guessing", available=["image-classification"]),
    exceptions.UnknownTaskError("net:A", None, available=[]),
    exceptions.ArgumentError("dapi.search", "max_params", "many", expected="a number"),
    exceptions.InputError("a.png", "it is empty", expected="a picture"),
    exceptions.AnswersError("answers.json", "it is damaged", "Install its distribution again."),
    exceptions.DeviceError("cuda", reason="There is none."),
    exceptions.RemovedWeightsError(
        "net", "RefV1", distribution="acme", version="2.0", last_version="1.9"
    ),
    exceptions.WeightsTypeError("net", "RefV1", expected=["NetWeights"]),
    exceptions.WeightsTypeError("net", "V1", expected=["NetWeights"], equivalents=["N.A_RefV1"]),
    exceptions.ForeignWeightsError("net", "other:A", arguments=["n_symbol"]),
    exceptions.WeightsDeclarationError("NetWeights.A", "is a str", "Make it an entry."),
    exceptions.LicenseError("net:A", asset="vocoder", license="GPL-3.0-only", allowed=("MIT",)),
    exceptions.WithdrawnWeightsError("net:A", reason="wrong epoch", replacement="net:B"),
    exceptions.NoWeightsError("net has no weights", "Build it with weights=None."),
    exceptions.UnexpectedArgumentError("net", "wieghts", available=["weights"]),
    exceptions.PositionalArgumentError("net", "True", parameters=["weights"]),
    exceptions.LegacyConflictError("net", "pretrained", parameter="weights"),
    exceptions.MissingFileError("net.pth"),
    exceptions.MissingDirectoryError("models"),
    exceptions.NestedCheckpointError(
        "net.ckpt", source="net", tensors={("model", "ema"): 14, (): 1}, others={"epoch": "int"}
    ),
    exceptions.ConfigConflictError("net:A", "num_classes", given=3, fixed=4, head=["fc"]),
    exceptions.UnreadOverrideError("net:A", target="m:C", parameters=["eps"]),
    exceptions.StateDictMismatchError(
        "net:A", missing=["a.weight"], unexpected=["a.weigth"], shapes={"b": ((1,), (2,))}
    ),
    exceptions.CheckpointError("net.pth", source="net:A", reason="it is empty"),
    exceptions.UnreadableFileError("net.pth", source="net:A", reason="Input/output error"),
    exceptions.AssetError("vocab.txt", name="vocab.txt", reason="it is a web page"),
    exceptions.SavingError("Net", "its argument 'norm' is a class"),
    exceptions.RebuildError("net.safetensors", reason="dapi.save did not write it"),
    exceptions.BuilderError("net", distribution="acme", cause=RuntimeError("why.")),
    exceptions.PluginLoadError("m:f", distribution="acme", cause=RuntimeError("why")),
    exceptions.IncompatiblePluginError(
        "acme", version="1.2", requirement="dapi-core<1", installed="1.4.1"
    ),
    exceptions.MissingDependencyError("x needs y", requirement="y"),
    exceptions.MissingDependencyError("x needs y", requirement=""),
    exceptions.MissingHashError("net:A", files=["https://example.org/net.pth"]),
    exceptions.HashMismatchError("net.pth", expected="00", found="11"),
    exceptions.PlaceholderError(
        "net.pth", kind="a web page", remedy="Sign in", expected="00", found="11"
    ),
    exceptions.CacheError("cache", reason="read-only"),
    exceptions.FetchError("net:A", failures={"https://example.org/n": "404"}),
    exceptions.OfflineError("net:A", url="https://example.org/n", sha256=None, path="cache/x"),
    # Again, where the facts decide what a message says.
    exceptions.InvalidNameError({"conv.weight": 0}, remedy="Pass a name."),
    exceptions.UnknownModelError("zz", available=[f"net{n}" for n in range(11)]),
    exceptions.RemovedModelError("net", distribution="acme", version="2.0"),
    exceptions.DisabledModelError("net", distribution="acme", variable="DAPI_DISABLE_PLUGINS"),
    exceptions.UnknownPluginError("acme", available=[]),
    exceptions.AmbiguousModelError("net:A", candidates=["net:acme/A", "net:acme/B"]),
    exceptions.AmbiguousModelError("net:A", candidates=["net:acme/A", "net:other/A"]),
    exceptions.UnknownWeightsError("NetWeights", "net.pth", available=[]),
    exceptions.UnknownWeightsError("NetWeights", "https://a.org/n?key=1", available=["RefV1"]),
    exceptions.UnknownTaskError("net:A", "guessing", available=[]),
    exceptions.WeightsTypeError("net", True, expected=["NetWeights"]),
    exceptions.WeightsTypeError("net", {"fc.bias": 0}, expected=["NetWeights", "OtherWeights"]),
    exceptions.WeightsTypeError("net", Path("net.pth"), expected=[], owners=["one", "other"]),
    exceptions.WeightsTypeError("net", Recipe.OLD, expected=["NetWeights"]),
    exceptions.LicenseError("net:A", asset="", license="unknown", allowed=("MIT", "Apache-2.0")),
    exceptions.WithdrawnWeightsError("net:A", reason="", replacement=None),
    exceptions.NotLockedError("net:A_RefV1", lock="dapi.lock", reason="it does not name them"),
    exceptions.UnexpectedArgumentError("net", "pretrained", available=["weights"]),
    exceptions.UnexpectedArgumentError("net", "dept", available=["depth"], constructor="m:Net"),
    exceptions.ConfigConflictError("net:A", "channels", given=1, fixed=3, stem=["conv"]),
    exceptions.StateDictMismatchError(
        "net:A",
        missing=[f"layer{n}.weight" for n in range(6)],
        head=["fc"],
        dtypes={"a": ("float16", "float32")},
        reason="It is of another model",
        path="net.pth",
    ),
    exceptions.StateDictMismatchError(
        "net:A", missing=["a", "b"], unexpected=["module.a", "module.b"]
    ),
    exceptions.StateDictMismatchError(
        "net:A", missing=["a.weight"], unexpected=["other", "a.weigth", "b", "c", "d"]
    ),
    exceptions.NestedCheckpointError(
        "net.ckpt",
        source="net",
        tensors={("a",): 3, ("b",): 2, ("c",): 1},
        others=dict.fromkeys("defgh", "int"),
    ),
    exceptions.NestedCheckpointError(
        "net.ckpt",
        source="net",
        tensors={("a",): 4, ("b",): 3, ("c",): 2, ("d",): 1},
        others={f"key{n}": "int" for n in range(6)},
    ),
    exceptions.RebuildError("net.safetensors", reason="it is damaged.", remedy=""),
    exceptions.HashMismatchError("https://a.org/net.pth?key=1", expected="00", found="11"),
    exceptions.HashMismatchError("net.pth", expected="00", found="11", held_for="my net.pth"),
    exceptions.PlaceholderError(
        "net.pth", kind="a Git LFS pointer", remedy="Run git lfs pull", expected="", found="11"
    ),
    exceptions.FetchError("net:A", failures={"s3://net": "refused"}, remedy="Sign in first."),
    exceptions.FetchError(
        "net:A", failures={"https://a.org/n?key=1": "404", "https://a.org/n?key=2": "403"}
    ),
    exceptions.OfflineError(
        "net:A", url="https://me:key@a.org/n", sha256="00", path="cache/x", is_damaged=True
    ),
    exceptions.MissingHashError("net:A", files=["https://a.org/1.pth", "https://a.org/2.pth"]),
]


CLASSES = [getattr(exceptions, name) for name in exceptions.__all__]


def test_every_error_has_an_example():
    """No error of the module is left out below."""
    errors = {each for each in CLASSES if issubclass(each, DapiError)} - {DapiError}

    assert errors == {type(example) for example in EXAMPLES}


@pytest.mark.parametrize("each", CLASSES, ids=lambda each: each.__name__)
def test_class_is_public_and_documented(each):
    """It names the public module, wherever it is defined, and says what it means."""
    assert "dapi.exceptions" == each.__module__
    assert pickle.loads(pickle.dumps(each)) is each
    assert each.__doc__ != each.__base__.__doc__ and each.__doc__.partition("\n")[0][-1] == "."


def test_module_has_only_the_names_that_exist():
    """A misspelt class is an AttributeError; an import of all has every class."""
    found = {}
    exec("from dapi.exceptions import *", found)

    assert {each.__name__ for each in CLASSES} == found.keys() - {"__builtins__"}
    assert found.keys() - {"__builtins__"} <= set(dir(exceptions))
    with pytest.raises(AttributeError, match="no attribute 'FetchEror'"):
        exceptions.FetchEror  # noqa: B018
    with pytest.raises(AttributeError, match="no attribute 'absent'"):
        exceptions.absent  # noqa: B018


def test_listing_and_searching_define_only_the_errors_that_they_can_raise():
    """Those of checkpoints and downloads are made when something is built."""
    code = "import sys, dapi; dapi.list_models(); listing = {*sys.modules}; dapi.search()\n"
    code += "parts = ['dapi.exceptions._' + part for part in ('finding', 'building', 'files')]\n"
    code += "print([part in listing for part in parts], parts[2] in sys.modules)"
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[True, False, False] False"


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_error_pickles_with_its_facts(error):
    """An error that crosses a process keeps its message and its facts."""
    copy = pickle.loads(pickle.dumps(error))

    assert (type(error), str(error)) == (type(copy), str(copy))
    assert {key: repr(value) for key, value in vars(error).items()} == {
        key: repr(value) for key, value in vars(copy).items()
    }


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_error_has_the_facts_of_the_class_that_it_extends(error):
    """A RemovedModelError, for example, has every attribute of UnknownModelError."""
    extended = [other for other in EXAMPLES if type(other) in type(error).__mro__]

    assert {name for other in extended for name in vars(other)} <= set(vars(error))


def test_messages_are_what_users_read_and_search_for():
    """A change of a text is deliberate: it is made in data/messages.txt, too."""
    expected = MESSAGES.read_text("utf-8").splitlines()

    assert expected == [f"{type(error).__name__}: {error}" for error in EXAMPLES]


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_error_is_put_together_well(error):
    """No stop or space is doubled where the parts of a message meet, nor at its ends."""
    text = str(error)

    assert ".." not in text.replace("...", "") and "  " not in text and text == text.strip()


def test_tree_in_the_docstring_is_the_tree():
    """The module's docstring draws each class below its base, with the builtins that it is."""
    drawn, parents = {}, {}
    for indent, name, builtins in re.findall(
        r"(?m)^ {4}([│├└─ ]*)(\w+)(?: +\(([\w, ]+)\))?", exceptions.__doc__.partition("::\n")[2]
    ):
        parents[len(indent)] = name
        bases = [parents[len(indent) - 4]] if indent else []
        drawn[name] = {*bases, *(builtins.split(", ") if builtins else [])}
    found = {each.__name__: {base.__name__ for base in each.__bases__} for each in CLASSES}

    assert found | {"DapiError": set()} == drawn


@pytest.mark.parametrize(
    ("wanted", "command"),
    [
        ("acme/net:A_RefV1", "dapi fetch acme/net:A_RefV1;"),
        ("WeightEntry('https://example.org/n')", r"call weights\.fetch\(\);"),
        ("NetWeights.A_RefV1", r"call weights\.fetch\(\);"),
        ("/tmp/dir with spaces/n", r"call weights\.fetch\(\);"),
    ],
)
def test_offline_error_shows_a_command_only_where_it_runs(wanted, command):
    """What has no name cannot be fetched by one."""
    error = exceptions.OfflineError(wanted, url="https://x.org/n", sha256=None, path="cache/x")

    assert re.search(f"While online: {command}", str(error))


def test_remedy_for_a_class_names_no_command_for_builders():
    """build_model takes classes, which no command finds by name."""
    errors = [
        exceptions.WeightsTypeError("Net", "A_RefV1", expected=["an enum of weights"]),
        exceptions.WeightsTypeError("test.<locals>.net", True, expected=["an enum of weights"]),
        exceptions.ForeignWeightsError("Net", "net:A_RefV1", arguments=["size"]),
    ]

    for error in errors:
        assert "dapi.get_model" not in str(error) and "dapi show" not in str(error)


def test_excerpt_of_any_value_is_short():
    """A state dict by its first keys, an object by its type, and one without a repr too."""

    class Silent:
        def __repr__(self):
            raise RuntimeError

    values = [{f"layer{n}.weight": [0.0] * n for n in range(100)}, "x" * 999, [0] * 999, Silent()]
    excerpts = [exceptions.excerpt(value) for value in values]

    assert excerpts[0] == (
        "a dict of 100 items: 'layer0.weight', 'layer1.weight', 'layer2.weight', ..."
    )
    assert ["a list", "a Silent"] == excerpts[2:]
    assert all(len(each) <= 120 for each in excerpts)
    assert "secret" not in exceptions.excerpt(f"https://me:secret{'x' * 120}@example.org/n")


def test_unknown_name_ignores_case_when_it_suggests():
    """What differs in case only is the nearest."""
    error = exceptions.UnknownModelError("ResNet50", available=["resnet50", "vit"])

    assert "Did you mean 'resnet50'?" in str(error)
