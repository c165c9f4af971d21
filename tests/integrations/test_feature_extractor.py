"""torchvision's ``create_feature_extractor`` returns the layers of a model that are asked for."""

import pytest
import torch
from torchvision.models.feature_extraction import create_feature_extractor, get_graph_node_names

import dapi

INTEGRATION = "create_feature_extractor"
DISTRIBUTION = "torchvision"
REMARK = "The extractor is another model: ask `dapi.weights_of` before."


def example():
    import torch
    from torchvision.models.feature_extraction import create_feature_extractor

    import dapi

    model = dapi.get_model("efficientnet_lite0").eval()
    extract = create_feature_extractor(model, {"_blocks.10": "middle", "flatten": "embedding"})
    with torch.inference_mode():
        found = extract(torch.rand(1, 3, 224, 224))
    print({name: tuple(value.shape) for name, value in found.items()})


def test_layers_are_found_by_name(run_example):
    """Their output, with the shape of the layer."""
    assert "{'middle': (1, 112, 14, 14), 'embedding': (1, 1280)}\n" == run_example()


@pytest.mark.parametrize(
    "name", ["resnet20_v2", "resnet50", "efficientnet_lite0", "vit_b_16", "swin_t"]
)
def test_classifiers_are_traced(name):
    """All that is between the picture and the classifier, which gives what the model gives."""
    model = dapi.get_model(name, weights=None).eval()
    last = get_graph_node_names(model)[1][-1]
    images = torch.rand(1, 3, 224, 224)

    with torch.inference_mode():
        found = create_feature_extractor(model, [last])(images)[last]
        assert torch.equal(model(images), found)
