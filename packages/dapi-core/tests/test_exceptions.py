"""Errors: each is also the builtin that one would catch, pickles, and says what to do."""

import inspect
import pickle
import re

import pytest

from dapi import exceptions
from dapi.exceptions import DapiError, DapiWarning

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
]


def test_every_error_has_an_example():
    """No error of the module is left out below."""
    classes = {each for _, each in inspect.getmembers(exceptions, inspect.isclass)}
    errors = {each for each in classes if issubclass(each, DapiError)} - {DapiError}

    assert errors == {type(example) for example in EXAMPLES}


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_error_is_a_builtin_too(error):
    """A caller who knows nothing of dapi catches it by the builtin's name."""
    builtins = [each for each in type(error).__mro__ if each.__module__ == "builtins"]

    assert builtins[0] not in (Exception, BaseException)


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_error_pickles_with_its_facts(error):
    """An error that crosses a process keeps its message and its facts."""
    copy = pickle.loads(pickle.dumps(error))

    assert (type(error), str(error)) == (type(copy), str(copy))
    assert {key: repr(value) for key, value in vars(error).items()} == {
        key: repr(value) for key, value in vars(copy).items()
    }


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_error_is_whole_sentences(error):
    """A message ends as a sentence or with the command to run, and has no doubled stop."""
    text = str(error)

    assert text[0].isupper() or text[0] == "'" or text.split()[0] == text.split()[0].strip("'")
    assert ".." not in text.replace("...", "") and "  " not in text


def test_tree_in_the_docstring_is_the_tree():
    """The module's docstring draws exactly the classes that there are."""
    drawn = set(exceptions.__doc__.replace("(", " ").split())
    classes = {
        name
        for name, each in inspect.getmembers(exceptions, inspect.isclass)
        if issubclass(each, DapiError | DapiWarning)
    }

    assert classes <= drawn
    assert {word for word in drawn if word.endswith(("Error", "Warning"))} - classes <= {
        "ValueError", "LookupError", "AttributeError", "TypeError", "RuntimeError",
        "ImportError", "OSError", "FileNotFoundError",
        "FutureWarning", "RuntimeWarning", "UserWarning",
    }  # fmt: skip


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
