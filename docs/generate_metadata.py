"""Return docs/metadata.md: the keys of ``meta``, from the schema that the conformance suite checks.

``python tools/write_names.py`` writes it.
"""

from __future__ import annotations

from dapi.devkit._schema import KEYS, Key

HEAD = """# Metadata

The attribute `meta` of an entry is a dict with facts about the weights. `dapi show`, `dapi
search` and the [catalogue](catalogue.md) read the keys below; type checkers know them as
`dapi.Meta`. Publishers may add other keys. State facts that are the same for all members only
once, in the enum: `class PlantNetWeights(Weights, meta={"num_params": 15})`.

The [conformance suite](conformance.md) checks the required keys (DAPI-C031). If a value is not
known, write `"unknown"` or `[]`.

It is read-only at every depth. `meta.to_dict()` returns dicts, lists, text and numbers, as
`json.dumps`, YAML and pydantic take them.

## Required
"""
REST = """
## Where they apply

Add these keys if they apply to the model.
"""
TAIL = """
## The hash, and who says it

`sha256` and `size` of an entry identify the right bytes; `hash_source` states who published them.
`dapi describe FILE` prints all three. The suite (DAPI-C034) accepts an entry without a full sha256
only if its `hash_source` states how the file is trusted instead:

| the file | `hash_source` |
|---|---|
| you made it | `measured from the file before it was published` |
| it is in your wheel | `measured from the file in this distribution` |
| its owner publishes the sha256 | the page with the hash, or `published by` and the name |
| its owner publishes the first digits, as in torchvision's names of files | `first 8 digits` |
| no hash is published | `not published: trusted on first use` |

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
