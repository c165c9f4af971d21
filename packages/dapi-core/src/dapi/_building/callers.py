"""Callers: the arguments of a builder that neither weights nor files may set."""

from __future__ import annotations

from typing import Final

# Only a caller may name code, repositories, devices and downloads.
CALLERS: Final = frozenset({
    "auto_map", "code_revision", "revision", "trust_remote_code",
    "attn_implementation", "experts_implementation", "kernel_config", "use_kernels",
    "device", "device_map", "dtype", "quantization_config", "torch_dtype",
    "new_head", "new_stem", "pretrained", "pretrained_backbone", "progress", "weights",
})  # fmt: skip
