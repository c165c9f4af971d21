"""Return docs/metadata.md: the keys of ``meta``, from the schema that the conformance suite checks.

``python tools/write_names.py`` writes it.
"""

from __future__ import annotations

from dapi.devkit._schema import KEYS, Key

HEAD = """# Metadata

What an entry of weights says of itself is its `meta`: a dict. `dapi show`, `dapi search` and the
[catalogue](catalogue.md) read the keys below; type checkers know them as `dapi.Meta`. A publisher
adds others freely. What all members of an enum have in common, the enum says once:
`class PlantNetWeights(Weights, meta={"num_params": 15})`.

The [conformance suite](conformance.md) checks these (DAPI-C031). What is not known is said so:
`"unknown"`, or `[]`.

It is read-only at every depth. `meta.to_dict()` returns dicts, lists, text and numbers, as
`json.dumps`, YAML and pydantic take them.

## Required
"""
REST = """
## Where they apply
"""
TAIL = """
## The hash, and who says it

`sha256` and `size` of an entry say which bytes are right; `hash_source` says who published that.
`dapi describe FILE` prints all three. The suite (DAPI-C034) accepts an entry without a full sha256
only if its `hash_source` says how it is trusted instead:

| what is known of the file | `hash_source` |
|---|---|
| you made it | `measured from the file before it was published` |
| it is in your wheel | `measured from the file in this distribution` |
| its owner publishes the sha256 | the page that has it, or `published by` whom |
| its owner publishes the first digits, as in torchvision's names of files | `first 8 digits` |
| nobody publishes any | `not published: trusted on first use` |

This page is generated from the schema; `python tools/write_names.py` writes it.
"""


def page() -> str:
    """Return the text of the page."""
    required = [key for key in KEYS if key.is_required]
    others = [key for key in KEYS if not key.is_required]
    return "\n".join([HEAD, *_table(required), REST, *_table(others), TAIL])


def _table(keys: list[Key]) -> list[str]:
    rows = (f"| `{key.name}` | {key.expected} | {key.meaning} |" for key in keys)
    return ["| key | value | what it says |", "|---|---|---|", *rows]
