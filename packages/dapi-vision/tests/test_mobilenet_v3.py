"""MobileNetV3: the forms in which detectors and segmentation models take it."""

import pytest
import torchvision.models as peer

import dapi

FORMS = {
    "dilated": {"dilated": True},
    "reduced-tail": {"reduced_tail": True},
    "narrow": {"width_mult": 0.75},
    "all": {"dilated": True, "reduced_tail": True, "width_mult": 0.5, "num_classes": 7},
}


@pytest.mark.parametrize("name", ["mobilenet_v3_large", "mobilenet_v3_small"])
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_forms_are_torchvisions(name, form, structure):
    """The same modules with the same arguments, keys and shapes."""
    oracle = peer.get_model_builder(name)(weights=None, **form)

    assert structure(oracle) == structure(dapi.get_builder(name)(weights=None, **form))
