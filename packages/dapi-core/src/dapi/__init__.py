"""dapi: versioned model builders and their weights, with one way to find and download them.

Start with ``dapi.list_models()`` and ``dapi.get_model(name)``. The names below are imported on
first use: ``import dapi; dapi.list_models()`` loads no framework and little else.
"""

# Only dapi-core ships this file; without the next lines an editable dapi.vision is not found.
from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)

from typing import TYPE_CHECKING

del extend_path

__version__: str

if TYPE_CHECKING:
    from dapi import adapt, answers, cache, catalog, exceptions, hooks, tasks
    from dapi._answers.checking import check
    from dapi._answers.differences import Check, Difference
    from dapi._building.build_model import build_model
    from dapi._building.builder_config import BuilderConfig
    from dapi._building.context import ContextParams
    from dapi._building.declaration import LegacyArgument
    from dapi._building.provenance import Provenance, weights_of
    from dapi._building.register_model import register_model
    from dapi._catalog.builders import list_models
    from dapi._catalog.found import SearchResults
    from dapi._catalog.lookup import (
        LATEST,
        get_builder,
        get_enum,
        get_model,
        get_weights,
        list_weights,
    )
    from dapi._catalog.search import search
    from dapi._plugins.bound_lock import use_lock
    from dapi._plugins.removals import Removed
    from dapi._plugins.status import PluginInfo, Refreshed, plugins, refresh
    from dapi._prediction.predictor import ModelPredictor, Predictions, predictor
    from dapi._saving.loading import load
    from dapi._saving.saving import save
    from dapi._values.file import File
    from dapi._values.frozen import FrozenDict
    from dapi._weights.build import Build
    from dapi._weights.entry import Status, WeightEntry
    from dapi._weights.enum import Weights
    from dapi._weights.lazy import Asset, lazy
    from dapi._weights.lines import Lines
    from dapi._weights.meta import Meta
    from dapi._weights.offered import WeightsFor, WeightsLike
else:
    _HOMES = {
        "_building.build_model": ("build_model",),
        "_answers.checking": ("check",),
        "_answers.differences": ("Check", "Difference"),
        "_building.context": ("ContextParams",),
        "_weights.build": ("Build",),
        "_weights.entry": ("Undeclared", "Status", "WeightEntry"),
        "_values.file": ("File",),
        "_values.frozen": ("FrozenDict",),
        "_weights.lazy": ("Lazy", "Asset", "lazy"),
        "_weights.lines": ("Lines",),
        "_catalog.lookup": (
            "LATEST",
            "Latest",
            "get_builder",
            "get_enum",
            "get_model",
            "get_weights",
            "list_weights",
        ),
        "_weights.meta": ("Meta",),
        "_catalog.builders": ("list_models",),
        "_plugins.status": ("PluginInfo", "Refreshed", "plugins", "refresh"),
        "_prediction.predictor": ("ModelPredictor", "Predictions", "predictor"),
        "_building.provenance": ("Provenance", "weights_of"),
        "_building.builder_config": ("BuilderConfig",),
        "_building.declaration": ("LegacyArgument",),
        "_building.register_model": ("register_model",),
        "_plugins.bound_lock": ("use_lock",),
        "_plugins.removals": ("Removed",),
        "_saving.loading": ("load",),
        "_saving.saving": ("save",),
        "_catalog.found": ("Found", "SearchResults"),
        "_catalog.search": ("search",),
        "_weights.enum": ("Weights",),
        "_weights.offered": ("WeightsFor", "WeightsLike"),
    }

    # Additions of our other distributions to this package.
    _DOMAINS = ("audio", "devkit", "export", "lock", "text", "vision")

    def __getattr__(name: str) -> object:
        from importlib import import_module

        for home, names in _HOMES.items():
            if name in names:
                globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)
                return globals()[name]
        if name == "__version__":
            from dapi._plugins.discovery import CORE, versions

            return versions().get(CORE, "unknown")
        if not name.startswith("_"):
            from importlib.util import find_spec

            if find_spec(f"{__name__}.{name}"):
                return import_module(f"{__name__}.{name}")
        message = f"module {__name__!r} has no attribute {name!r}"
        if name in _DOMAINS:
            needed = f"dapi-{name}"
            message += f": {needed} is not installed. To install it: pip install {needed}"
        raise AttributeError(message, name=name)

    def __dir__() -> list[str]:
        from pkgutil import iter_modules

        modules = (found.name for found in iter_modules(__path__) if found.name[0] != "_")
        special = (name for name in globals() if name.startswith("__"))
        return sorted({*__all__, *modules, *special, "__version__"})


__all__ = [
    "LATEST",
    "Asset",
    "Build",
    "BuilderConfig",
    "Check",
    "ContextParams",
    "Difference",
    "File",
    "FrozenDict",
    "LegacyArgument",
    "Lines",
    "Meta",
    "ModelPredictor",
    "PluginInfo",
    "Predictions",
    "Provenance",
    "Refreshed",
    "Removed",
    "SearchResults",
    "Status",
    "WeightEntry",
    "Weights",
    "WeightsFor",
    "WeightsLike",
    "adapt",
    "answers",
    "build_model",
    "cache",
    "catalog",
    "check",
    "exceptions",
    "get_builder",
    "get_enum",
    "get_model",
    "get_weights",
    "hooks",
    "lazy",
    "list_models",
    "list_weights",
    "load",
    "plugins",
    "predictor",
    "refresh",
    "register_model",
    "save",
    "search",
    "tasks",
    "use_lock",
    "weights_of",
]
