"""Note what was built."""

from dapi.hooks import FetchRequest, hookimpl

built = []


@hookimpl
def dapi_before_fetch(url):
    """Send one address elsewhere, and leave the others."""
    if url == "https://herbarium.example/leaves.pressed":
        return FetchRequest("herbarium://drawer/leaves.pressed")
    return None


@hookimpl
def dapi_model_built(builder, weights):
    """Note the builder and its weights."""
    built.append((builder, str(weights)))
