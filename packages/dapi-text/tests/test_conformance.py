"""What dapi promises of every builder and every set of weights, of those of dapi.text."""

from dapi.devkit import Conformance


class TestConformance(Conformance):
    """Larger models are loaded by ``nox -s slow``."""

    distribution = "dapi-text"
    level = 2  # answers are checked by nox -s answers
