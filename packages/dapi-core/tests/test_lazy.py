"""lazy: a factory by value."""

import copy
import pickle
import sys
from types import SimpleNamespace

import pytest

from dapi import Asset, File, cache, lazy
from dapi.exceptions import AssetError, DapiError, NoWeightsError, WeightsDeclarationError


def test_lazy_imports_nothing_until_called():
    """Declaring a factory does not import its module."""
    sys.modules.pop("colorsys", None)
    factory = lazy("colorsys:rgb_to_hsv", r=0, g=0, b=0)

    assert "colorsys" not in sys.modules
    assert (0.0, 0.0, 0) == factory()
    assert "colorsys" in sys.modules


def test_lazy_is_a_value():
    """It compares, hashes, pickles, copies and prints by value."""
    factory = lazy("fractions:Fraction", numerator=1)

    assert factory == lazy("fractions:Fraction", numerator=1)
    assert factory != lazy("fractions:Fraction", numerator=2)
    assert factory == pickle.loads(pickle.dumps(factory)) == copy.deepcopy(factory)
    assert 1 == len({factory, lazy("fractions:Fraction", numerator=1)})
    assert "lazy('fractions:Fraction', numerator=1)" == repr(factory)
    assert "lazy('m:f', words=Asset('vocabulary'))" == repr(lazy("m:f", words=Asset("vocabulary")))


def test_lazy_call_overrides_arguments():
    """A caller may replace what was declared."""
    assert 0.5 == lazy("fractions:Fraction", numerator=1, denominator=4)(denominator=2)


def test_lazy_raises_the_error_of_its_target():
    """Without files, there is nothing to blame."""
    with pytest.raises(ValueError, match="Invalid literal for Fraction"):
        lazy("fractions:Fraction", numerator="x")()


def test_lazy_is_bound_to_the_assets_that_it_names():
    """Other arguments stay, and a factory that names none stays itself."""
    words, plain = File("https://example.org/words.txt"), lazy("m:f", size=3)
    factory = lazy("m:f", words=Asset("words"), size=3).bind({"words": words, "other": words})

    assert {"words": words} == factory.assets and 3 == factory.kwargs["size"]
    assert plain.bind({"words": words}) is plain
    with pytest.raises(KeyError, match="words"):
        lazy("m:f", words=Asset("words")).bind({})


def test_outputs_of_a_new_head_are_named_by_the_caller():
    """The names of the old head, and its words, are left out; a factory without names stays."""
    factory = lazy("builtins:dict", categories=("a",), words=("b",), size=1).without_names()

    with pytest.raises(NoWeightsError, match=r"postprocess\(categories=\[\.\.\.\]\)"):
        factory()
    assert {"size": 1, "categories": ["c"]} == factory(categories=["c"])
    assert {"words": ("b",)} == lazy("builtins:dict", words=("b",)).without_names()()


def test_lazy_cannot_be_changed():
    """A declared factory stays as it was declared."""
    with pytest.raises(AttributeError, match="read-only"):
        lazy("fractions:Fraction").target = "os:system"


def test_lazy_fetches_files_into_paths(tmp_path):
    """A File among the arguments arrives as a local path."""
    vocabulary = tmp_path / "vocabulary.txt"
    vocabulary.write_text("a\nb\n")
    factory = lazy("pathlib:Path.read_text", self=Asset("vocabulary"))

    assert "a\nb\n" == factory.bind({"vocabulary": File(vocabulary.as_uri())})()


class TestAssets:
    """A file without a full hash does not stay if it cannot be used, and is to blame."""

    FILE = File("https://localhost:1/vocabulary.json")

    @pytest.fixture
    def factory(self, download, tmp_path, monkeypatch):
        """Return a factory over a file in the cache, with some content."""

        def make(content, target="dapi_test_vocabulary:read"):
            download(self.FILE, content)
            return lazy(target, file=Asset("vocabulary")).bind({"vocabulary": self.FILE})

        (tmp_path / "dapi_test_vocabulary.py").write_text(
            "import json\n"
            "def read(file, fail=None):\n"
            "    if fail:\n        raise fail\n"
            "    return json.loads(file.read_text())\n"
        )
        monkeypatch.syspath_prepend(str(tmp_path))
        yield make
        sys.modules.pop("dapi_test_vocabulary", None)

    def test_file_that_is_cut_is_downloaded_again(self, factory):
        """The factory that reads it says that it is none."""
        broken = factory(b'["a", "b')
        with pytest.raises(ValueError, match="Unterminated"):
            broken()

        assert cache.find(self.FILE) is None

    @pytest.mark.parametrize("content", [b"<html>", b"/annex/objects/SHA256E-s9--00"])
    def test_placeholder_is_named_and_downloaded_again(self, factory, content):
        """Some readers would take it for a vocabulary of a few odd words."""
        with pytest.raises(AssetError, match="vocabulary.json cannot be used: it is a"):
            factory(content, target="pathlib:Path.read_text")()

        assert cache.find(self.FILE) is None

    @pytest.mark.parametrize(
        "cause",
        [MemoryError(), OSError(5, "Input/output error"), TypeError("no such argument")],
        ids=repr,
    )
    def test_file_stays_when_the_machine_or_the_code_is_to_blame(self, factory, monkeypatch, cause):
        """It would only be downloaded again."""
        whole = factory(b'["a", "b"]')

        def fail(text):
            raise cause

        with monkeypatch.context() as context:
            # Only in the module of the target: the store reads JSON, too.
            context.setattr("dapi_test_vocabulary.json", SimpleNamespace(loads=fail))
            with pytest.raises(type(cause)):
                whole()
        assert ["a", "b"] == whole()

    def test_file_stays_when_the_caller_is_to_blame(self, factory):
        """Other arguments than the declared ones may be why it failed."""
        whole = factory(b'["a", "b"]')
        for wrong in ({"fail": ValueError("so")}, {"unknown": 1}):
            with pytest.raises((ValueError, TypeError)):
                whole(**wrong)

        assert ["a", "b"] == whole()


def test_pointer_in_a_package_is_named(tmp_path, monkeypatch):
    """As in a distribution that was built from a checkout without Git LFS."""
    (tmp_path / "acme_words").mkdir()
    (tmp_path / "acme_words" / "__init__.py").touch()
    (tmp_path / "acme_words" / "vocab.txt").write_text("version https://git-lfs.github.com/spec/v1")
    monkeypatch.syspath_prepend(str(tmp_path))
    factory = lazy("pathlib:Path.read_text", self=File("package:acme_words/vocab.txt"))

    with pytest.raises(DapiError, match=r"(?s)Git LFS pointer.*git lfs pull"):
        factory()


@pytest.mark.parametrize("target", ["fractions", "fractions:", ":Fraction", ""])
def test_lazy_without_attribute_is_an_error(target):
    """A target is a module and an attribute."""
    with pytest.raises(WeightsDeclarationError, match="module:attribute"):
        lazy(target)
