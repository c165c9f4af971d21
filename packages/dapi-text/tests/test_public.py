"""What dapi.text offers, and what looking at it imports."""

import subprocess
import sys

import pytest

import dapi

HEAVY = {"torch", "transformers", "numpy", "tokenizers", "safetensors", "sentence_transformers"}


def run(code):
    """Run code in a new process, and return which of the heavy packages it imported."""
    code = f"import sys\n{code}\nprint(sorted(set(sys.modules) & {HEAVY!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_public_names():
    """The builders and enums of all families, and each can be had."""
    import dapi.text

    builders = dapi.list_models(distribution="dapi-text")
    enums = {type(member).__name__ for name in builders for member in dapi.list_weights(name)}
    names = {*builders, *enums}
    assert set(dapi.text.__all__) == names
    assert all(getattr(dapi.text, name) for name in names)


@pytest.mark.parametrize(
    "code",
    [
        "import dapi.text",
        "import dapi.text.tasks",
        "import dapi.text; dir(dapi.text); dapi.text.roberta_large; dapi.text.minilm_l6",
        "import dapi; assert dapi.list_models(distribution='dapi-text')",
        "import dapi; assert dapi.list_weights('minilm_l6')",
        "import dapi.text as t; enums = [getattr(t, n) for n in t.__all__ if not n.islower()]; "
        "[(dict(w.meta), repr(w.value)) for enum in enums for w in enum]",
        "import dapi; dapi.get_weights('minilm_l6:SentencePairs1B_RefV1').transforms",
    ],
)
def test_looking_imports_no_framework(code):
    """Neither the list, nor the names, nor the metadata need torch or transformers."""
    assert run(code) == "[]"


def test_models_are_listed():
    """The entry points name the builders, which are public."""
    import dapi.text

    models = dapi.list_models(distribution="dapi-text")
    assert set(models) == {name for name in dapi.text.__all__ if name.islower()}


@pytest.mark.parametrize("name", dapi.list_models(distribution="dapi-text"))
def test_each_member_is_found_by_name(name):
    """LATEST means something for each builder, and each member has a name."""
    members = dapi.list_weights(name)
    assert members[0].latest
    assert all(dapi.get_weights(f"{name}:{member.name}") is member for member in members)


def test_weights_are_found_on_the_model():
    """A model built by name says what it was built with."""
    model = dapi.get_model("minilm_l6")
    assert str(dapi.weights_of(model)) == "minilm_l6:SentencePairs1B_RefV1"
