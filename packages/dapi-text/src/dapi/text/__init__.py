"""Text models with versioned weights, over the classes of transformers.

``from dapi.text import roberta_base, RoBERTaBaseWeights``: the names are listed in the stub beside
this file, and each family is imported when one of its names is first used. Nothing here imports
torch or transformers before a model, or the transforms of its weights, is built.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
