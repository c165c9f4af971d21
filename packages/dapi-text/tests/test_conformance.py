"""What dapi promises of every builder and every set of weights, of those of dapi.text."""

from dapi.devkit import Conformance


class TestConformance(Conformance):
    """Larger models are loaded by ``nox -s slow``."""

    distribution = "dapi-text"
