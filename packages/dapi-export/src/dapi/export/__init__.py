"""Export: a model with its preprocessing and labels as one file, proved equal to the model.

``dapi export NAME`` writes it; ``export(name)`` does so in Python. The file is ONNX, or a program
of ``torch.export``. It contains the transforms of the weights where they can be traced, and states
the weights, their hashes, their license and their categories.

Importing this module imports no framework.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dapi.export._exporting import export
    from dapi.export._tensors import Tensors
    from dapi.export.exceptions import ExportError, ExportExistsError, ProofError
    from dapi.export.report import Export
else:
    _HOMES = {
        "_exporting": ("export",),
        "_tensors": ("Tensors",),
        "exceptions": ("ExportError", "ExportExistsError", "ProofError"),
        "report": ("Export",),
    }

    def __getattr__(name: str) -> object:
        from importlib import import_module

        for home, names in _HOMES.items():
            if name in names:
                return getattr(import_module(f"{__name__}.{home}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)


__all__ = ["Export", "ExportError", "ExportExistsError", "ProofError", "Tensors", "export"]
