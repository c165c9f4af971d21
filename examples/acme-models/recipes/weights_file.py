"""Writing trained weights to a file that is named after its hash: no published one is lost."""

from __future__ import annotations

import hashlib
from pathlib import Path

from safetensors.torch import save
from torch import nn

PACKAGE = Path(__file__).parents[1] / "src" / "acme_models"


def write(model: nn.Module, stem: str, folder: Path) -> dict[str, str | int]:
    """Write ``<stem>-<first 8 digits>.safetensors``, and return the facts of its entry."""
    content = save(model.state_dict(), metadata={"format": "pt"})
    digest = hashlib.sha256(content).hexdigest()
    path = folder / f"{stem}-{digest[:8]}.safetensors"
    folder.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return {
        "file": path.name,
        "sha256": digest,
        "size": len(content),
        "num_params": sum(parameter.numel() for parameter in model.parameters()),
    }
