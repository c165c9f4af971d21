"""Tools for publishers of models and weights: conformance tests, and a scaffold.

``class TestConformance(dapi.devkit.Conformance): distribution =
"acme-models"`` in a test file, or ``pytest --dapi-conformance acme-models`` without one, checks
dapi's promises for every builder and every set of weights.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dapi.devkit.conformance import Conformance
else:

    def __getattr__(name: str) -> object:
        if name != "Conformance":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
        from dapi.devkit.conformance import Conformance  # imports pytest, which commands do without

        return Conformance


__all__ = ["Conformance"]
