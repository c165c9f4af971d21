"""A scheme, a format and a command."""

import io
import json

WEIGHTS = {"classify.weight": [[1.0, 0.0, 0.0, 0.0]] * 3, "classify.bias": [0.0, 1.0, 0.5]}


def open_drawer(url):
    """Return the stream of a file in the drawer."""
    assert url == "herbarium://drawer/leaves.pressed", url
    return io.BytesIO(json.dumps(WEIGHTS).encode())


def read_pressed(path):
    """Read a state dict from JSON."""
    import torch

    return {key: torch.tensor(value) for key, value in json.loads(path.read_bytes()).items()}


def command(arguments):
    """Print what was given."""
    print("herbarium", *arguments)
    return 0
