"""dapi's promises for builders and weights hold for these."""

from dapi.devkit import Conformance


class TestConformance(Conformance):
    """All checks of dapi's conformance suite."""

    distribution = "acme-starter"
    level = 3
