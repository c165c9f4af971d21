"""Formats of others, by suffix, in the entry points ``dapi.formats``: each reads tensors by key."""
