"""Conversion of files of others to safetensors.

``worker`` does it in a process with bounds, which ``dapi.devkit._convert`` starts.
``content`` reads a file as a tree: ``pickled`` and ``distributed`` read pickles, with the
stand-ins of ``inert`` and ``arrays``, and dapi-core reads the other formats.
``choice`` finds the tensors in the tree.
"""
