"""The catalog, for tools: builders, what they declare, the weights offered for them, their files.

Building models needs none of this; tools that audit, lock, check or publish do. Nothing here
downloads a file, and only ``record_answer`` builds a model or imports a framework;
``load_builder``, ``load_enum``, ``enums`` and ``resolve`` import the modules that declare what they
return.

A **builder** is found by its name (``find``, ``builders``), and the arguments of ``register_model``
are its **declaration**; ``Arguments.of`` reads the arguments that it accepts. **Answers** are
models' outputs for a fixed input: ``answers`` reads those of a distribution, ``record_answer`` runs
a model, and ``compare_answers`` needs no framework. **Plugins** are the installed distributions
that advertise **entry points** to dapi. ``saved`` returns the record of ``dapi.save`` in a file;
``write_tensors`` writes tensors to a safetensors file in which they are aligned.
``redacted`` and ``printable`` return untrusted URLs and text in a form that may be displayed,
``counted`` a number with its noun.

Example:
    >>> from dapi import catalog
    >>> builder, weights = catalog.resolve("resnet20_v2:Digits_RefV1")
    >>> builder.distribution, [file.name for file in catalog.files(weights)]
    ('dapi-vision', ['resnet20_v2_digits_v1.safetensors'])
    >>> catalog.declaration(builder.load()).head
    ('fc',)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dapi._building.arguments import Arguments
from dapi._building.declaration import Declaration, declaration
from dapi._catalog.builders import Builder, load_builder, registered
from dapi._catalog.builders import known as builders
from dapi._catalog.files import everything as files
from dapi._catalog.lookup import find, resolve
from dapi._catalog.metrics import Metric
from dapi._catalog.metrics import read as metrics
from dapi._catalog.offers import all_enums, enums, load_enum, qualified_names
from dapi._plugins.bound_lock import current as bound_lock
from dapi._plugins.discovery import EntryPoint, Plugin, entry_points
from dapi._plugins.discovery import discover as plugins
from dapi._plugins.requirements import Requirement
from dapi._text import counted
from dapi._text.untrusted import printable
from dapi._text.urls import redact, redacted
from dapi._values.names import Name, normalize, parse
from dapi._weights.enum import entry_of
from dapi._weights.lazy import Lazy
from dapi._weights.lazy import resolve as import_target

if TYPE_CHECKING:
    from dapi._answers.answers import Answer
    from dapi._answers.answers import of as answers
    from dapi._answers.differences import compare as compare_answers
    from dapi._answers.recording import record_answer
    from dapi._loader.safetensors import write as write_tensors
    from dapi._saving.loading import noted as saved
else:
    # Each takes longer to import than all others together, and few tools need them.
    _HOMES = {
        "Answer": ("_answers.answers", "Answer"),
        "answers": ("_answers.answers", "of"),
        "record_answer": ("_answers.recording", "record_answer"),
        "compare_answers": ("_answers.differences", "compare"),
        "saved": ("_saving.loading", "noted"),
        "write_tensors": ("_loader.safetensors", "write"),
    }

    def __getattr__(name: str) -> object:
        from importlib import import_module

        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
        home, attribute = _HOMES[name]
        globals()[name] = getattr(import_module(f"dapi.{home}"), attribute)
        return globals()[name]


__all__ = [
    "Answer",
    "Arguments",
    "Builder",
    "Declaration",
    "EntryPoint",
    "Lazy",
    "Metric",
    "Name",
    "Plugin",
    "Requirement",
    "all_enums",
    "answers",
    "bound_lock",
    "builders",
    "compare_answers",
    "counted",
    "declaration",
    "entry_of",
    "entry_points",
    "enums",
    "files",
    "find",
    "import_target",
    "load_builder",
    "load_enum",
    "metrics",
    "normalize",
    "parse",
    "plugins",
    "printable",
    "qualified_names",
    "record_answer",
    "redact",
    "redacted",
    "registered",
    "resolve",
    "saved",
    "write_tensors",
]
