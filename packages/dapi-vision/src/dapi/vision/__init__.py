"""Versioned vision models and their weights, over torchvision.

Builders and their enums are importable from here, as in
``from dapi.vision import ResNet50Weights, resnet50``; each is imported on first use, with the
module of its own family only. Neither torch nor torchvision is imported before a model is built
or transforms are made.
"""

from collections.abc import Callable
from functools import cache


def __getattr__(name: str) -> object:
    return _stub()[2] if name == "__all__" else _stub()[0](name)


def __dir__() -> list[str]:
    return _stub()[1]()


@cache
def _stub() -> tuple[Callable[[str], object], Callable[[], list[str]], list[str]]:
    """Read the names of __init__.pyi, which importing one family need not."""
    import lazy_loader

    return lazy_loader.attach_stub(__name__, __file__)
