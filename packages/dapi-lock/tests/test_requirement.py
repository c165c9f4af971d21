"""Requirements: what a project may ask for, and how it is written back."""

import pytest

from dapi.lock import Requirement
from dapi.lock.exceptions import LockError


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("resnet50", ""),
        ("acme-zoo/net:Digits_RefV1", ""),
        ("hf:Digits_RefV1", ""),  # a model may be called hf
        ("hf:acme/tiny", "acme/tiny"),
        ("hf:acme/tiny@refs/pr/1", "acme/tiny"),
        ("https://me:secret@example.org/a%20b.bin?sig=1#x", "a b.bin"),
        ("https://example.org/", "files"),
        ("s3://bucket/models/x.bin", "x.bin"),
        ("package:acme_data/sub/vocab.txt#acme-data", "vocab.txt"),
        ("./models/tiny/", "models/tiny"),
    ],
)
def test_sources_are_told_from_weights(text, name):
    """By a scheme with a path, or a local path; a source has a name."""
    found = Requirement.parse(text)

    assert (name, bool(name)) == (found.name, found.is_source)
    assert "secret" not in found.shown and "sig" not in found.shown


@pytest.mark.parametrize(
    "value",
    [
        "resnet50",
        "hf:acme/tiny@v1",
        {"source": "hf:acme/tiny", "include": ["*.json", "*.txt"], "exclude": ["a/"]},
        {"source": "https://example.org/x", "name": "y", "license": "MIT"},
    ],
)
def test_what_is_read_is_written_back(value):
    """As a string where there is nothing else to say."""
    found = Requirement.from_toml(value, "pyproject.toml")

    assert value == found.as_toml()
    assert found == Requirement.from_toml(found.as_toml(), "x")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (5, "not a list of names and sources"),
        ({"name": "x"}, "not a list of names and sources"),
        ({"source": "resnet50"}, "'resnet50' is not a source"),
        ({"source": "hf:a/b", "revison": "v1"}, "unknown key 'revison'"),
        ({"source": "hf:a/b", "include": "*.json"}, 'a list like ["*.json"]'),
        ({"source": "hf:a/b", "include": [5]}, 'a list like ["*.json"]'),
        ({"source": "hf:a/b", "name": "x:y"}, "string without colons"),
        ({"source": "hf:a/b", "name": ""}, "string without colons"),
        ({"source": "hf:a/b", "license": 5}, "string without colons"),
    ],
)
def test_other_forms_are_refused_in_words(value, told):
    """A key that has no effect is an error."""
    with pytest.raises(LockError) as caught:
        Requirement.from_toml(value, "pyproject.toml")
    assert told in str(caught.value)
