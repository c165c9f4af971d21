"""What ``dapi.vision`` shows, and what it does not import."""

import ast
import doctest
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import dapi
import dapi.vision

MODELS = Path(dapi.vision.__file__).with_name("models")
MODULES = [
    *(f"dapi.vision.models.{path.stem}" for path in sorted(MODELS.glob("[!_]*.py"))),
    "dapi.vision.postprocess",
    "dapi.vision.transforms",
]


def run(code):
    """Run code in a new process, and return what it prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


HEAVY = "print(sorted({'torch', 'torchvision', 'numpy', 'PIL'} & set(sys.modules)))"


@pytest.mark.parametrize(
    "code",
    [
        "import dapi.vision",
        "import dapi.vision.tasks",
        "import dapi; assert 6 <= len(dapi.list_models())",
        "import dapi; assert 2 == len(dapi.list_weights('resnet50'))",
        "import dapi; [w.meta['categories'][3] for w in dapi.list_weights('resnet50')]",
        "import dapi; [repr(w.value) for w in dapi.list_weights('fasterrcnn_resnet50_fpn')]",
        "import dapi; dapi.get_weights('resnet20:Digits_RefV2').fetch()",
        "from dapi.vision import *",
    ],
)
def test_no_framework_is_imported(code):
    """Names, metadata, categories and files need neither torch nor numpy."""
    assert "[]" == run(f"import sys; {code}; {HEAVY}")


def test_one_builder_imports_one_family():
    """``from dapi.vision import resnet50`` leaves the other families alone."""
    loaded = "print(sorted(m for m in sys.modules if m.startswith('dapi.vision.models.')))"
    code = f"import sys; from dapi.vision import resnet50; {loaded}"

    modules = ["_classifier", "_licenses", "_torchvision", "resnet"]
    assert str([f"dapi.vision.models.{name}" for name in modules]) == run(code)


def test_public_names_are_the_builders_and_their_enums():
    """The stub is the one list: what it names is there, and is what the modules define."""
    stub = ast.parse(Path(dapi.vision.__file__).with_suffix(".pyi").read_text())
    listed = {alias.name for node in stub.body for alias in node.names}
    points = {
        name
        for builder in dapi.list_models(module="dapi.vision")
        for name in (builder, *(type(w).__name__ for w in dapi.list_weights(builder)))
    }

    assert listed == set(dapi.vision.__all__) == points
    for name in listed:
        assert name == getattr(dapi.vision, name).__name__


@pytest.mark.parametrize("name", sorted(dapi.vision.__all__))
def test_public_names_are_documented(name):
    """Each says what it is, and a builder what it takes and returns, without another's help."""
    doc = " ".join(inspect.getdoc(getattr(dapi.vision, name)).split())
    assert not re.search(r"(Arguments|[Ii]nput|recipes).* (are|as) (those )?of ``|As (of )?``", doc)
    if name in dapi.list_models():
        assert re.search(r"[Tt]akes (a list of|two batches of)? ?float (images|clips) ``\(", doc)
        assert re.search(r"[Rr]eturns? .*(logits|dict|flows)", doc)


@pytest.mark.filterwarnings("ignore::dapi.exceptions.ReplacedBuilderWarning")
@pytest.mark.parametrize("module", MODULES)
def test_examples_run(module):
    """The examples in docstrings print what they say."""
    loaded = importlib.import_module(module)
    finder = doctest.DocTestFinder()
    examples = [test for test in finder.find(loaded, module) if test.examples]
    runner = doctest.DocTestRunner()
    for test in examples:
        runner.run(test)

    assert examples and 0 == runner.failures
