"""The schema of ``meta``: one list of keys, for checks, types and documentation."""

from pathlib import Path
from typing import get_args

from dapi._weights import meta
from dapi.devkit._schema import KEYS

DOCS = Path(__file__).parents[3] / "docs"


def test_keys_are_those_that_type_checkers_know():
    """``dapi.Meta`` has a type for each, and its docstring names each."""
    kinds = (meta.Text, meta.Texts, meta.Count, meta.Number, meta.Size, meta.Metrics)
    typed = {key for kind in kinds for key in get_args(kind)}

    assert typed == {key.name for key in KEYS}
    for name in typed:
        assert f"``{name}``" in meta.Meta.__doc__


def test_documentation_has_each_key():
    """docs/metadata.md lists all of them: ``python tools/write_names.py`` writes it."""
    page = (DOCS / "metadata.md").read_text("utf-8")

    for key in KEYS:
        assert f"| `{key.name}` | {key.expected} | {key.meaning} |" in page
