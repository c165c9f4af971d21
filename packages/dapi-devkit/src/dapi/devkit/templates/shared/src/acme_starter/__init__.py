"""The models and weights of acme-starter.

The names that ``__init__.pyi`` lists are imported on first use. It is written by
``dapi entry-points --write``.
"""

from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
