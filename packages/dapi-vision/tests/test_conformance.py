"""What dapi promises of every builder and every set of weights, of those of dapi.vision."""

from dapi.devkit import Conformance


class TestConformance(Conformance):
    """Larger models are loaded by ``nox -s slow``."""

    distribution = "dapi-vision"
    level = 2  # answers are checked by nox -s answers
    max_parameters = 2_500_000  # there are 125 builders
