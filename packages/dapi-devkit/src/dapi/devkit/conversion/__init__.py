"""Conversion of files of others to safetensors.

``worker`` does it in a process with bounds, ``command`` starts that and prints. ``content`` reads a
file as a tree: ``pickled`` and ``distributed`` read PyTorch's formats with ``inert``, an unpickler
that runs nothing, and dapi-core reads the others. ``choice`` finds the tensors in the tree.
"""
