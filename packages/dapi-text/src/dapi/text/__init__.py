"""Text models with versioned weights, over the classes of transformers.

``from dapi.text import roberta_base, RoBERTaBaseWeights``: the names are listed in the stub beside
this file, and each family is imported when one of its names is first used. Nothing here imports
torch or transformers before a model, or the transforms of its weights, is built.
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
