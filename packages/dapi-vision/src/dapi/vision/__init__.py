"""Versioned vision models and their weights, over torchvision.

Builders and their enums are importable from here, as in
``from dapi.vision import ResNet50Weights, resnet50``; each is imported on first use, with the
module of its own family only. Neither torch nor torchvision is imported before a model is built
or transforms are made.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
