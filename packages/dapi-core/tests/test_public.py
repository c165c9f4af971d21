"""The package: what is public, what imports what, and what importing it costs."""

import ast
import doctest
import importlib
import inspect
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from pkgutil import iter_modules
from typing import get_origin

import pytest

import dapi
from dapi._plugins import environment as _environment

SOURCE = Path(dapi.__file__).parent

# Those of dapi-core; domains are beside them.
ROOMS = {path.name for path in SOURCE.iterdir()} - {"audio", "devkit", "lock", "text", "vision"}
ROOMS -= {"_pyinstaller"}
FRAMEWORKS = ("torch", "numpy", "safetensors", "pluggy", "platformdirs", "tqdm")


def top_level_imports(path):
    """Yield the packages that importing a file imports."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]


def modules():
    return [path for path in SOURCE.rglob("*.py") if path.relative_to(SOURCE).parts[0] in ROOMS]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_module_imports_a_package_at_its_top(path):
    """``import dapi`` never imports a third-party package; dapi.hooks is for who has pluggy."""
    ours = {"dapi", "_dapi_command", "_dapi_owners"}
    others = set(top_level_imports(path)) - set(sys.stdlib_module_names) - ours

    assert others == ({"pluggy"} if path == SOURCE / "hooks.py" else set())


def test_public_names_are_sorted_complete_and_importable():
    """``__all__`` is exact, and agrees with what type checkers see."""
    tree = ast.parse((SOURCE / "__init__.py").read_text(encoding="utf-8"))
    typed = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.name for node in typed.body for alias in node.names}

    assert set(dapi.__all__) == seen
    assert dapi.__all__ == sorted(
        dapi.__all__, key=lambda name: (not name.isupper(), name[0].islower(), name)
    )
    for name in dapi.__all__:
        assert getattr(dapi, name) is not None
    assert set(dapi.__all__) <= set(dir(dapi))
    with pytest.raises(AttributeError, match="absent"):
        dapi.absent  # noqa: B018


def test_dir_shows_what_people_use():
    """Public names, public modules, those of other distributions included; no tool of ours."""
    shown = {name for name in dir(dapi) if not name.startswith("__")}
    modules = {found.name for found in iter_modules(dapi.__path__) if found.name[0] != "_"}

    assert {*dapi.__all__, *modules} == shown
    assert modules >= {"adapt", "exceptions", "hooks", "tasks"}


def test_version_is_that_of_the_distribution():
    """As pip knows it."""
    assert version("dapi-core") == dapi.__version__


def test_domain_is_imported_when_it_is_asked_for():
    """``import dapi`` is enough for what is installed; listing still imports none of it."""
    pytest.importorskip("dapi.vision")
    code = (
        "import dapi, json, sys; dapi.list_models(); dir(dapi)\n"
        "early = 'dapi.vision' in sys.modules\n"
        "print(json.dumps([early, dapi.vision.__name__, 'torch' in sys.modules]))"
    )

    assert [False, "dapi.vision", False] == run(code)


@pytest.mark.parametrize("domain", ["audio", "text", "vision"])
def test_domain_that_is_not_installed_says_what_to_install(monkeypatch, domain):
    """As an attribute, which hasattr understands."""
    monkeypatch.setattr(dapi, "__path__", [str(SOURCE)])
    monkeypatch.delattr(dapi, domain, raising=False)
    monkeypatch.delitem(sys.modules, f"dapi.{domain}", raising=False)

    with pytest.raises(AttributeError, match=f"pip install dapi-{domain}$"):
        getattr(dapi, domain)
    assert not hasattr(dapi, "nothing") and not hasattr(dapi, "_nothing")


def test_every_public_name_is_documented():
    """Classes and functions have docstrings."""
    found = {name: getattr(dapi, name) for name in dapi.__all__}
    aliases = {name for name, each in found.items() if get_origin(each)}

    assert {"WeightsLike"} == aliases  # the type has a string below it, which Python does not keep
    assert [] == [name for name, each in found.items() if not each.__doc__ and name not in aliases]


MODULES = ("adapt", "answers", "cache", "catalog", "exceptions", "hooks", "tasks")


@pytest.mark.parametrize("name", MODULES)
def test_names_of_a_public_module_exist_and_are_documented(name):
    """Its ``__all__`` is the promise that the compatibility policy makes."""
    module = importlib.import_module(f"dapi.{name}")
    found = {each: getattr(module, each) for each in module.__all__}
    defined = {each for each, value in found.items() if callable(value)}

    assert defined and sorted(set(module.__all__)) == sorted(module.__all__)
    assert [] == [each for each in defined if not found[each].__doc__]


def test_variables_are_those_that_the_sources_read():
    """What doctor takes for a variable of dapi is what some module reads."""
    texts = [path.read_text("utf-8") for path in modules() if "exceptions" not in path.parts]
    found = {name for text in texts for name in re.findall(r"\"(DAPI_[A-Z_]+)\"", text)}

    assert set(_environment.KNOWN) == found


class Examples(doctest.DocTestFinder):
    """Finds those of what a module defines and ``public`` says is of ``dapi``, too."""

    def _from_module(self, module, found):
        if getattr(found, "__module__", None) != "dapi":
            return super()._from_module(module, found)
        return re.search(rf"^(class|def) {found.__name__}\b", self.source, re.MULTILINE)


@pytest.mark.parametrize(
    "path",
    [path for path in modules() if ">>> " in path.read_text("utf-8")],
    ids=lambda path: str(path.relative_to(SOURCE)),
)
def test_examples_give_what_they_show(path):
    """The examples in docstrings are right."""
    dapi.refresh()  # not what a test advertised
    for word, needed in {"resnet20": "dapi.vision", ">>> import torch": "torch"}.items():
        if word in path.read_text("utf-8"):
            pytest.importorskip(needed)
    name = ".".join(["dapi", *path.relative_to(SOURCE).with_suffix("").parts])

    finder = Examples()
    finder.source = path.read_text("utf-8")
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    for example in finder.find(importlib.import_module(name), name):
        runner.run(example)

    assert (0, True) == (runner.failures, runner.tries > 0)


def test_public_names_are_of_dapi():
    """Pickles, tracebacks and reprs do not name the room that defines something."""
    named = [getattr(dapi, name) for name in dapi.__all__]
    found = [each for each in named if inspect.isclass(each) or inspect.isfunction(each)]

    assert {"dapi"} == {each.__module__ for each in found}
    assert found == pickle.loads(pickle.dumps(found))
    assert "dapi." not in repr(pickle.dumps(dapi.WeightEntry("https://example.org/1.pth")))


def run(code, *options, **environment):
    result = subprocess.run(
        [sys.executable, *options, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **environment},
    )
    return json.loads(result.stdout)


def test_listing_imports_no_framework():
    """In a new process, listing and searching load nothing heavy, nor dataclasses."""
    code = (
        "import dapi, json, sys; dapi.list_models(); dapi.search(); dapi.Weights; dapi.adapt\n"
        "dapi.register_model; print(json.dumps(sorted(sys.modules)))"
    )

    loaded = {name.partition(".")[0] for name in run(code)}

    assert not loaded & {*FRAMEWORKS, "torchvision", "torchaudio", "transformers"}
    assert not loaded & {"dataclasses", "inspect"}


@pytest.fixture(scope="module")
def known():
    """The file that says which distribution provides a model, for those who lack it."""
    return json.loads((SOURCE / "known_models.json").read_text())


@pytest.mark.parametrize("distribution", ["dapi-audio", "dapi-text", "dapi-vision"])
def test_known_models_are_those_of_our_distributions(known, distribution):
    """Each builder that an installed one advertises, and no other name."""
    found = [each for each in dapi.plugins() if each.name == distribution]
    if not found:
        pytest.skip(f"{distribution} is not installed")
    advertised = set(dapi.list_models(distribution=distribution))

    assert advertised == {name for name, provider in known.items() if provider == distribution}


def test_asking_for_a_known_model_names_its_distribution(known, tmp_path):
    """With dapi-core alone, the error says which distribution to install."""
    ours = {path.name for path in SOURCE.iterdir()} - ROOMS
    shutil.copytree(SOURCE, tmp_path / "dapi", ignore=shutil.ignore_patterns(*ours, "__pycache__"))
    code = f"""if True:
        import dapi, json
        found = {{}}
        for name in {sorted(known)}:
            try:
                dapi.get_builder(name)
            except dapi.exceptions.UnknownModelError as error:
                found[name] = error.provider if "pip install" in str(error) else str(error)
        print(json.dumps(found))"""

    assert known == run(code, "-S", PYTHONPATH=str(tmp_path))
