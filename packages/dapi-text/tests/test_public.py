"""What dapi.text offers, and what looking at it imports."""

import subprocess
import sys

import pytest

import dapi

NAMES = [
    "MiniLML6Weights",
    "RoBERTaBaseWeights",
    "RoBERTaLargeWeights",
    "minilm_l6",
    "roberta_base",
    "roberta_large",
]
HEAVY = {"torch", "transformers", "numpy", "tokenizers", "safetensors", "sentence_transformers"}


def run(code):
    """Run code in a new process, and return which of the heavy packages it imported."""
    code = f"import sys\n{code}\nprint(sorted(set(sys.modules) & {HEAVY!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_public_names():
    """The names of the stub, and each can be had."""
    import dapi.text

    assert sorted(dapi.text.__all__) == NAMES
    assert all(getattr(dapi.text, name) for name in NAMES)


@pytest.mark.parametrize(
    "code",
    [
        "import dapi.text",
        "import dapi.text; dir(dapi.text); dapi.text.roberta_large; dapi.text.minilm_l6",
        "import dapi; assert dapi.list_models(distribution='dapi-text')",
        "import dapi; assert dapi.list_weights('minilm_l6')",
        "import dapi; [dict(w.meta) and repr(w.value) for w in dapi.list_weights('roberta_base')]",
        "import dapi; dapi.get_weights('minilm_l6:SentencePairs1B_RefV1').transforms",
    ],
)
def test_looking_imports_no_framework(code):
    """Neither the list, nor the names, nor the metadata need torch or transformers."""
    assert run(code) == "[]"


def test_models_are_listed():
    """The entry points name the builders."""
    models = dapi.list_models(distribution="dapi-text")
    assert models == ["minilm_l6", "roberta_base", "roberta_large"]


@pytest.mark.parametrize("name", ["minilm_l6", "roberta_base", "roberta_large"])
def test_each_builder_has_one_latest(name):
    """LATEST means something for each."""
    (member,) = dapi.list_weights(name)
    assert member.latest
    assert dapi.get_weights(f"{name}:{member.name}") is member


def test_weights_are_found_on_the_model():
    """A model built by name says what it was built with."""
    model = dapi.get_model("minilm_l6")
    assert str(dapi.weights_of(model)) == "minilm_l6:SentencePairs1B_RefV1"
