"""What dapi promises of every builder and of all weights holds for these."""

from dapi.devkit import Conformance


class TestConformance(Conformance):
    """All checks of dapi's conformance suite."""

    distribution = "acme-starter"
    level = 3
